package vector

import (
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
)

// Options say how an index is opened.
type Options struct {
	// ReadOnly opens an index, which has to be there, as it is now. It may be done
	// beside a writer, whose later changes do not show.
	ReadOnly bool
	// Wait is how long to wait for another writer to close the index.
	Wait time.Duration
	// Graph is from how many vectors on Search is approximate, by the graph that
	// Build makes; 0 means never. The graph is read when the index is opened.
	Graph int

	open opener // of files, for tests
}

// Embedded is an [Index] in a folder. Search is exact, unless Options.Graph says
// otherwise. One process writes to it at
// a time; a killed one, or a full disk, leaves the state of the last Add or Delete
// that returned without an error (or of the one under way, if it was about to).
// Where files cannot be locked (Windows), that only one writes rests on the user.
//
// The folder holds a generation, which is a folder of files that are only appended
// to. If most of its vectors are dead when a writer opens it, the rest move to the
// next generation.
type Embedded struct {
	dir   string
	width int
	o     Options
	lock  *os.File

	writing sync.Mutex   // held by who changes the index
	mu      sync.RWMutex // and, for a moment, against those who read it
	store   *store
	number  int    // of the generation
	graph   *graph // nil for none
	spoilt  error  // of a graph that is damaged
}

const (
	lockName     = "lock" // the file that a writer has locked
	buildingName = "next" // the generation that is being made of the last one
)

// Open opens an index of vectors of this width in dir, which it makes if it has to.
// A damaged file is named by a [CorruptError].
func Open(dir string, width int, o Options) (*Embedded, error) {
	if width < 1 || width > maxWidth {
		return nil, fmt.Errorf("an index of vectors of width %d: it has to be from 1 to %d", width, maxWidth)
	}
	if o.open == nil {
		o.open = openFile
	}
	e := &Embedded{dir: dir, width: width, o: o}
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Embedded) begin() error {
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

// readGraph reads the graph if searches use it. A damaged graph is treated as missing:
// Build makes it again.
func (e *Embedded) readGraph() {
	if e.o.Graph > 0 {
		if e.graph, e.spoilt = readGraph(e.store.dir, e.store.rows); errors.Is(e.spoilt, fs.ErrNotExist) {
			e.spoilt = nil
		}
	}
}

// enter takes the lock, or waits for it.
func (e *Embedded) enter() (err error) {
	path := filepath.Join(e.dir, lockName)
	if e.lock, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return err
	}
	for end := time.Now().Add(e.o.Wait); ; time.Sleep(20 * time.Millisecond) {
		switch alone, err := lock(e.lock); {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case alone:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%s: %w; try again when it has ended", e.dir, ErrLocked)
		}
	}
}

