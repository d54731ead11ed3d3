package synth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Kind is a kind of dataset.
type Kind string

// The kinds.
//
//   - KindMotions: videos labeled with the action, whichever shape performs it. A second
//     shape is idle or takes part.
//   - KindObjects: videos labeled with their only object, such as "red circle", whatever
//     it does.
//   - KindUntrimmed: longer videos with timed segments. Either one shape performs one to
//     four actions in turn and rests between them, while another is idle, or shapes come
//     appear and disappear; see [Label].
//   - KindPictures: images.
const (
	KindMotions   Kind = "motions"
	KindObjects   Kind = "objects"
	KindUntrimmed Kind = "untrimmed"
	KindPictures  Kind = "pictures"
)

// Kinds lists all kinds.
var Kinds = []Kind{KindMotions, KindObjects, KindUntrimmed, KindPictures}

// Classes returns the labels that a kind of dataset can have with a set of combinations
// of color and shape.
func (k Kind) Classes(s Set) []string {
	switch k {
	case KindMotions:
		return Classes()
	case KindUntrimmed:
		return names(false)
	}
	var names []string
	for _, o := range objects[s] {
		names = append(names, o.String())
	}
	return names
}

// Options holds the settings of [Generate]. Zero fields have defaults.
type Options struct {
	Kind     Kind     `json:"kind"`            // default KindMotions
	Label    Label    `json:"label,omitempty"` // for untrimmed videos; default LabelMotions
	Seed     uint64   `json:"seed"`
	Set      Set      `json:"combinations"`      // combinations of color and shape to show; default All
	Classes  []string `json:"classes,omitempty"` // a subset of Known, not for pictures; default all
	PerClass int      `json:"-"`                 // videos per class, for motions and objects; default 24
	Total    int      `json:"-"`                 // number of untrimmed videos (default 60) or pictures (default 1000)
	// Simple omits bystanders and camera motion from videos of motions.
	Simple bool    `json:"simple,omitempty"`
	Width  int     `json:"width"`         // even; default 96
	Height int     `json:"height"`        // even; default 96
	FPS    float64 `json:"fps,omitempty"` // default 12
	// Seconds is the duration of each video or take. The default is 2; for untrimmed videos
	// it is 12, or 60 if they are labeled with objects.
	Seconds float64 `json:"seconds,omitempty"`
	// Takes is the number of scenes of its class that a video of motions or objects
	// shows in turn, each with its own label, start and end; default 1.
	Takes     int     `json:"takes,omitempty"`
	TestShare float64 `json:"-"` // share of each class, or of all, in the test split; default 0.25, negative for none
}

func (o Options) complete() (Options, error) {
	o.Kind = cmp.Or(o.Kind, KindMotions)
	if !slices.Contains(Kinds, o.Kind) {
		return o, fmt.Errorf("unknown kind of dataset %q; available: %q", string(o.Kind), Kinds)
	}
	o.Set = cmp.Or(o.Set, All)
	if err := o.Set.valid(); err != nil {
		return o, err
	}
	if err := o.Label.valid(o.Kind); err != nil {
		return o, err
	}
	known := o.Known()
	if o.Takes == 1 {
		o.Takes = 0 // equal options must be equal in synth.json
	}
	if o.Takes != 0 && (o.Kind == KindPictures || o.Kind == KindUntrimmed) {
		return o, fmt.Errorf("%s have no takes", o.Kind)
	}
	if o.Kind == KindPictures {
		if o.Classes != nil {
			return o, errors.New("pictures have no classes to choose from")
		}
		o.FPS, o.Seconds = 1, 2 // not used, but checked
	} else if o.Classes == nil {
		o.Classes = known
	} else if len(o.Classes) == 0 {
		return o, errors.New("no classes to render")
	}
	for i, class := range o.Classes {
		if !slices.Contains(known, class) {
			return o, fmt.Errorf("unknown class %q; available: %s", class, strings.Join(known, ", "))
		}
		if slices.Contains(o.Classes[:i], class) {
			return o, fmt.Errorf("duplicate class %q", class)
		}
	}
	seconds, total := 2.0, 1000
	if o.Kind == KindUntrimmed {
		seconds, total = 12, 60
		if o.Label == LabelObjects {
			seconds = 60
		}
	}
	o.PerClass = cmp.Or(o.PerClass, 24)
	o.Total = cmp.Or(o.Total, total)
	o.Width = cmp.Or(o.Width, 96)
	o.Height = cmp.Or(o.Height, 96)
	o.FPS = cmp.Or(o.FPS, 12)
	o.Seconds = cmp.Or(o.Seconds, seconds)
	o.TestShare = cmp.Or(o.TestShare, 0.25)
	if err := o.check(); err != nil {
		return o, err
	}
	if o.Kind == KindPictures {
		o.FPS, o.Seconds = 0, 0
	}
	return o, nil
}

