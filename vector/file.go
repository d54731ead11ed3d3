package vector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/progress"
)

// Options control how an index is opened.
type Options struct {
	// ReadOnly opens an existing index as it is now. It can be opened while another
	// process writes to it; later changes are not seen.
	ReadOnly bool
	// Wait is how long to wait for another writer to close the index.
	Wait time.Duration
	// Graph is the minimum number of vectors for approximate search, which uses the graph
	// that Build creates; 0 means never. The graph is read when the index is opened.
	Graph int

	open opener // of files, for tests
}

// embedded is an [Index] in a folder, see [Open].
//
// The folder has a generation: a folder of append-only files. If most vectors are deleted or
// replaced when a writer opens the index, it copies the others to the next generation.
type embedded struct {
	dir   string
	width int
	o     Options
	lock  *os.File

	writing sync.Mutex   // held during a change
	mu      sync.RWMutex // held to read, and to make a change visible
	store   *store
	number  int    // of the generation
	graph   *graph // nil for none
	spoilt  error  // why the graph is not used
}

const (
	lockName     = "lock" // the file that a writer locks
	buildingName = "next" // the next generation, until it is complete
)

// Open opens an index of vectors of the given width in the folder dir, and creates it if it
// does not exist. A damaged file is a [CorruptError].
//
// Search is exact, unless Options.Graph is set. One process writes to the index at a time. A
// killed process or a full disk leaves the state of the last Add or Delete that returned
// without an error, or of the next one. On systems without file locks (Windows), the user has
// to ensure that there is one writer.
func Open(dir string, width int, o Options) (Index, error) {
	e, err := openFolder(dir, width, o)
	if err != nil {
		return nil, err // not an interface around nil
	}
	return e, nil
}

func openFolder(dir string, width int, o Options) (*embedded, error) {
	if width < 1 || width > maxWidth {
		return nil, fmt.Errorf("width must be from 1 to %d, got %d", maxWidth, width)
	}
	if o.open == nil {
		o.open = openFile
	}
	e := &embedded{dir: dir, width: width, o: o}
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *embedded) begin() error {
	if e.o.ReadOnly {
		if err := e.openLast(nil); err != nil {
			return err
		}
		e.readGraph()
		return nil
	}
	if err := os.MkdirAll(e.dir, 0o777); err != nil {
		return err
	}
	if err := e.enter(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(e.dir, buildingName)); err != nil {
		return err
	}
	numbers, err := generations(e.dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		if err := createStore(e.generation(1), e.width, e.o.open); err != nil {
			return err
		}
		numbers = []int{1}
	}
	if err := e.openLast(numbers); err != nil {
		return err
	}
	for _, n := range numbers[:len(numbers)-1] {
		_ = os.RemoveAll(e.generation(n)) // a reader may have it open
	}
	if err := e.compact(); err != nil {
		return err
	}
	e.readGraph()
	return nil
}

// readGraph reads the graph if searches use it. A damaged graph is treated as missing;
// Build rebuilds it.
func (e *embedded) readGraph() {
	if e.o.Graph > 0 {
		if e.graph, e.spoilt = readGraph(e.store.dir, e.store.rows); errors.Is(e.spoilt, fs.ErrNotExist) {
			e.spoilt = nil
		}
	}
}

// enter locks the index, or waits for the lock.
func (e *embedded) enter() (err error) {
	path := filepath.Join(e.dir, lockName)
	if e.lock, err = input.OpenInside(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return err
	}
	for end := time.Now().Add(e.o.Wait); ; time.Sleep(20 * time.Millisecond) {
		switch alone, err := filelock.Try(e.lock); {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case alone:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%s: %w", e.dir, ErrLocked)
		}
	}
}

// openLast opens the last of the generations, nil for those in the folder. A writer may
// remove it before it is open; then there is another.
func (e *embedded) openLast(numbers []int) (err error) {
	for range 10 {
		if e.o.ReadOnly {
			if numbers, err = generations(e.dir); err != nil {
				return err
			}
			if len(numbers) == 0 {
				return fmt.Errorf("%s: there is no index of vectors: %w", e.dir, fs.ErrNotExist)
			}
		}
		e.number = numbers[len(numbers)-1]
		e.store, err = openStore(e.generation(e.number), e.width, !e.o.ReadOnly, e.o.open)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !e.o.ReadOnly {
			break
		}
	}
	return &CorruptError{e.generation(e.number), err.Error(), false}
}

