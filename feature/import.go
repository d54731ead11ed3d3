package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/internal/walk"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

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

// Import adds all .npy, .npz, .parquet, .arrow, .feather, .ipc and .jsonl files below a folder
// to a store. They may come from [Export] or from other programs. The ID is the path below
// the folder, without the extension. A sequence that is already in the store is skipped. A file or folder that cannot be used is
// listed in Report.Failed; a file of another backbone, preprocessing or sampling than those
// of the store has a [*MismatchError].
//
// A .npz file has the array as "features", or as its only array, and may have "timestamps".
// The other kinds, except .npy, are tables with the frames of one video: lists of E numbers as
// "vector", and may have "time".
func Import(ctx context.Context, dir string, s *Store, o ImportOptions) (Report, error) {
	none := Report{Failed: []Failure{}}
	tree, err := walk.Files(dir, func(name string) bool { return arrayExtension(name) != "" })
	if err != nil {
		return none, err
	}
	if len(tree.Files) == 0 {
		err := fmt.Errorf("%s: %w: no %s files", dir, ErrEmpty, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
		if len(tree.Unreadable) > 0 {
			err = fmt.Errorf("%w: %w", err, tree.Unreadable[0])
		}
		return none, err
	}
	m := importer{o: o, dir: dir, store: s, ids: map[string]string{}, taken: map[string]string{}, leave: func() {}}
	defer func() { m.leave() }()
	if err := m.prepare(tree.Files); err != nil {
		return none, err
	}
	r, err := each(ctx, "import", tree.Files, o.Progress, func(file string) (int, error) { return m.add(ctx, file) })
	for i, f := range r.Failed {
		r.Failed[i].ID = m.ids[f.ID] // each knows only the files
	}
	return r.withFolders(tree.Unreadable), err
}

// notArrays are JSONL files that clipcue writes next to arrays.
var notArrays = []string{"metadata.jsonl", failuresFile}

// arrayExtension returns the extension of a name if it is that of an array, as written.
func arrayExtension(name string) string {
	ext := filepath.Ext(name)
	if slices.Contains(notArrays, filepath.Base(name)) {
		return ""
	}
	if len(ext) < len(name) && readers[strings.ToLower(ext)] != nil {
		return ext
	}
	return ""
}

// importer is an import in progress.
type importer struct {
	o     ImportOptions
	dir   string
	store *Store
	ids   map[string]string // by file
	taken map[string]string // by ID, the file that has it
	made  *Provenance       // with the recipe of the store, or of the first imported sequence
	leave func()
	in    bool // the store is entered
}

// prepare determines the IDs, and the recipe and width of the store.
func (m *importer) prepare(files []string) error {
	stored, _, err := m.store.list()
	if err != nil {
		return err
	}
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = strings.TrimSuffix(f, arrayExtension(f))
	}
	for i, id := range storedForm(stored, ids) {
		m.ids[files[i]] = id
	}
	for _, id := range stored {
		if h, err := m.store.header(id); err == nil {
			m.made, m.o.Width = &h.Provenance, cmp.Or(m.o.Width, h.width)
			break
		}
	}
	return nil
}

// add imports a file and returns its number of frames.
func (m *importer) add(ctx context.Context, name string) (int, error) {
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	fail := func(err error) (int, error) { return 0, &video.Error{Path: path, Kind: err} }
	q, err := m.o.read(ctx, path)
	if err != nil {
		return fail(err)
	}
	q.ID = cmp.Or(q.ID, m.ids[name])
	id := q.ID
	m.ids[name] = id
	if other, ok := m.taken[id]; ok {
		return fail(fmt.Errorf("%w: %s has the same ID", ErrExists, other))
	}
	m.taken[id] = name
	if m.made == nil {
		m.made = &q.Provenance
	}
	if mismatch := m.made.mismatch(q.Provenance); mismatch != nil {
		mismatch.Store, mismatch.ID = m.store.dir, id
		return fail(mismatch)
	}
	m.o.Width = q.Width // a backbone has one width
	if err := m.enter(); err != nil {
		return 0, err
	}
	if _, err := file(id); err != nil {
		return fail(err)
	}
	if old, err := m.store.Get(id); err == nil {
		if slices.Equal(old.Features, q.Features) && slices.Equal(old.Timestamps, q.Timestamps) && old.Provenance == q.Provenance {
			return 0, errPresent
		}
		if !m.o.Force {
			return fail(ErrExists)
		}
	} else if err := m.store.mayPut(id); err != nil {
		return fail(err)
	}
	err = m.store.Put(q)
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return fail(ErrLongName)
	}
	return q.Len(), err
}

// enter registers the run at the store, once.
func (m *importer) enter() error {
	if m.in {
		return nil
	}
	leave, err := m.store.enter(*m.made)
	if err == nil {
		m.leave, m.in = leave, true
	}
	return err
}

// read reads an array with its sidecar.
func (o ImportOptions) read(ctx context.Context, path string) (*Sequence, error) {
	in, err := readers[strings.ToLower(filepath.Ext(path))](path)
	if err != nil {
		return nil, bare(err)
	}
	array := in.features
	q, err := o.sequence(array)
	if err != nil {
		return nil, err
	}
	sidecar := strings.TrimSuffix(path, filepath.Ext(path)) + sidecarSuffix
	about, err := readSidecar(sidecar, array.Shape[0])
	if err != nil {
		return nil, err
	}
	times := firstOf(in.times, about.Timestamps)
	if about.Timestamps != nil && !slices.Equal(times, about.Timestamps) {
		return nil, fmt.Errorf("it has other timestamps than %s: remove those of one file", filepath.Base(sidecar))
	}
	if err := o.timestamps(q, array.Shape, times, filepath.Base(path)); err != nil {
		return nil, err
	}
	q.ID = about.ID
	return q, errors.Join(o.describe(ctx, q, cmp.Or(in.provenance, about.Provenance), path), q.check())
}

