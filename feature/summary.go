package feature

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/video"
)

// Summary describes the contents of a store, read from the headers of its files.
type Summary struct {
	Store     string    `json:"store"`
	Sequences int       `json:"sequences"`
	Frames    int       `json:"frames"`
	Seconds   float64   `json:"seconds"` // of video, by the stored rows and their timestamps
	Bytes     int64     `json:"bytes"`
	Recipes   []Recipe  `json:"recipes"` // more than one only if two stores were copied into one folder
	Damaged   []Failure `json:"damaged"` // files that cannot be read
	Failed    []Failure `json:"failed"`  // videos that failed to be extracted
}

// Recipe holds the settings that all sequences of a store must share, and how many
// sequences use them.
type Recipe struct {
	Backbone      string `json:"backbone"`
	Preprocessing string `json:"preprocessing"`
	Sampling      string `json:"sampling"`
	Width         int    `json:"width"` // E
	Sequences     int    `json:"sequences"`
}

// Summary returns a summary of the store. It reads the headers of all files, and the
// timestamps of sequences that have no constant rate.
func (s *Store) Summary() (*Summary, error) {
	ids, unreadable, err := s.list()
	if err != nil {
		return nil, err
	}
	sum := &Summary{Store: s.dir, Recipes: []Recipe{}, Damaged: []Failure{}, Failed: []Failure{}}
	place := map[Recipe]int{}
	for _, id := range ids {
		h, err := s.header(id)
		if err != nil {
			path := s.path(id)
			sum.Damaged = append(sum.Damaged, Failure{Path: path, ID: id, Reason: strings.TrimPrefix(bare(err).Error(), path+": ")})
			continue
		}
		sum.Sequences++
		sum.Frames += h.frames
		sum.Seconds += h.seconds
		sum.Bytes += h.bytes
		m := Recipe{Backbone: h.Backbone, Preprocessing: h.Preprocessing, Sampling: h.Sampling, Width: h.width}
		at, known := place[m]
		if !known {
			at = len(sum.Recipes)
			place[m] = at
			sum.Recipes = append(sum.Recipes, m)
		}
		sum.Recipes[at].Sequences++
	}
	sum.Damaged = append(sum.Damaged, folderFailures(unreadable)...)
	failed, err := s.failures()
	sum.Failed = append(sum.Failed, failed...)
	return sum, err
}

// header is what can be read of a feature file without its features.
type header struct {
	Provenance
	frames, width int
	bytes         int64 // of the file
	seconds       float64
}

func (s *Store) header(id string) (h header, err error) {
	err = s.open(id, func(f *os.File, size int64) error {
		if h, err = readHeader(f, size); err != nil {
			err = fmt.Errorf("%s: %w", s.path(id), err)
		}
		return err
	})
	return h, err
}

func readHeader(f io.ReaderAt, size int64) (h header, err error) {
	r, err := safetensors.NewReader(f, size)
	if err != nil {
		return h, err
	}
	features, times := r.Shape("features"), r.Shape("timestamps")
	if len(features) != 2 || len(times) != 1 || features[0] != times[0] || features[0] == 0 {
		return h, fmt.Errorf("features %v and timestamps %v are not [T,E] and [T]", features, times)
	}
	h.frames, h.width, h.bytes = features[0], features[1], size
	if h.Provenance, err = parseProvenance(r.Metadata); err != nil {
		return h, err
	}
	h.seconds, err = storedSeconds(r, h)
	return h, err
}

// storedSeconds returns how many seconds of video the rows cover. At a constant rate each
// covers the same time, even if a frame repeats. Otherwise the last one is displayed as
// long as the others on average; of a single one that is unknown, and counts as 0.
func storedSeconds(r *safetensors.Reader, h header) (float64, error) {
	if s, err := video.ParseSampling(h.Sampling); err == nil {
		if fps, ok := s.Rate(); ok {
			return float64(h.frames) / fps, nil
		}
	}
	if h.frames == 1 {
		return 0, nil
	}
	var ends [2]float64
	for i, row := range []int{0, h.frames - 1} {
		t, err := r.Rows("timestamps", row, row+1)
		if err != nil {
			return 0, err
		}
		one, err := t.Float64s()
		if err != nil {
			return 0, err
		}
		ends[i] = one[0]
	}
	total := (ends[1] - ends[0]) * float64(h.frames) / float64(h.frames-1)
	if !(total >= 0) || math.IsInf(total, 0) {
		return 0, fmt.Errorf("timestamps from %g to %g s", ends[0], ends[1])
	}
	return total, nil
}

// ReadFile reads a sequence from a file at any path. Its ID is empty. The error is
// ErrDamaged if the file is not a feature file.
func ReadFile(path string) (*Sequence, error) {
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return read(f, info.Size(), path)
}
