package vector

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const narrow = 8 // the width of vectors where it does not matter

func vectorsOf(seed uint64, n int) []float32 {
	return worlds["anywhere"](rand.New(rand.NewPCG(seed, 41)), n, narrow)
}

func mustOpen(t *testing.T, dir string, o Options) *embedded {
	t.Helper()
	x, err := openFolder(dir, narrow, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func mustClose(t *testing.T, x *embedded) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents returns an index's vectors by id.
func contents(t *testing.T, x *embedded) map[int64][narrow]float32 {
	t.Helper()
	all := map[int64][narrow]float32{}
	for id, err := range x.IDs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Get(t.Context(), []int64{id})
		if err != nil {
			t.Fatal(err)
		}
		all[id] = [narrow]float32(v)
	}
	if n, err := x.Len(t.Context()); err != nil || n != len(all) {
		t.Fatalf("%d ids, and it says %d, %v", len(all), n, err)
	}
	return all
}

// model is the expected content.
type model map[int64][narrow]float32

func (m model) equal(other map[int64][narrow]float32) bool {
	if len(m) != len(other) {
		return false
	}
	for id, v := range m {
		if other[id] != v {
			return false
		}
	}
	return true
}

func (m model) copy() model {
	c := model{}
	for id, v := range m {
		c[id] = v
	}
	return c
}

// step is change i of a long sequence of additions, replacements and deletions.
func step(t *testing.T, x *embedded, m model, i int) error {
	rng := rand.New(rand.NewPCG(uint64(i), 42))
	if i%4 == 3 {
		gone := []int64{int64(rng.IntN(30)), int64(rng.IntN(30))}
		err := x.Delete(t.Context(), gone)
		for _, id := range gone {
			delete(m, id)
		}
		return err
	}
	n := 1 + rng.IntN(5)
	var ids []int64
	for _, id := range rng.Perm(30)[:n] {
		ids = append(ids, int64(id))
	}
	vectors := vectorsOf(uint64(i), n)
	err := x.Add(t.Context(), ids, vectors)
	for j, id := range ids {
		m[id] = [narrow]float32(vectors[j*narrow:])
	}
	return err
}

func TestReopen(t *testing.T) {
	dir, m := filepath.Join(t.TempDir(), "a", "b"), model{}
	for i := range 40 {
		x := mustOpen(t, dir, Options{})
		if !m.equal(contents(t, x)) {
			t.Fatalf("step %d: another content", i)
		}
		if err := step(t, x, m, i); err != nil {
			t.Fatal(err)
		}
		mustClose(t, x)
	}
}

// A reader sees the state at its opening, independent of later writes.
func TestReadBesideWriter(t *testing.T) {
	dir, m := t.TempDir(), model{}
	if _, err := openFolder(filepath.Join(dir, "none"), narrow, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no index: %v", err)
	}
	writer := mustOpen(t, dir, Options{})
	for i := range 20 {
		reader := mustOpen(t, dir, Options{ReadOnly: true})
		before := m.copy()
		if err := step(t, writer, m, i); err != nil {
			t.Fatal(err)
		}
		if !before.equal(contents(t, reader)) {
			t.Fatalf("step %d: the reader sees another content", i)
		}
		if err := reader.Add(t.Context(), []int64{1}, vectorsOf(1, 1)); err == nil {
			t.Error("a reader has added a vector")
		}
		mustClose(t, reader)
	}
	mustClose(t, writer)
}

func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	first := mustOpen(t, dir, Options{})
	if _, err := openFolder(dir, narrow, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second writer: %v", err)
	}
	opened := make(chan *embedded)
	go func() {
		x, err := openFolder(dir, narrow, Options{Wait: time.Minute})
		if err != nil {
			t.Error(err)
		}
		opened <- x
	}()
	time.Sleep(30 * time.Millisecond)
	mustClose(t, first)
	if x := <-opened; x != nil {
		mustClose(t, x)
	}
}