// openLast opens the last of the generations, nil for those that there are. A
// writer may remove it before it is open: then there is another.
func (e *Embedded) openLast(numbers []int) (err error) {
	for range 10 {
		if e.o.ReadOnly {
			if numbers, err = generations(e.dir); err != nil {
				return err
			}
			if len(numbers) == 0 {
				return fmt.Errorf("%s: no index of vectors is there: %w", e.dir, fs.ErrNotExist)
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

func (e *Embedded) generation(n int) string { return filepath.Join(e.dir, fmt.Sprintf("%06d", n)) }

var isGeneration = regexp.MustCompile(`^[0-9]{6,9}$`)

// generations lists those in dir, rising.
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

// Width is how many elements a vector has.
func (e *Embedded) Width() int { return e.width }

// Len returns the number of vectors.
func (e *Embedded) Len(context.Context) (int, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.store.byID), nil
}

// Add stores vectors [n,E] under n ids: all of them, durably, or none.
func (e *Embedded) Add(ctx context.Context, ids []int64, vectors []float32) error {
	if err := CheckAdd(e.width, ids, vectors); err != nil {
		return err
	}
	return e.change(ctx, func() change { return change{ids: ids, vectors: vectors} })
}

// Delete removes ids: all of them, durably, or none.
func (e *Embedded) Delete(ctx context.Context, ids []int64) error {
	return e.change(ctx, func() (c change) {
		seen := map[int64]bool{}
		for _, id := range ids {
			if _, ok := e.store.byID[id]; ok && !seen[id] {
				c.gone = append(c.gone, id)
				seen[id] = true
			}
		}
		return c
	})
}

func (e *Embedded) change(ctx context.Context, what func() change) error {
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

func (e *Embedded) errReadOnly() error {
	return fmt.Errorf("%s: the index was opened to be read only", e.dir)
}

// few is how many dead vectors do not matter.
const few = 4096

// compact moves what is alive to a new generation, if most is dead. Without the
// space for that, all stays as it is.
func (e *Embedded) compact() error {
	if e.store.rows <= few+2*len(e.store.byID) {
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

// copyAlive makes the next generation, which gets its name when it is whole.
func (e *Embedded) copyAlive(building string) (err error) {
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
	err = e.store.guarded(func() error { return e.copyTo(next) })
	if err := errors.Join(err, next.close()); err != nil {
		return err
	}
	if err := os.Rename(building, e.generation(e.number+1)); err != nil {
		return err
	}
	return syncFolder(e.dir)
}

// copyTo adds all that is alive to an empty generation.
func (e *Embedded) copyTo(to *store) error {
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
func (e *Embedded) Get(ctx context.Context, ids []int64) ([]float32, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	vectors := make([]float32, 0, len(ids)*e.width)
	err := e.store.guarded(func() error {
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			row, ok := e.store.byID[id]
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

// Build makes the graph of an index of at least Options.Graph vectors, or adds to it
// those that it lacks; without them, Search looks at each of them. That takes
// minutes for a million. report, which may be nil, is told how many rows of how many
// are done. Searches go on meanwhile; changes wait.
func (e *Embedded) Build(ctx context.Context, report func(done, total int)) error {
	if e.o.ReadOnly {
		return e.errReadOnly()
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	s := e.store
	if e.o.Graph <= 0 || len(s.byID) < e.o.Graph || e.graph != nil && e.graph.rows == s.rows {
		return nil
	}
	g := &graph{entry: -1}
	if e.graph != nil {
		g = e.graph.clone()
	}
	err := g.build(ctx, s, func(rows int) {
		if report != nil {
			report(rows, s.rows)
		}
	})
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.graph, e.spoilt = g, nil
	e.mu.Unlock()
	return g.write(s.dir)
}

// breadthFor is how many places a walk keeps that looks for the k nearest.
func breadthFor(k int) int { return max(256, 4*k) }

// approximate searches the graph, and one by one what came after it.
func (e *Embedded) approximate(ctx context.Context, query []float32, k int) ([]Hit, error) {
	s := e.store
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The dead take places, too.
	limit := int(float64(breadthFor(k)) * float64(s.rows) / float64(len(s.byID)))
	candidates := e.graph.search(s, query, limit)
	if len(candidates) < min(k, len(s.byID)) {
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
func (e *Embedded) Search(ctx context.Context, query []float32, k int) (hits []Hit, err error) {
	if err := CheckSearch(e.width, query, k); err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	err = e.store.guarded(func() error {
		if e.graph != nil && e.graph.entry >= 0 && e.o.Graph <= len(e.store.byID) {
			hits, err = e.approximate(ctx, query, k)
		} else {
			hits, err = e.store.exact(ctx, query, k)
		}
		return err
	})
	return hits, err
}

// IDs goes through the ids that there were when it began.
func (e *Embedded) IDs(ctx context.Context) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		e.mu.RLock()
		ids := make([]int64, 0, len(e.store.byID))
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

// Verify reads all of the index and returns the [CorruptError] of the first damage
// that it finds, in the graph last. Nothing damaged is ever used without it, either:
// Open checks all but the vectors, and a vector is checked when it is read.
func (e *Embedded) Verify(ctx context.Context) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.store.each(ctx, func(row int) error {
		_, err := e.store.vector(int32(row))
		return err
	}); err != nil {
		return err
	}
	return e.spoilt
}

// Location returns the folder of the index.
func (e *Embedded) Location() string { return e.dir }

// Drop closes the index and deletes its folder.
func (e *Embedded) Drop(context.Context) error {
	if e.o.ReadOnly {
		return fmt.Errorf("%s was opened for reading only", e.dir)
	}
	return errors.Join(e.Close(), os.RemoveAll(e.dir))
}

// Close gives back the files and lets another writer in.
func (e *Embedded) Close() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	if e.store != nil {
		err = e.store.close()
		e.store = nil
	}
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
		e.lock = nil
	}
	return err
}
