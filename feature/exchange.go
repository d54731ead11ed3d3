package feature

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// Exchange with other programs: a sequence is the file <id>.npy, an array [T,E] of float32,
// and the file <id>.json, a side.
const (
	arraySuffix = ".npy"
	sideSuffix  = ".json"
	maxSide     = 1 << 28 // bytes
)

// side is what the array does not contain.
type side struct {
	Timestamps []float64   `json:"timestamps"` // [T] seconds
	Provenance *Provenance `json:"provenance,omitempty"`
}

// imported is the preprocessing, and without a frame rate the sampling, of features from
// other programs that do not declare them.
const imported = "imported"

// Export writes the sequences of a store to a folder for NumPy and other programs: ID.npy,
// an array [T,E] of float32, and ID.json with "timestamps" [T] in seconds and
// "provenance". A sequence that cannot be read is listed in Report.Failed.
func Export(ctx context.Context, s *Store, dir string, p progress.Func) (Report, error) {
	ids, err := s.IDs()
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("%s: %w", s.dir, ErrEmpty)
	}
	if err != nil {
		return Report{Failed: []Failure{}}, err
	}
	return each(ctx, "export", ids, p, func(id string) (int, error) {
		q, err := s.Get(id)
		if err != nil {
			return 0, &video.Error{Path: id, Kind: err}
		}
		about, err := json.Marshal(side{q.Timestamps, &q.Provenance})
		if err != nil {
			return 0, err
		}
		path := filepath.Join(dir, filepath.FromSlash(id))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return 0, err
		}
		if err := atomicfile.WriteBytes(path+sideSuffix, append(about, '\n')); err != nil {
			return 0, err
		}
		return q.Len(), npy.Write(path+arraySuffix, safetensors.FromFloat32s(q.Features, q.Len(), q.Width))
	})
}

// ImportOptions supply what the files do not contain.
type ImportOptions struct {
	// Backbone is the fingerprint of the backbone that made the features. A .json file
	// with another one is a failure; "" means that of the .json files.
	Backbone string
	Width    int     // E; 0 means any, but the same for all
	FPS      float64 // frames per second, for files without timestamps; 0 means none
	Force    bool    // replace stored sequences that differ
	Progress progress.Func
}

// Import adds all .npy files below a folder to a store. They may come from [Export] or from
// other programs. The ID is the path below the folder, without .npy. A sequence that is
// already in the store is skipped. A file that cannot be used is listed in Report.Failed;
// one of another backbone, preprocessing or sampling than those of the store has a
// [*MismatchError].
func Import(ctx context.Context, dir string, s *Store, o ImportOptions) (Report, error) {
	none := Report{Failed: []Failure{}}
	ids, err := arrays(dir)
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("%s: %w: no .npy files", dir, ErrEmpty)
	}
	if err != nil {
		return none, err
	}
	// A store has one recipe: that of its first sequence, or of the first that is
	// imported.
	var made *Provenance
	stored, err := s.IDs()
	if err != nil {
		return none, err
	}
	for _, id := range stored {
		path, err := s.path(id)
		if err != nil {
			continue
		}
		if h, err := readHeader(path); err == nil {
			made, o.Width = &h.Provenance, cmp.Or(o.Width, h.width)
			break
		}
	}
	leave := func() {}
	defer func() { leave() }()
	entered := false
	return each(ctx, "import", ids, o.Progress, func(id string) (int, error) {
		path := filepath.Join(dir, filepath.FromSlash(id)) + arraySuffix
		q, err := o.read(path)
		if err != nil {
			return 0, &video.Error{Path: path, Kind: err}
		}
		q.ID = id
		if made == nil {
			made = &q.Provenance
		}
		if m := made.mismatch(q.Provenance); m != nil {
			m.Store, m.ID = s.dir, id
			return 0, &video.Error{Path: path, Kind: m}
		}
		o.Width = q.Width // a backbone has one width
		if !entered {
			if leave, err = s.enter(*made); err != nil {
				leave = func() {}
				return 0, err
			}
			entered = true
		}
		if _, err := s.path(id); err != nil {
			return 0, &video.Error{Path: path, Kind: err}
		}
		if old, err := s.Get(id); err == nil {
			if slices.Equal(old.Features, q.Features) && slices.Equal(old.Timestamps, q.Timestamps) && old.Provenance == q.Provenance {
				return 0, errPresent
			}
			if !o.Force {
				return 0, &video.Error{Path: path, Kind: ErrExists}
			}
		}
		err = s.Put(q)
		if errors.Is(err, syscall.ENAMETOOLONG) {
			err = &video.Error{Path: path, Kind: ErrLongName}
		}
		return q.Len(), err
	})
}

// each calls do for each ID and returns the report. Do returns a number of frames; a
// *video.Error is a failure of one file, and errPresent means that there is nothing to do.
func each(ctx context.Context, name string, ids []string, p progress.Func, do func(id string) (int, error)) (Report, error) {
	r := Report{Videos: len(ids), Failed: []Failure{}, Partial: []Failure{}, Remaining: len(ids)}
	began := time.Now()
	bar := p.Start(name, int64(len(ids)), "sequences")
	defer bar.Finish()
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return r, &InterruptedError{r.Remaining, r.Videos, err}
		}
		n, err := do(id)
		fault, ok := errors.AsType[*video.Error](err)
		switch {
		case err == nil:
			r.Done++
			r.Frames += n
		case err == errPresent:
			r.Skipped++
		case ok:
			r.Failed = append(r.Failed, NewFailure(id, fault))
		default:
			return r, err
		}
		r.Remaining--
		bar.Add(1)
		r.Seconds = time.Since(began).Seconds()
	}
	if len(r.Failed) == len(ids) {
		return r, allFailed(r.Failed)
	}
	return r, nil
}