func TestAnotherWidth(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, mustOpen(t, dir, Options{}))
	if _, err := openFolder(dir, narrow+1, Options{}); err == nil || !strings.Contains(err.Error(), "width 8, not 9") {
		t.Errorf("%v", err)
	}
	for _, width := range []int{0, -1, 1 << 30} {
		if _, err := openFolder(t.TempDir(), width, Options{}); err == nil {
			t.Errorf("width %d opened", width)
		}
	}
}

// If most vectors are dead, the next writer drops them. A reader that has the old files open
// still sees them.
func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir, Options{})
	vectors := vectorsOf(1, few)
	ids := make([]int64, few)
	for i := range ids {
		ids[i] = int64(i)
	}
	for range 3 {
		if err := x.Add(t.Context(), ids, vectors); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Delete(t.Context(), ids[10:]); err != nil {
		t.Fatal(err)
	}
	reader := mustOpen(t, dir, Options{ReadOnly: true})
	want := model(contents(t, x))
	mustClose(t, x)
	before := sizeOf(t, dir)
	x = mustOpen(t, dir, Options{})
	if after := sizeOf(t, dir); after > before/100 {
		t.Errorf("%d bytes of %d are left", after, before)
	}
	if !want.equal(contents(t, x)) || !want.equal(contents(t, reader)) {
		t.Error("another content")
	}
	if err := x.Add(t.Context(), ids[:1], vectors[:narrow]); err != nil {
		t.Error(err)
	}
	mustClose(t, reader)
	mustClose(t, x)
	if names := namesIn(t, dir); !slices.Equal(names, []string{"000002", "lock"}) {
		t.Errorf("left are %v", names)
	}
}

func sizeOf(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// faults counts written bytes and syncs down. At zero, a write stops in the middle and later
// ones fail.
type faults struct {
	left int
	err  error
}

func (f *faults) open(path string, flag int) (file, error) {
	opened, err := os.OpenFile(path, flag, 0o666)
	return &faulty{opened, f}, err
}

type faulty struct {
	*os.File
	*faults
}

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	if f.left >= len(b) {
		f.left -= len(b)
		return f.File.WriteAt(b, at)
	}
	n, _ := f.File.WriteAt(b[:f.left], at)
	f.left = 0
	return n, f.err
}

func (f *faulty) Sync() error {
	if f.left == 0 {
		return f.err
	}
	f.left--
	return nil
}

func (f *faulty) Truncate(size int64) error {
	if f.left == 0 && f.err == errKilled {
		return f.err
	}
	return f.File.Truncate(size)
}

var errKilled = errors.New("killed")

// If writing stops at any byte, the index has the state before or after a change.
func TestKilledAnywhere(t *testing.T) {
	for left := 0; ; left += 1 + left%61 {
		dir, m := t.TempDir(), model{}
		disk := &faults{left: left, err: errKilled}
		var before model
		x, err := openFolder(dir, narrow, Options{open: disk.open})
		for i := 0; err == nil && i < 6; i++ {
			before = m.copy()
			err = step(t, x, m, i)
		}
		if x != nil {
			_ = x.Close()
		}
		if err == nil {
			break
		}
		again := mustOpen(t, dir, Options{})
		if found := contents(t, again); !before.equal(found) && !m.equal(found) {
			t.Fatalf("after %d bytes: neither the state before nor the one after", left)
		}
		if err := step(t, again, model(contents(t, again)), 9); err != nil {
			t.Fatalf("after %d bytes: %v", left, err)
		}
		mustClose(t, again)
	}
}

// A full disk loses only the current change; the index can be used when there is space again.
func TestDiskFull(t *testing.T) {
	for left := 1; ; left += 29 {
		dir, m := t.TempDir(), model{}
		disk := &faults{left: 1 << 30, err: &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}}
		x := mustOpen(t, dir, Options{open: disk.open})
		if err := step(t, x, m, 0); err != nil {
			t.Fatal(err)
		}
		before := m.copy()
		disk.left = left
		err := step(t, x, m, 1)
		if err == nil {
			mustClose(t, x)
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%v", err)
		}
		disk.left = 1 << 30
		if !before.equal(contents(t, x)) {
			t.Fatalf("after %d bytes: another content", left)
		}
		after := before.copy()
		if err = step(t, x, after, 1); err != nil && !strings.Contains(err.Error(), "open the index again") {
			t.Fatalf("after %d bytes: %v", left, err)
		}
		mustClose(t, x)
		again := mustOpen(t, dir, Options{})
		if found := contents(t, again); err == nil && !after.equal(found) || err != nil && !before.equal(found) && !m.equal(found) {
			t.Fatalf("after %d bytes: another content when it is opened again", left)
		}
		mustClose(t, again)
	}
}

