package vector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// A generation is a folder of three append-only files: the log, and as arrays without a
// header the vectors [rows,E] and their 8-bit levels [rows,compute.Int8Stride(E)]. Row i
// belongs to the i-th addition in the log.
const (
	logName     = "log"
	levelsName  = "levels"
	vectorsName = "vectors"
)

// file has the methods of *os.File that are used; tests use one that fails.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Name() string
	Fd() uintptr
	Stat() (os.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

type opener func(path string, flag int) (file, error)

func openFile(path string, flag int) (file, error) {
	f, err := input.OpenInside(path, flag, 0o666)
	if err != nil {
		return nil, err // and not a nil of another type
	}
	return f, nil
}

// store is an open generation.
type store struct {
	commit
	dir                  string
	stride               int // bytes of levels in a row
	log, levels, vectors file
	levelMap, vectorMap  mapping
	grows                bool
	broken               error  // after it, the state of the disk is not known
	release              func() // of the memory for the rows

	ids           []int64 // of rows
	scales, rests []float32
	sums          []uint32 // the vectors' checksums
	levelSums     []uint32 // and those of their levels
	living        int      // rows
	// The ids of the first rows usually ascend, so that a search finds them; only the others
	// need a map, which takes as much memory as all other data of a row here.
	ascending int
	others    map[int64]int32 // rows of the ids of later rows
}

// dead is the rest of a row that was deleted or replaced: not a number, so that no
// comparison with a bound computed from it is true.
var dead = float32(math.NaN())

func (s *store) alive(row int32) bool { return s.rests[row] >= 0 }

// rowOf returns the living row of an id.
func (s *store) rowOf(id int64) (row int32, ok bool) {
	if row, ok := s.others[id]; ok {
		return row, true
	}
	i, ok := slices.BinarySearch(s.ids[:s.ascending], id)
	return int32(i), ok && s.alive(int32(i))
}

// createStore creates an empty generation in a folder of this name. The folder is complete
// or does not exist.
func createStore(dir string, width int, open opener) error {
	temporary := filepath.Join(filepath.Dir(dir), "new")
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	if err := os.Mkdir(temporary, 0o777); err != nil {
		return err
	}
	empty := commit{number: 1, width: width}.encode()
	for _, name := range []string{logName, levelsName, vectorsName} {
		f, err := open(filepath.Join(temporary, name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		if name == logName {
			_, first := f.WriteAt(empty, 0)
			_, second := f.WriteAt(append(empty, make([]byte, page-commitSize)...), page)
			err = errors.Join(first, second)
		}
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	if err := syncFolder(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

// openStore opens a generation. A writer truncates what follows the last commit.
func openStore(dir string, width int, write bool, open opener) (s *store, err error) {
	s = &store{dir: dir, stride: compute.Int8Stride(width), grows: write, others: map[int64]int32{}}
	half := s // s is nil where an error is returned
	defer func() {
		if err != nil {
			_ = half.close()
			s = nil
		}
	}()
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	for name, f := range map[string]*file{logName: &s.log, levelsName: &s.levels, vectorsName: &s.vectors} {
		if *f, err = open(filepath.Join(dir, name), flag); err != nil {
			*f = nil
			return nil, err
		}
	}
	start := make([]byte, logStart)
	n, err := s.log.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	last, ok := lastCommit(start[:n])
	if !ok {
		return nil, &CorruptError{s.log.Name(), "it has no complete commit", false}
	}
	if last.width != width {
		return nil, fmt.Errorf("%s holds vectors of width %d, not %d", filepath.Dir(dir), last.width, width)
	}
	s.commit = last
	for f, need := range s.sizes() {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if info.Size() < need {
			return nil, &CorruptError{f.Name(), fmt.Sprintf("it ends at byte %d of %d", info.Size(), need), false}
		}
		if write && info.Size() > need {
			if err := f.Truncate(need); err != nil {
				return nil, err
			}
		}
	}
	if err := s.cover(s.rows); err != nil {
		return nil, err
	}
	return s, s.load()
}

// sizes returns the sizes of the files at the last commit.
func (s *store) sizes() map[file]int64 {
	return map[file]int64{
		s.log:     logStart + int64(s.records)*recordSize,
		s.levels:  int64(s.rows) * int64(s.stride),
		s.vectors: int64(s.rows) * int64(s.width) * 4,
	}
}

func (s *store) cover(rows int) error {
	if err := s.levelMap.cover(s.levels, int64(rows)*int64(s.stride), s.grows); err != nil {
		return err
	}
	if err := s.vectorMap.cover(s.vectors, int64(rows)*int64(s.width)*4, s.grows); err != nil {
		return err
	}
	s.vectorMap.scatter(true)
	return nil
}

// inOrder calls read, which reads most vectors in the order of their rows.
func (s *store) inOrder(read func() error) error {
	s.vectorMap.scatter(false)
	defer s.vectorMap.scatter(true)
	return s.guarded(read)
}

// rowMemory is the memory of an entry of the log in bytes: the slices, and the map.
const rowMemory = 24 + 40

// load reads the log, and checks it and the levels against their checksums. The vectors,
// which are most of the bytes, are checked whenever they are read.
func (s *store) load() (err error) {
	if s.release, err = memory.Request(int64(s.records)*rowMemory, s.log.Name()); err != nil {
		return err
	}
	s.ids = make([]int64, 0, s.rows)
	s.scales, s.rests = make([]float32, 0, s.rows), make([]float32, 0, s.rows)
	s.sums, s.levelSums = make([]uint32, 0, s.rows), make([]uint32, 0, s.rows)
	const many = 1 << 14
	buffer := make([]byte, many*recordSize)
	for from := 0; from < s.records; from += many {
		n := min(many, s.records-from)
		if _, err := s.log.ReadAt(buffer[:n*recordSize], logStart+int64(from)*recordSize); err != nil {
			return err
		}
		for i := range n {
			r, err := decodeRecord(buffer[i*recordSize:][:recordSize], from+i)
			if err != nil {
				return &CorruptError{s.log.Name(), err.Error(), false}
			}
			s.apply(r)
			if len(s.ids) > s.rows {
				return &CorruptError{s.log.Name(), fmt.Sprintf("it has more vectors than the %d of its commit", s.rows), false}
			}
		}
	}
	if len(s.ids) != s.rows {
		return &CorruptError{s.log.Name(), fmt.Sprintf("it has %d vectors, but its commit has %d", len(s.ids), s.rows), false}
	}
	return s.each(context.Background(), func(row int) error {
		if checksum(s.levelRow(row)) != s.levelSums[row] {
			return s.corrupt(s.levels, row)
		}
		return nil
	})
}

// each calls do for all rows, from several goroutines, until one fails.
func (s *store) each(ctx context.Context, do func(row int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	parts := runtime.GOMAXPROCS(0)
	for p := range parts {
		group.Go(func() error {
			defer crash.Recover()
			return s.guarded(func() error {
				for row := s.rows * p / parts; row < s.rows*(p+1)/parts; row++ {
					if row%1024 == 0 && ctx.Err() != nil {
						return ctx.Err()
					}
					if err := do(row); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	return group.Wait()
}

func (s *store) corrupt(f file, row int) error {
	return &CorruptError{f.Name(), fmt.Sprintf("row %d (id %d) does not match its checksum", row, s.ids[row]), false}
}

func (s *store) levelRow(row int) []byte {
	return s.levelMap.data[row*s.stride:][:s.stride]
}

// floats returns the same memory as another type.
func floats(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// vector returns the vector of a row, in the mapped file.
func (s *store) vector(row int32) ([]float32, error) {
	b := s.vectorMap.data[int(row)*s.width*4:][:s.width*4]
	if checksum(b) != s.sums[row] {
		return nil, s.corrupt(s.vectors, int(row))
	}
	return floats(b), nil
}

// apply adds a record to the memory.
func (s *store) apply(r record) {
	if old, ok := s.rowOf(r.id); ok {
		s.rests[old] = dead
		delete(s.others, r.id)
		s.living--
	}
	if r.kind == added {
		if n := len(s.ids); s.ascending == n && (n == 0 || s.ids[n-1] < r.id) {
			s.ascending++
		} else {
			s.others[r.id] = int32(n)
		}
		s.living++
		s.ids = append(s.ids, r.id)
		s.scales = append(s.scales, r.scale)
		s.rests = append(s.rests, r.rest)
		s.sums = append(s.sums, r.vectorSum)
		s.levelSums = append(s.levelSums, r.levelsSum)
	}
}

// change is what a commit changes.
type change struct {
	ids     []int64 // added
	vectors []float32
	gone    []int64 // deleted
}

// write appends a change to the files and makes it durable, but does not change the
// memory: see [store.take]. If it fails, the last commit stays valid.
func (s *store) write(c change) (next commit, records []record, err error) {
	if s.broken != nil {
		return next, nil, s.broken
	}
	next = s.commit
	next.number++
	next.records += len(c.ids) + len(c.gone)
	next.rows += len(c.ids)
	if next.rows > maxRows || next.records > 2*maxRows {
		return next, nil, fmt.Errorf("%s: an index holds at most %d vectors", s.dir, maxRows)
	}
	defer func() {
		if err != nil && s.broken == nil {
			err = fmt.Errorf("%w; the index stays as it was", err)
			for f, size := range s.sizes() {
				_ = f.Truncate(size) // if that fails, the next write or opening does it
			}
		}
	}()
	if records, err = s.writeRows(c); err != nil {
		return next, nil, err
	}
	for _, id := range c.gone {
		records = append(records, record{kind: deleted, id: id})
	}
	entries := make([]byte, 0, len(records)*recordSize)
	for i, r := range records {
		entries = appendRecord(entries, r, s.records+i)
	}
	if _, err := s.log.WriteAt(entries, logStart+int64(s.records)*recordSize); err != nil {
		return next, nil, err
	}
	for _, f := range []file{s.levels, s.vectors, s.log} {
		if err := f.Sync(); err != nil {
			return next, nil, err
		}
	}
	if err := s.writeCommit(next); err != nil {
		s.broken = fmt.Errorf("%w (the last change is complete or was not made at all; open the index again)", err)
		return next, nil, s.broken
	}
	return next, records, nil
}

// writeRows appends the levels and vectors that a change adds, and returns their records.
func (s *store) writeRows(c change) (records []record, err error) {
	const many = 4096
	levels := make([]byte, min(many, len(c.ids))*s.stride)
	for from := 0; from < len(c.ids); from += many {
		n := min(many, len(c.ids)-from)
		part := c.vectors[from*s.width:][:n*s.width]
		for i := range n {
			x, row := part[i*s.width:][:s.width], levels[i*s.stride:][:s.stride]
			scale, rest := compute.QuantizeRow(row, x)
			records = append(records, record{added, c.ids[from+i], scale, rest, checksum(row), checksum(bytesOf(x))})
		}
		if _, err := s.levels.WriteAt(levels[:n*s.stride], int64(s.rows+from)*int64(s.stride)); err != nil {
			return nil, err
		}
		if _, err := s.vectors.WriteAt(bytesOf(part), int64(s.rows+from)*int64(s.width)*4); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// writeCommit writes a commit whose rows and records are on the disk.
func (s *store) writeCommit(next commit) error {
	b := next.encode()
	if _, err := s.log.WriteAt(b, 0); err != nil {
		return err
	}
	if err := s.log.Sync(); err != nil {
		return err
	}
	_, err := s.log.WriteAt(b, page)
	return err
}

// take makes a written change visible.
func (s *store) take(next commit, records []record) error {
	if err := s.cover(next.rows); err != nil {
		s.broken = err
		return err
	}
	s.commit = next
	for _, r := range records {
		s.apply(r)
	}
	return nil
}

func (s *store) close() error {
	if s.release != nil {
		s.release()
	}
	s.levelMap.free()
	s.vectorMap.free()
	var err error
	for _, f := range []file{s.log, s.levels, s.vectors} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