// arrays returns the IDs of the .npy files below a folder.
func arrays(dir string) (ids []string, err error) {
	err = filepath.WalkDir(dir+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, arraySuffix) && !strings.HasPrefix(d.Name(), ".") {
			var below string
			below, err = filepath.Rel(dir, path)
			ids = append(ids, strings.TrimSuffix(filepath.ToSlash(below), arraySuffix))
		}
		return err
	})
	return ids, err
}

// read reads an array and its .json file.
func (o ImportOptions) read(path string) (*Sequence, error) {
	array, err := npy.Read(path)
	if err != nil {
		return nil, bare(err)
	}
	if len(array.Shape) != 2 || array.Shape[0] < 1 || array.Shape[1] < 1 {
		return nil, fmt.Errorf("array of shape %v instead of [T,E]", array.Shape)
	}
	q := &Sequence{Width: array.Shape[1]}
	if o.Width != 0 && q.Width != o.Width {
		return nil, fmt.Errorf("features have width %d, but those of the backbone have %d", q.Width, o.Width)
	}
	if q.Features, err = array.Float32s(); err != nil {
		return nil, err
	}
	about, err := readSide(strings.TrimSuffix(path, arraySuffix) + sideSuffix)
	if err != nil {
		return nil, err
	}
	q.Timestamps = about.Timestamps
	if q.Timestamps == nil && o.FPS > 0 {
		for i := range array.Shape[0] {
			q.Timestamps = append(q.Timestamps, float64(i)/o.FPS)
		}
	}
	switch n := len(q.Timestamps); {
	case q.Timestamps == nil:
		return nil, fmt.Errorf("%w: %s has none, and no frame rate was given", ErrNoTimestamps,
			strings.TrimSuffix(filepath.Base(path), arraySuffix)+sideSuffix)
	case n != array.Shape[0]:
		return nil, fmt.Errorf("%d frames but %d timestamps", array.Shape[0], n)
	case !slices.IsSorted(q.Timestamps):
		return nil, unsorted(q.Timestamps)
	}
	if about.Provenance != nil {
		q.Provenance = *about.Provenance
	} else if q.Provenance, err = o.foreign(path); err != nil {
		return nil, err
	}
	q.Provenance.Modified = q.Provenance.Modified.UTC()
	q.Provenance.Preprocessing = cmp.Or(q.Provenance.Preprocessing, imported)
	q.Provenance.Sampling = cmp.Or(q.Provenance.Sampling, imported)
	switch p := &q.Provenance; {
	case p.Backbone == "" && o.Backbone == "":
		return nil, fmt.Errorf("%w: the file does not name one, and none was given", ErrNoBackbone)
	case p.Backbone == "":
		p.Backbone = o.Backbone
	case o.Backbone != "" && p.Backbone != o.Backbone:
		return nil, fmt.Errorf("the features come from backbone %s, not %s", p.Backbone, o.Backbone)
	}
	return q, q.check()
}

// unsorted returns the error for timestamps that are not in ascending order.
func unsorted(t []float64) error {
	for i := 1; ; i++ {
		if t[i] < t[i-1] {
			return fmt.Errorf("timestamps are not sorted: frame %d is earlier than frame %d", i, i-1)
		}
	}
}

// foreign returns the provenance of features without one: the file itself is the source.
func (o ImportOptions) foreign(path string) (p Provenance, err error) {
	info, err := stat(path)
	if err != nil {
		return p, bare(err)
	}
	p = Provenance{Source: path, Size: info.size, Modified: info.modified, FrameRate: o.FPS, Preprocessing: imported, Sampling: imported}
	if o.FPS > 0 {
		p.Sampling = video.AtRate(o.FPS).String()
	}
	p.SHA256, err = Hash(context.Background(), path)
	return p, err
}

// readSide reads a .json file. If it does not exist, the result is empty.
func readSide(path string) (about side, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return about, nil
	case err != nil:
		return about, bare(err)
	case !info.Mode().IsRegular():
		return about, fmt.Errorf("%s is not a file", filepath.Base(path))
	case info.Size() > maxSide:
		return about, fmt.Errorf("%s has %d bytes; the limit is %d", filepath.Base(path), info.Size(), maxSide)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return about, bare(err)
	}
	var in struct {
		Timestamps []*float64  `json:"timestamps"`
		Provenance *Provenance `json:"provenance"`
	}
	err = json.Unmarshal(data, &in)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("unexpected JSON %s in %s", wrong.Value, cmp.Or(wrong.Field, "the file"))
	}
	if err != nil {
		return about, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	about.Provenance = in.Provenance
	for i, t := range in.Timestamps {
		if t == nil { // as some programs write NaN
			return about, fmt.Errorf("%s: the timestamp of frame %d is null", filepath.Base(path), i)
		}
		about.Timestamps = append(about.Timestamps, *t)
	}
	return about, nil
}

// bare returns an error without its path, which the caller adds.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*video.Error](err); ok {
		return e.Kind
	}
	return err
}