// Every byte of the index has a checksum: a change of it is detected in its file and never
// returned as data.
func TestDamage(t *testing.T) {
	dir, m := t.TempDir(), model{}
	x := mustOpen(t, dir, Options{})
	for i := range 8 {
		if err := step(t, x, m, i); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, x)
	for _, name := range []string{logName, levelsName, vectorsName} {
		path := filepath.Join(dir, "000001", name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, damaged []byte) {
			t.Helper()
			if err := os.WriteFile(path, damaged, 0o666); err != nil {
				t.Fatal(err)
			}
			x, err := openFolder(dir, narrow, Options{ReadOnly: true})
			if err == nil {
				err = x.Verify(t.Context())
				if found := contentsIfSound(x); found != nil && !m.equal(found) {
					t.Fatalf("%s, %s: another content", name, what)
				}
				mustClose(t, x)
			}
			var corrupt *CorruptError
			if name == logName && strings.HasPrefix(what, "a bit of a commit") {
				if err != nil {
					t.Fatalf("%s, %s: %v, and there is a second one", name, what, err)
				}
			} else if !errors.As(err, &corrupt) || corrupt.File != path {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
		}
		for at := 0; at < len(data); at += 1 + at%5 {
			what := "a bit"
			if name == logName && at < logStart {
				if at%page >= commitSize {
					continue // that is padding
				}
				what = "a bit of a commit"
			}
			damaged := slices.Clone(data)
			damaged[at] ^= 1 << (at % 8)
			check(what, damaged)
		}
		for _, size := range []int{0, 1, len(data) / 2, len(data) - 1} {
			check("cut short", data[:size])
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// contentsIfSound returns an index's vectors, or nil if one of them cannot be read.
func contentsIfSound(x *embedded) model {
	m := model{}
	for row, id := range x.store.ids {
		if x.store.alive(int32(row)) {
			v, err := x.store.vector(int32(row))
			if err != nil {
				return nil
			}
			m[id] = [narrow]float32(v)
		}
	}
	return m
}

// Drop closes an index and deletes its files.
func TestDrop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x, err := openFolder(dir, 4, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Add(t.Context(), []int64{1}, []float32{1, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if err := x.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// An id that is greater than all before it is found like any other, also when it was deleted
// and added again.
func TestAscendingIDs(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir, Options{})
	want := model{}
	add := func(seed uint64, ids ...int64) {
		t.Helper()
		vectors := vectorsOf(seed, len(ids))
		if err := x.Add(t.Context(), ids, vectors); err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			want[id] = [narrow]float32(vectors[i*narrow:])
		}
	}
	remove := func(ids ...int64) {
		t.Helper()
		if err := x.Delete(t.Context(), ids); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			delete(want, id)
		}
	}
	check := func() {
		t.Helper()
		for range 2 {
			if got := contents(t, x); !want.equal(got) {
				t.Fatalf("%v instead of %v", got, want)
			}
			for id := range int64(12) {
				if _, err := x.Get(t.Context(), []int64{id}); (want[id] == [narrow]float32{}) != errors.Is(err, ErrNotFound) {
					t.Fatalf("id %d: %v", id, err)
				}
			}
			mustClose(t, x)
			x = mustOpen(t, dir, Options{})
		}
	}
	add(1, 1, 2, 3, 5, 8)
	check()
	remove(3, 8)
	check()
	add(2, 9, 10) // still ascending
	add(3, 3, 5, 11)
	check()
	remove(3, 2, 11)
	check()
	add(4, 2, 3)
	check()
	mustClose(t, x)
}
