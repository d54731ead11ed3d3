// Package feature is where videos and the backbone meet: it turns a video's
// frames into a sequence of frame features and keeps sequences in a store on
// disk, with where they came from.
package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// Sequence are the features of a video's frames in the order of time.
type Sequence struct {
	ID         string    // the video's path below the folder that was extracted
	Width      int       // E
	Features   []float32 // [T,E], raw tower output
	Timestamps []float64 // [T] seconds
	Provenance Provenance
}

// Len is T, the number of frames.
func (q *Sequence) Len() int { return len(q.Timestamps) }

// Row is frame i's feature [E].
func (q *Sequence) Row(i int) []float32 { return q.Features[i*q.Width : (i+1)*q.Width] }

// Provenance says where a sequence came from: enough to tell whether it fits a
// model and whether its video has changed.
type Provenance struct {
	Source        string    `json:"source"`              // the video's path as it was given
	Size          int64     `json:"size"`                // bytes
	Modified      time.Time `json:"modified"`            // UTC
	SHA256        string    `json:"sha256"`              // hexadecimal
	StartTime     float64   `json:"start_time"`          // what players call 0:00, on the clock of Timestamps, seconds
	Duration      float64   `json:"duration"`            // as declared, seconds; 0 = unknown
	FrameRate     float64   `json:"frame_rate"`          // of the video, on average; 0 = unknown
	Stream        int       `json:"stream,omitempty"`    // the video stream that was asked for; 0 = the default one
	Treatment     string    `json:"treatment,omitempty"` // of pictures before they are resized; see [video.Info.Treatment]
	Partial       string    `json:"partial,omitempty"`   // why only a part of the video could be decoded; "" = all of it
	Decoder       string    `json:"decoder"`
	Backbone      string    `json:"backbone"` // fingerprint
	Preprocessing string    `json:"preprocessing"`
	Sampling      string    `json:"sampling"`
}

// Store is a folder of sequences, one safetensors file each: <id>.safetensors
// with features [T,E] and timestamps [T].
type Store struct{ dir string }

const (
	suffix     = ".safetensors"
	provenance = "provenance"
)

// Open opens an existing store.
func Open(dir string) (*Store, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w: no such folder", dir, ErrNoStore)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s: %w: a file, not a folder", dir, ErrNoStore)
	}
	return &Store{dir}, nil
}

// Create opens a store, making its folder if need be.
func Create(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return &Store{dir}, nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// path is the file of a sequence. An id that would lead out of the store, or be
// hidden in it, is an error.
func (s *Store) path(id string) (string, error) {
	if id != path.Clean(id) || !filepath.IsLocal(filepath.FromSlash(id)) || strings.HasPrefix(path.Base(id), ".") {
		return "", fmt.Errorf("feature id %q is not the path of a file below the store", id)
	}
	return filepath.Join(s.dir, filepath.FromSlash(id)+suffix), nil
}

// IDs lists the stored sequences in order.
func (s *Store) IDs() ([]string, error) {
	var ids []string
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && strings.HasSuffix(path, suffix) && !strings.HasPrefix(d.Name(), ".") {
			rel, err := filepath.Rel(s.dir, path)
			if err != nil {
				return err
			}
			ids = append(ids, strings.TrimSuffix(filepath.ToSlash(rel), suffix))
		}
		return nil
	})
	slices.Sort(ids)
	return ids, err
}

// Get reads a sequence and checks that its parts fit together.
func (s *Store) Get(id string) (*Sequence, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w %s", id, ErrNotStored, s.dir)
	}
	if err != nil {
		return nil, err
	}
	q, err := decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	q.ID = id
	return q, nil
}

func decode(f *safetensors.File) (*Sequence, error) {
	features, times := f.Tensors["features"], f.Tensors["timestamps"]
	if len(features.Shape) != 2 || len(times.Shape) != 1 || features.Shape[0] != times.Shape[0] {
		return nil, fmt.Errorf("features %v and timestamps %v are not [T,E] and [T]", features.Shape, times.Shape)
	}
	if features.Shape[0] == 0 {
		return nil, errors.New("the sequence holds no frames")
	}
	q := &Sequence{Width: features.Shape[1]}
	var err error
	if q.Provenance, err = parseProvenance(f.Metadata); err != nil {
		return nil, err
	}
	if q.Features, err = features.Float32s(); err != nil {
		return nil, err
	}
	if q.Timestamps, err = times.Float64s(); err != nil {
		return nil, err
	}
	return q, q.check()
}

// check returns an error unless the parts of a sequence fit together and all its
// numbers are finite.
func (q *Sequence) check() error {
	if q.Len() == 0 || q.Width < 1 || len(q.Features) != q.Len()*q.Width {
		return fmt.Errorf("%d features of width %d for %d frames", len(q.Features), q.Width, q.Len())
	}
	for i, v := range q.Features {
		if v-v != 0 { // NaN, of an infinity too
			return fmt.Errorf("frame %d has a feature that is not finite", i/q.Width)
		}
	}
	for i, v := range q.Timestamps {
		if v-v != 0 {
			return fmt.Errorf("frame %d has a time that is not finite", i)
		}
	}
	return nil
}

func parseProvenance(meta map[string]string) (p Provenance, err error) {
	text, ok := meta[provenance]
	if !ok {
		return p, errors.New("the file does not say where its features come from")
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("provenance: %w", err)
	}
	return p, nil
}

// Provenance reads where a stored sequence came from, without its features.
func (s *Store) Provenance(id string) (Provenance, error) {
	path, err := s.path(id)
	if err != nil {
		return Provenance{}, err
	}
	meta, err := safetensors.ReadMetadata(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Provenance{}, fmt.Errorf("%s: %w %s", id, ErrNotStored, s.dir)
	}
	if err != nil {
		return Provenance{}, err
	}
	p, err := parseProvenance(meta)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Put writes a sequence under its id, whole or not at all. It refuses one that
// Get would refuse.
func (s *Store) Put(q *Sequence) error {
	path, err := s.path(q.ID)
	if err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return fmt.Errorf("%s: %w", q.ID, err)
	}
	p, err := json.Marshal(q.Provenance)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return safetensors.Write(path, &safetensors.File{
		Tensors: map[string]safetensors.Tensor{
			"features":   safetensors.ViewFloat32s(q.Features, q.Len(), q.Width),
			"timestamps": safetensors.FromFloat64s(q.Timestamps, q.Len()),
		},
		Metadata: map[string]string{provenance: string(p)},
	})
}

// CheckBackbone returns a [MismatchError] unless the sequence id comes from the
// backbone with this fingerprint.
func (s *Store) CheckBackbone(id, fingerprint string) error {
	p, err := s.Provenance(id)
	if err == nil && p.Backbone != fingerprint {
		err = &MismatchError{Store: s.dir, ID: id, What: "backbone", Have: p.Backbone, Want: fingerprint}
	}
	return err
}
