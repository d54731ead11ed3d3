package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Unit is a video to process, or a span of a long one.
type Unit struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"` // path or address, for provenance
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256,omitempty"` // of a file
	// Bucket and Object are set for a video in a bucket, whose version is ETag.
	Bucket string `json:"bucket,omitempty"`
	Object string `json:"object,omitempty"`
	ETag   string `json:"etag,omitempty"`

	Part  *video.Part `json:"part,omitempty"`  // of a span
	Whole bool        `json:"whole,omitempty"` // it is not divided
}

// label names the unit for people.
func (u Unit) label() string {
	if u.Part == nil {
		return u.ID
	}
	return fmt.Sprintf("%s, frames %d to %d", u.ID, u.Part.First, u.Part.Last-1)
}

// content identifies the content of a video: the SHA-256 of a file, or the version of an
// object, which would have to be downloaded to be hashed. It is "" if neither is known.
func (u Unit) content() string {
	if u.SHA256 == "" && u.ETag != "" {
		return fmt.Sprintf("%s %s %d", u.Source, u.ETag, u.Size)
	}
	return u.SHA256
}

// key identifies the result of a unit: the ID, content and recipe of its video, and its span.
func (u Unit) key(r Recipe) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{u.ID, u.content(), r.Backbone, r.Preprocessing, r.Sampling, fmt.Sprint(r.Stream)}))
	key := hex.EncodeToString(sum[:])
	if u.Part != nil {
		key += fmt.Sprintf(".%d-%d", u.Part.First, u.Part.Last)
	}
	return key
}

// videoKey returns the key of the video of a unit.
func videoKey(key string) string {
	key, _, _ = strings.Cut(key, ".")
	return key
}

// Recipe is what all workers of a fleet must agree on.
type Recipe struct {
	Version       string `json:"version"` // of clipcue
	Backbone      string `json:"backbone"`
	Preprocessing string `json:"preprocessing"`
	Decoder       string `json:"decoder"`
	CPU           string `json:"cpu,omitempty"` // instruction set; "" means any

	Sampling     string        `json:"sampling"`
	Stream       int           `json:"stream,omitempty"`
	Still        float64       `json:"still,omitempty"`
	AllowPartial bool          `json:"allow_partial,omitempty"`
	Timeout      time.Duration `json:"timeout,omitempty"`
}

// NewRecipe returns the recipe of extraction with an encoder.
func NewRecipe(enc feature.Encoder, o feature.Options, version, decoder, cpu string) (Recipe, error) {
	made, err := o.Recipe(enc)
	return Recipe{version, made.Backbone, made.Preprocessing, decoder, cpu, made.Sampling, o.Stream, o.Still, o.AllowPartial, o.Timeout}, err
}

// options returns the options of extraction.
func (r Recipe) options() (o feature.Options, err error) {
	o = feature.Options{Stream: r.Stream, Still: r.Still, AllowPartial: r.AllowPartial, Timeout: r.Timeout}
	o.Sampling, err = video.ParseSampling(r.Sampling)
	return o, err
}

// made returns the recipe as provenance has it.
func (r Recipe) made() feature.Provenance {
	return feature.Provenance{Stream: r.Stream, Backbone: r.Backbone, Preprocessing: r.Preprocessing, Sampling: r.Sampling}
}

// Machine is what a worker declares about itself.
type Machine struct {
	ID     string    `json:"id"`   // of the process
	Name   string    `json:"name"` // of the machine
	Recipe Recipe    `json:"recipe"`
	Clock  time.Time `json:"clock"`
}

// maxSkew is the limit of the difference between two clocks. Buckets refuse requests that
// are signed with a wrong time.
const maxSkew = 10 * time.Minute

// accepts returns why a machine cannot work with the recipe.
func (r Recipe) accepts(m Machine, now time.Time) error {
	for _, c := range []struct{ what, have, want string }{
		{"clipcue version", m.Recipe.Version, r.Version},
		{"backbone", m.Recipe.Backbone, r.Backbone},
		{"preprocessing", m.Recipe.Preprocessing, r.Preprocessing},
		{"decoder", m.Recipe.Decoder, r.Decoder},
		{"instruction set", m.Recipe.CPU, cmp.Or(r.CPU, m.Recipe.CPU)},
	} {
		if c.have != c.want {
			return fmt.Errorf("this worker has %s %s, but the fleet uses %s", c.what, c.have, c.want)
		}
	}
	if skew := m.Clock.Sub(now).Round(time.Second); skew.Abs() > maxSkew {
		return fmt.Errorf("the clock of this worker differs from the coordinator's by %v", skew)
	}
	return nil
}
