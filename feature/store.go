package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
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

// Store is a folder of sequences, one safetensors file each: <id>.safetensors with features
// [T,E] and timestamps [T].
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

// in calls do with the folder of the store. All files of a store are opened below it, so a
// link that someone put into the store cannot lead to other files. An error of the file
// system gets the path of the file.
func (s *Store) in(do func(*os.Root) error) error {
	root, err := input.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = do(root)
	if e, ok := errors.AsType[*fs.PathError](err); ok && !filepath.IsAbs(e.Path) {
		e.Path = filepath.Join(s.dir, e.Path)
	}
	return err
}

// file returns the path of the file of a sequence below the store. An ID that would lead
// out of the store, or name a hidden file, is an error.
func file(id string) (string, error) {
	if id != path.Clean(id) || !filepath.IsLocal(filepath.FromSlash(id)) || strings.HasPrefix(path.Base(id), ".") {
		return "", fmt.Errorf("feature ID %q is not the path of a file below the store", id)
	}
	return filepath.FromSlash(id) + suffix, nil
}

// path returns the path of the file of a sequence, for messages.
func (s *Store) path(id string) string {
	return filepath.Join(s.dir, filepath.FromSlash(id)+suffix)
}

// IDs returns the IDs of the stored sequences, sorted. A folder that cannot be read is an
// error, which comes with the IDs of the others.
func (s *Store) IDs() ([]string, error) {
	ids, unreadable, err := s.list()
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	return ids, err
}

// list returns the IDs of the stored sequences, sorted, and the folders that cannot be read.
func (s *Store) list() (ids []string, unreadable []*fs.PathError, err error) {
	unreadable, err = s.walk(func(rel string, d fs.DirEntry) {
		if strings.HasSuffix(rel, suffix) && !strings.HasPrefix(d.Name(), ".") {
			ids = append(ids, strings.TrimSuffix(filepath.ToSlash(rel), suffix))
		}
	})
	slices.Sort(ids)
	return ids, unreadable, err
}

// walk calls do with the path of each file below the store, and returns the folders below it
// that cannot be read. It does not follow links. fs.FS would not accept names that are not
// UTF-8.
func (s *Store) walk(do func(rel string, d fs.DirEntry)) (unreadable []*fs.PathError, err error) {
	// The separator makes WalkDir enter a store that is a link.
	root := s.dir + string(filepath.Separator)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		fault, ok := errors.AsType[*fs.PathError](err)
		switch {
		case ok && path != root:
			unreadable = append(unreadable, fault)
			return nil
		case err != nil || d.IsDir():
			return err
		}
		rel, err := filepath.Rel(s.dir, path)
		if err == nil {
			do(rel, d)
		}
		return err
	})
	return unreadable, err
}

// open calls read with the file of a sequence and its size. If there is none, the error is
// ErrNotStored.
func (s *Store) open(id string, read func(f *os.File, size int64) error) error {
	name, err := file(id)
	if err != nil {
		return err
	}
	err = s.in(func(root *os.Root) error {
		f, err := input.OpenIn(root, name)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return read(f, info.Size())
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w %s", id, ErrNotStored, s.dir)
	}
	return err
}

// Get reads a sequence and checks that it is valid. The error is ErrNotStored or
// ErrDamaged, one of the file system, or that the sequence does not fit in memory.
func (s *Store) Get(id string) (q *Sequence, err error) {
	err = s.open(id, func(f *os.File, size int64) error {
		q, err = read(f, size, s.path(id))
		return err
	})
	if err != nil {
		return nil, err
	}
	q.ID = id
	return q, nil
}

// read reads a sequence from a file of size bytes; path is for errors.
func read(f io.ReaderAt, size int64, path string) (*Sequence, error) {
	// The file and the numbers in it. A sparse file of a few kilobytes can have any size.
	release, err := memory.Request(2*size, path)
	if err != nil {
		return nil, err
	}
	defer release()
	content, err := safetensors.Decode(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	q, err := decode(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
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

// Check returns an error unless a sequence has at least one frame, features of the given
// width, matching sizes, only finite numbers, and timestamps that never decrease.
func (q *Sequence) Check(width int) error {
	err := q.check()
	if err == nil && q.Width != width {
		err = fmt.Errorf("features have width %d, but this backbone gives %d", q.Width, width)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", q.ID, err)
	}
	return err
}

// check returns an error unless the sizes in a sequence match, all its numbers are finite,
// and its timestamps are sorted.
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
	if !slices.IsSorted(q.Timestamps) {
		return errors.New("timestamps are not sorted")
	}
	return nil
}

// Provenance reads the provenance of a stored sequence, without its features.
func (s *Store) Provenance(id string) (Provenance, error) {
	h, err := s.header(id)
	return h.Provenance, err
}

// Put writes a sequence under its ID, completely or not at all, and replaces an existing
// one. It returns an error for a sequence that Get would reject, and an *fs.PathError for a file
// of another kind or a link, which is kept.
func (s *Store) Put(q *Sequence) error {
	name, err := file(q.ID)
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
	content := &safetensors.File{
		Tensors: map[string]safetensors.Tensor{
			"features":   safetensors.ViewFloat32s(q.Features, q.Len(), q.Width),
			"timestamps": safetensors.FromFloat64s(q.Timestamps, q.Len()),
		},
		Metadata: map[string]string{provenance: string(p)},
	}
	return s.in(func(root *os.Root) error {
		if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		return atomicfile.MemberIn(root, name, content.Encode)
	})
}

// mayPut returns an error if Put would keep a file that is not a sequence: a link, or a file of
// another kind, such as a video. Other errors are left to Put.
func (s *Store) mayPut(id string) error {
	name, err := file(id)
	if err != nil {
		return err
	}
	var head bytes.Buffer
	if err := (&safetensors.File{Metadata: map[string]string{provenance: ""}}).Encode(&head); err != nil {
		return err
	}
	err = s.in(func(root *os.Root) error { return atomicfile.CheckIn(root, name, head.Bytes()) })
	if errors.Is(err, atomicfile.ErrOtherKind) || errors.Is(err, atomicfile.ErrNotFile) {
		return err
	}
	return nil
}

// remove deletes the sequence with an ID, if there is one.
func (s *Store) remove(id string) error {
	name, err := file(id)
	if err != nil {
		return err
	}
	return s.in(func(root *os.Root) error { return root.Remove(name) })
}
