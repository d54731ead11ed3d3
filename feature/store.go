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

// Sequence holds the features of the frames of a video, sorted by time.
type Sequence struct {
	ID         string    // the video's path below the folder that was extracted, as in video.Source
	Width      int       // E
	Features   []float32 // [T,E], the output of the image tower, not normalized
	Timestamps []float64 // [T] seconds
	Provenance Provenance
}

// Len returns T, the number of frames.
func (q *Sequence) Len() int { return len(q.Timestamps) }

// Row returns the feature [E] of frame i, which shares memory with q.
func (q *Sequence) Row(i int) []float32 { return q.Features[i*q.Width : (i+1)*q.Width] }

// Provenance describes the origin of a sequence: enough to decide whether it fits a model
// and whether its video has changed.
type Provenance struct {
	Source        string    `json:"source"`              // the video's path as it was given
	Size          int64     `json:"size"`                // bytes
	Modified      time.Time `json:"modified"`            // UTC
	SHA256        string    `json:"sha256"`              // hexadecimal
	StartTime     float64   `json:"start_time"`          // timestamp that players show as 0:00, seconds
	Duration      float64   `json:"duration"`            // as declared, seconds; 0 = unknown
	FrameRate     float64   `json:"frame_rate"`          // of the video, average frames per second; 0 = unknown
	Stream        int       `json:"stream,omitempty"`    // number of the requested video stream; 0 = the default one
	Treatment     string    `json:"treatment,omitempty"` // of frames before they are resized; see [video.Info.Treatment]
	Partial       string    `json:"partial,omitempty"`   // why only a part of the video was decoded; "" = all of it
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

// Open opens an existing store. If there is no folder at dir, the error is ErrNoStore.
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

// Create opens a store and makes its folder if it does not exist.
func Create(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return &Store{dir}, nil
}

// Dir returns the folder of the store.
func (s *Store) Dir() string { return s.dir }

// path returns the file of a sequence. An ID that would lead out of the store, or name a
// hidden file, is an error.
func (s *Store) path(id string) (string, error) {
	if id != path.Clean(id) || !filepath.IsLocal(filepath.FromSlash(id)) || strings.HasPrefix(path.Base(id), ".") {
		return "", fmt.Errorf("feature ID %q is not the path of a file below the store", id)
	}
	return filepath.Join(s.dir, filepath.FromSlash(id)+suffix), nil
}

// IDs returns the IDs of the stored sequences, sorted.
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

// Get reads a sequence and checks that it is valid. The error is ErrNotStored or
// ErrDamaged, or one of the file system.
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
		return nil, errors.New("no frames")
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

// check returns an error unless the sizes in a sequence match and all its numbers are
// finite.
func (q *Sequence) check() error {
	if q.Len() == 0 || q.Width < 1 || len(q.Features) != q.Len()*q.Width {
		return fmt.Errorf("%d values for %d frames of width %d", len(q.Features), q.Len(), q.Width)
	}
	for i, v := range q.Features {
		if v-v != 0 { // NaN or infinite
			return fmt.Errorf("frame %d has a feature that is not finite", i/q.Width)
		}
	}
	for i, v := range q.Timestamps {
		if v-v != 0 {
			return fmt.Errorf("frame %d has a timestamp that is not finite", i)
		}
	}
	return nil
}

func parseProvenance(meta map[string]string) (p Provenance, err error) {
	text, ok := meta[provenance]
	if !ok {
		return p, errors.New("no provenance")
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("provenance: %w", err)
	}
	return p, nil
}

// Provenance reads the provenance of a stored sequence, without its features.
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

// Put writes a sequence under its ID, completely or not at all, and replaces an existing
// one. It returns an error for a sequence that Get would reject.
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

// CheckBackbone returns a [*MismatchError] unless the sequence was made with the backbone
// that has the fingerprint.
func (s *Store) CheckBackbone(id, fingerprint string) error {
	p, err := s.Provenance(id)
	if err == nil && p.Backbone != fingerprint {
		err = &MismatchError{Store: s.dir, ID: id, What: "backbone", Have: p.Backbone, Want: fingerprint}
	}
	return err
}