func (e *embedded) generation(n int) string { return filepath.Join(e.dir, fmt.Sprintf("%06d", n)) }

var isGeneration = regexp.MustCompile(`^[0-9]{6,9}$`)

// generations lists those in dir, in order.
func generations(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil && entry.IsDir() && isGeneration.MatchString(entry.Name()) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Width returns the number of elements of a vector.
func (e *embedded) Width() int { return e.width }

// Len returns the number of vectors.
func (e *embedded) Len(context.Context) (int, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.store.living, nil
}

// Add stores vectors [n,E] under n ids: all of them, durably, or none.
func (e *embedded) Add(ctx context.Context, ids []int64, vectors []float32) error {
	if err := CheckAdd(e.width, ids, vectors); err != nil {
		return err
	}
	return e.change(ctx, func() change { return change{ids: ids, vectors: vectors} })
}

// Delete removes ids: all of them, durably, or none.
func (e *embedded) Delete(ctx context.Context, ids []int64) error {
	return e.change(ctx, func() (c change) {
		seen := map[int64]bool{}
		for _, id := range ids {
			if _, ok := e.store.rowOf(id); ok && !seen[id] {
				c.gone = append(c.gone, id)
				seen[id] = true
			}
		}
		return c
	})
}

func (e *embedded) change(ctx context.Context, what func() change) error {
	if e.o.ReadOnly {
		return e.errReadOnly()
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c := what()
	if len(c.ids)+len(c.gone) == 0 {
		return nil
	}
	next, records, err := e.store.write(c)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.store.take(next, records)
}

func (e *embedded) errReadOnly() error {
	return fmt.Errorf("%s: the index was opened for reading only", e.dir)
}

// few is a number of dead vectors that does not matter.
const few = 4096

// compact copies the living vectors to a new generation, if most are dead. Without space
// for that, nothing changes.
func (e *embedded) compact() error {
	if e.store.rows <= few+2*e.store.living {
		return nil
	}
	err := e.copyAlive(filepath.Join(e.dir, buildingName))
	if _, corrupt := errors.AsType[*CorruptError](err); err != nil && !corrupt {
		return nil
	}
	if err != nil {
		return err
	}
	old := e.store
	if err := e.openLast([]int{e.number + 1}); err != nil {
		return err
	}
	_ = old.close()
	_ = os.RemoveAll(old.dir) // a reader may have it open
	return nil
}

// copyAlive makes the next generation, which gets its name when it is complete.
func (e *embedded) copyAlive(building string) (err error) {
	defer func() {
		if err != nil {
			_ = os.RemoveAll(building)
		}
	}()
	if err := createStore(building, e.width, e.o.open); err != nil {
		return err
	}
	next, err := openStore(building, e.width, true, e.o.open)
	if err != nil {
		return err
	}
	err = e.store.inOrder(func() error { return e.copyTo(next) })
	if err := errors.Join(err, next.close()); err != nil {
		return err
	}
	if err := os.Rename(building, e.generation(e.number+1)); err != nil {
		return err
	}
	return syncFolder(e.dir)
}

// copyTo adds the living vectors to an empty generation.
func (e *embedded) copyTo(to *store) error {
	const many = 4096
	var c change
	flush := func() error {
		next, records, err := to.write(c)
		if err == nil {
			err = to.take(next, records)
		}
		c.ids, c.vectors = c.ids[:0], c.vectors[:0]
		return err
	}
	for row := range int32(e.store.rows) {
		if !e.store.alive(row) {
			continue
		}
		x, err := e.store.vector(row)
		if err != nil {
			return err
		}
		c.ids, c.vectors = append(c.ids, e.store.ids[row]), append(c.vectors, x...)
		if len(c.ids) == many {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Get returns the vectors [n,E] of n ids.
func (e *embedded) Get(ctx context.Context, ids []int64) ([]float32, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	vectors := make([]float32, 0, len(ids)*e.width)
	err := e.store.guarded(func() error {
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			row, ok := e.store.rowOf(id)
			if !ok {
				return fmt.Errorf("%s: id %d is %w", e.dir, id, ErrNotFound)
			}
			x, err := e.store.vector(row)
			if err != nil {
				return err
			}
			vectors = append(vectors, x...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return vectors, nil
}

// Build builds the graph of an index of at least Options.Graph vectors, or adds new vectors
// to it; until then, Search compares these one by one. It takes minutes for a million.
// Searches continue meanwhile; changes wait.
func (e *embedded) Build(ctx context.Context, report progress.Func) error {
	if e.o.ReadOnly {
		return e.errReadOnly()
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	s := e.store
	if e.o.Graph <= 0 || s.living < e.o.Graph || e.graph != nil && e.graph.rows == s.rows {
		return nil
	}
	g := &graph{entry: -1}
	if old := e.graph; old != nil { // searches continue to use it
		g = &graph{rows: old.rows, entry: old.entry, thin: old.thin, twins: old.twins, base: old.base, upper: old.upper}
	}
	stage := report.Start("graph", int64(s.rows), "vectors")
	defer stage.Finish()
	err := g.build(ctx, s, func(rows int) { stage.Set(int64(rows)) })
	if err != nil {
		return err
	}
	e.useGraph(g)
	if err := g.write(s.dir); err != nil {
		return err
	}
	// The system can take back the memory of a mapped file, and it is no reason for the
	// collector to wait for as much garbage.
	if g, err = readGraph(s.dir, s.rows); err == nil {
		e.useGraph(g)
	}
	return nil
}

func (e *embedded) useGraph(g *graph) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.graph != nil {
		e.graph.free()
	}
	e.graph, e.spoilt = g, nil
}

// approximate searches the graph, and one by one the rows that were added after it.
func (e *embedded) approximate(ctx context.Context, query []float32, k int) ([]Hit, error) {
	s := e.store
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Dead rows are candidates, too.
	limit := int(float64(e.graph.candidates(k)) * float64(s.rows) / float64(s.living))
	candidates := e.graph.search(s, query, limit)
	if len(candidates) < min(k, s.living) {
		return s.exact(ctx, query, k) // too few, or too many dead in one place
	}
	if e.graph.rows < s.rows {
		late, err := s.scan(ctx, query, k, e.graph.rows)
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, late...)
	}
	return s.best(query, candidates, k)
}

// Search returns the k vectors nearest to a query.
func (e *embedded) Search(ctx context.Context, query []float32, k int) (hits []Hit, err error) {
	if err := CheckSearch(e.width, query, k); err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	err = e.store.guarded(func() error {
		if e.graph != nil && e.graph.entry >= 0 && e.o.Graph <= e.store.living {
			hits, err = e.approximate(ctx, query, k)
		} else {
			hits, err = e.store.exact(ctx, query, k)
		}
		return err
	})
	return hits, err
}

// IDs iterates over the ids that the index had when the iteration began.
func (e *embedded) IDs(ctx context.Context) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		e.mu.RLock()
		ids := make([]int64, 0, e.store.living)
		for row, id := range e.store.ids {
			if e.store.alive(int32(row)) {
				ids = append(ids, id)
			}
		}
		e.mu.RUnlock()
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				yield(0, err)
				return
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Verify reads all of the index and returns the [CorruptError] of the first damage that it
// finds, of the graph last. Damaged data is never used even without Verify: Open checks all
// but the vectors, and a vector is checked when it is read.
func (e *embedded) Verify(ctx context.Context) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	err := e.store.inOrder(func() error {
		return e.store.each(ctx, func(row int) error {
			_, err := e.store.vector(int32(row))
			return err
		})
	})
	return cmp.Or(err, e.spoilt)
}

// Location returns the folder of the index.
func (e *embedded) Location() string { return e.dir }

// Drop closes the index and deletes its folder.
func (e *embedded) Drop(context.Context) error {
	if e.o.ReadOnly {
		return e.errReadOnly()
	}
	return errors.Join(e.Close(), os.RemoveAll(e.dir))
}

// Close closes the files and releases the lock.
func (e *embedded) Close() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	if e.store != nil {
		err = e.store.close()
		e.store = nil
	}
	if e.graph != nil {
		e.graph.free()
	}
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
		e.lock = nil
	}
	return err
}
