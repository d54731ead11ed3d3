//go:build unix

package vector

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// planted creates an index with a graph and returns its folder and that of its files.
func planted(t *testing.T) (dir, generation string) {
	t.Helper()
	dir = t.TempDir()
	x := mustOpen(t, dir, Options{Graph: 10})
	ids := make([]int64, 100)
	for i := range ids {
		ids[i] = int64(i)
	}
	if err := errors.Join(x.Add(t.Context(), ids, vectorsOf(1, len(ids))), x.Build(t.Context(), nil)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, x)
	return dir, x.generation(x.number)
}

// Links and pipes instead of files are rejected without waiting, and the targets of links do
// not change.
func TestPlantedFiles(t *testing.T) {
	for _, name := range []string{logName, levelsName, vectorsName, graphFile, "../" + lockName} {
		for what, plant := range map[string]func(from, path string) error{
			"a link":   os.Symlink,
			"a pipe":   func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
			"a folder": func(_, path string) error { return os.Mkdir(path, 0o700) },
		} {
			dir, generation := planted(t)
			path, elsewhere := filepath.Join(generation, name), filepath.Join(t.TempDir(), "elsewhere")
			if err := errors.Join(os.Rename(path, elsewhere), plant(elsewhere, path)); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []Options{{ReadOnly: true, Graph: 10}, {Graph: 10}} {
				x, err := openFolder(dir, narrow, o)
				if err != nil {
					continue
				}
				if name == graphFile && x.Verify(t.Context()) == nil || name != graphFile && !(o.ReadOnly && name == "../"+lockName) {
					t.Errorf("%s for %s is opened", what, name)
				}
				mustClose(t, x)
			}
			if after, err := os.ReadFile(elsewhere); err != nil || string(after) != string(before) {
				t.Errorf("%s for %s: the file elsewhere has changed: %v", what, name, err)
			}
		}
	}
	_, generation := planted(t)
	if err := errors.Join(os.Remove(filepath.Join(generation, logName)), syscall.Mkfifo(filepath.Join(generation, logName), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(filepath.Dir(generation), narrow, Options{ReadOnly: true}); !errors.Is(err, input.ErrNotRegular) {
		t.Errorf("a pipe: %v", err)
	}
}

// The log must fit in the memory budget. A graph that does not fit is not used by searches.
func TestMemoryBudget(t *testing.T) {
	dir, _ := planted(t)
	defer memory.SetLimit(0)
	for limit, want := range map[int64]error{100: memory.ErrBudget, 100*rowMemory - 1: memory.ErrBudget, 100 * rowMemory: nil, 1 << 30: nil} {
		memory.SetLimit(limit)
		x, err := openFolder(dir, narrow, Options{ReadOnly: true, Graph: 10})
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", limit, err)
		}
		if err != nil {
			continue
		}
		if hits, err := x.Search(t.Context(), vectorsOf(2, 1), 5); err != nil || len(hits) != 5 {
			t.Errorf("%d bytes: %v %v", limit, hits, err)
		}
		if (x.graph == nil) != (limit < 1<<20) {
			t.Errorf("%d bytes: graph %v", limit, x.graph != nil)
		}
		mustClose(t, x)
	}
	memory.SetLimit(1 << 30)
	release, err := memory.Request(1<<30, "all")
	if err != nil {
		t.Errorf("closed indexes use memory: %v", err)
	}
	release()
}