// firstOf returns the first list that is not nil.
func firstOf(a, b []float64) []float64 {
	if a != nil {
		return a
	}
	return b
}

// arrays is the content of a file.
type arrays struct {
	features   safetensors.Tensor // [T,E]
	times      []float64          // nil if the file has none
	provenance *Provenance        // the same
}

// readers read a file, by its extension.
var readers = map[string]func(path string) (arrays, error){
	arraySuffix: func(path string) (a arrays, err error) {
		a.features, err = npy.Read(path)
		return a, err
	},
	archiveSuffix: func(path string) (a arrays, err error) {
		a.features, a.times, err = readArchive(path)
		return a, err
	},
	linesSuffix: readLines,
	tableSuffix: tableReader(openParquet),
	".arrow":    tableReader(openArrow),
	".feather":  tableReader(openArrow), // as pandas and polars name it
	".ipc":      tableReader(openArrow),
}

// sequence returns a sequence with the features in an array.
func (o ImportOptions) sequence(array safetensors.Tensor) (*Sequence, error) {
	if len(array.Shape) != 2 || array.Shape[0] < 1 || array.Shape[1] < 1 {
		return nil, fmt.Errorf("array of shape %v instead of [T,E]", array.Shape)
	}
	q := &Sequence{Width: array.Shape[1]}
	switch {
	case !strings.Contains(array.DType, "F"):
		return nil, fmt.Errorf("array of integers (%s) instead of floating-point numbers, perhaps of bfloat16, which NumPy lacks", array.DType)
	case o.Width != 0 && q.Width != o.Width && array.Shape[0] == o.Width:
		return nil, fmt.Errorf("array of shape %v is transposed: features have width %d, but those of the backbone have %d", array.Shape, q.Width, o.Width)
	case o.Width != 0 && q.Width != o.Width:
		return nil, fmt.Errorf("features have width %d, but those of the backbone have %d", q.Width, o.Width)
	}
	var err error
	q.Features, err = array.Float32s()
	return q, err
}

// timestamps sets the timestamps of a sequence from those of its files, or from the rate.
func (o ImportOptions) timestamps(q *Sequence, shape []int, times []float64, name string) error {
	q.Timestamps = times
	if times == nil && o.FPS > 0 {
		for i := range shape[0] {
			q.Timestamps = append(q.Timestamps, float64(i)/o.FPS)
		}
	}
	switch n := len(q.Timestamps); {
	case q.Timestamps == nil:
		return fmt.Errorf("%w: %s has none, and no frame rate was given", ErrNoTimestamps,
			strings.TrimSuffix(name, filepath.Ext(name))+sidecarSuffix)
	case n != shape[0] && n == shape[1]:
		return fmt.Errorf("array of shape %v is transposed: it has %d frames but %d timestamps", shape, shape[0], n)
	case n != shape[0]:
		return fmt.Errorf("%d frames but %d timestamps", shape[0], n)
	case !slices.IsSorted(q.Timestamps):
		return unsorted(q.Timestamps)
	}
	return nil
}

// unsorted returns the error for timestamps that are not in ascending order.
func unsorted(t []float64) error {
	for i := 1; i < len(t); i++ {
		if t[i] < t[i-1] {
			return fmt.Errorf("timestamps are not sorted: frame %d is earlier than frame %d", i, i-1)
		}
	}
	return errors.New("timestamps are not finite")
}

// describe sets the provenance of a sequence: the given one, or else that of a file from
// another program.
func (o ImportOptions) describe(ctx context.Context, q *Sequence, p *Provenance, path string) (err error) {
	if p != nil {
		q.Provenance = *p
	} else if q.Provenance, err = o.foreign(ctx, path); err != nil {
		return err
	}
	q.Provenance.Modified = q.Provenance.Modified.UTC()
	q.Provenance.Preprocessing = cmp.Or(q.Provenance.Preprocessing, imported)
	q.Provenance.Sampling = cmp.Or(q.Provenance.Sampling, imported)
	switch p := &q.Provenance; {
	case p.Backbone == "" && o.Backbone == "":
		return fmt.Errorf("%w: the file does not name one, and none was given", ErrNoBackbone)
	case p.Backbone == "":
		p.Backbone = o.Backbone
	case o.Backbone != "" && p.Backbone != o.Backbone:
		return fmt.Errorf("the features come from backbone %s, not %s", p.Backbone, o.Backbone)
	}
	return nil
}

// foreign returns the provenance of features without one: the file itself is the source.
func (o ImportOptions) foreign(ctx context.Context, path string) (p Provenance, err error) {
	info, err := stat(path)
	if err != nil {
		return p, bare(err)
	}
	p = Provenance{Source: path, Size: info.size, Modified: info.modified, FrameRate: o.FPS, Preprocessing: imported, Sampling: imported}
	if o.FPS > 0 {
		p.Sampling = video.AtRate(o.FPS).String()
	}
	p.SHA256, err = Hash(ctx, path)
	return p, err
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