// check returns an error for a size that is out of range.
func (o Options) check() error {
	side := func(n int) bool { return n >= 16 && n <= 4096 && n%2 == 0 }
	switch {
	case o.PerClass < 1 || o.PerClass > 1e6:
		return fmt.Errorf("videos per class must be 1 to 1000000, got %d", o.PerClass)
	case o.Total < 1 || o.Total > 1e7:
		return fmt.Errorf("total must be 1 to 10000000, got %d", o.Total)
	case !side(o.Width) || !side(o.Height):
		return fmt.Errorf("frame width and height must be even and 16 to 4096, got %dx%d", o.Width, o.Height)
	case !(o.FPS > 0 && o.FPS <= 240):
		return fmt.Errorf("frame rate must be above 0 and at most 240, got %v", o.FPS)
	case !(o.Seconds > 0 && o.Seconds <= 3600) || o.frames() < 2:
		return fmt.Errorf("duration must be 2 frames to an hour, got %v s at %v frames per second", o.Seconds, o.FPS)
	case o.Takes < 0 || o.Takes > 1000:
		return fmt.Errorf("takes per video must be 1 to 1000, got %d", o.Takes)
	case !(o.TestShare < 1):
		return fmt.Errorf("test share must be below 1, got %v", o.TestShare)
	}
	return nil
}

func (o Options) takes() int { return max(o.Takes, 1) }

// frames returns the number of frames in a scene.
func (o Options) frames() int { return int(math.Round(o.FPS * o.Seconds)) }

// span returns the start and end of a take. Cuts are halfway between two frames, so that
// rounding of times moves no frame to the other side.
func (o Options) span(take int) (start, end float64) {
	cut := func(take int) float64 { return thousandth(max(float64(take*o.frames())-0.5, 0) / o.FPS) }
	return cut(take), cut(take + 1)
}

// frame returns the frame's sides in units of the shorter one.
func (o Options) frame() Vec {
	unit := float64(min(o.Width, o.Height))
	return Vec{float64(o.Width) / unit, float64(o.Height) / unit}
}

// Generate renders a dataset into dir and returns the path of its manifest:
//
//	motions, objects  <class_with_underscores>/<nnn>.mp4; labels.csv with path,label,split
//	untrimmed         videos/<nnnnnn>.mp4; labels.csv with path,label,split,start,end, and
//	                  the same truth in segments.csv with video,start,end,label; seconds
//	pictures          pictures/<nnnnnn>.png; captions.jsonl alone
//
// captions.jsonl has an object with path, caption and split for each video or image, and
// with label if there is exactly one: an image of two different shapes has none. Paths are
// relative to dir; a split is "train" or "test". Each take of a video with several takes has
// a row in labels.csv and an object in captions.jsonl, with start and end.
//
// The content of a video or image depends only on its path and on the options, which are
// stored in dir/synth.json. Existing files are not changed, so a second run only adds missing
// ones. Files are written atomically. A folder with other options is an [ErrOtherOptions], and one
// without options that has a file with the name of an output an [ErrForeign].
// progress, if not nil, is called with the number of files, by one goroutine at a time.
func Generate(ctx context.Context, dir string, o Options, progress func(done, total int)) (manifest string, err error) {
	o, err = o.complete()
	if err != nil {
		return "", err
	}
	jobs := o.jobs()
	outputs := []string{filepath.Join(dir, captionsFile), filepath.Join(dir, labelsFile), filepath.Join(dir, segmentsFile)}
	for _, j := range jobs {
		outputs = append(outputs, j.in(dir))
	}
	if err := claim(dir, o, outputs); err != nil {
		return "", err
	}
	for _, j := range jobs {
		if j.n > 0 {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(j.in(dir)), 0o777); err != nil {
			return "", err
		}
	}
	if err := renderAll(ctx, dir, o, jobs, progress); err != nil {
		return "", err
	}
	return writeManifests(dir, o, jobs)
}
