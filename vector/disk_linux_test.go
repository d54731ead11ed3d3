package vector

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const tale = "CLIPCUE_TEST_VECTORS" // names the index of the process that will be killed

func TestMain(m *testing.M) {
	if dir := os.Getenv(tale); dir != "" {
		testing.Init()
		testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "tell", F: func(t *testing.T) {
			x, err := openFolder(dir, narrow, Options{})
			for i := 0; err == nil; i++ {
				if err = step(t, x, model{}, i); err == nil {
					fmt.Println("done", i)
				}
			}
			fmt.Println(err)
		}}})
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A writer that is killed has stored every change that it reported as done.
func TestKill(t *testing.T) {
	for round := range 5 {
		dir, last := t.TempDir(), -1
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), tale+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &last); err != nil {
				t.Fatal(lines.Text())
			}
			if last == 3*round {
				time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { _ = c.Process.Kill() })
			}
		}
		_ = c.Wait()
		x := mustOpen(t, dir, Options{})
		told, found := model{}, contents(t, x)
		for i := range last + 1 {
			retell(t, told, i)
		}
		if !told.equal(found) {
			if retell(t, told, last+1); !told.equal(found) {
				t.Errorf("killed after change %d: another content", last)
			}
		}
		mustClose(t, x)
	}
}

// retell applies the change of step to a model only.
func retell(t *testing.T, m model, i int) {
	t.Helper()
	silent := &embedded{width: narrow, o: Options{ReadOnly: true}}
	_ = step(t, silent, m, i)
}

// mount mounts a separate file system.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullFileSystem(t *testing.T) {
	disk := mount(t, "256k")
	dir, m := disk+"/index", model{}
	x := mustOpen(t, dir, Options{})
	if err := step(t, x, m, 0); err != nil {
		t.Fatal(err)
	}
	rest := disk + "/rest"
	if err := os.WriteFile(rest, make([]byte, 1<<20), 0o666); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	many := make([]int64, 4000)
	for i := range many {
		many[i] = int64(i)
	}
	err := x.Add(t.Context(), many, vectorsOf(1, len(many)))
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "stays as it was") {
		t.Errorf("%v", err)
	}
	if !m.equal(contents(t, x)) {
		t.Error("another content")
	}
	if err := os.Remove(rest); err != nil {
		t.Fatal(err)
	}
	if err := step(t, x, m, 1); err != nil {
		t.Fatal(err)
	}
	mustClose(t, x)
	x = mustOpen(t, dir, Options{})
	if !m.equal(contents(t, x)) {
		t.Error("another content when it is opened again")
	}
	mustClose(t, x)
}

func TestReadOnlyFileSystem(t *testing.T) {
	disk := mount(t, "1m")
	dir, m := disk+"/index", model{}
	x := mustOpen(t, dir, Options{})
	if err := step(t, x, m, 0); err != nil {
		t.Fatal(err)
	}
	mustClose(t, x)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir, narrow, Options{}); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
	x = mustOpen(t, dir, Options{ReadOnly: true})
	if !m.equal(contents(t, x)) {
		t.Error("another content")
	}
	mustClose(t, x)
}

// A file that is truncated while its index is open causes an error, not a crash.
func TestCutShortWhileOpen(t *testing.T) {
	for _, name := range []string{levelsName, vectorsName} {
		dir := t.TempDir()
		x := mustOpen(t, dir, Options{})
		if err := step(t, x, model{}, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(x.store.dir+"/"+name, 0); err != nil {
			t.Fatal(err)
		}
		_, err := x.Search(t.Context(), vectorsOf(1, 1), 3)
		if _, ok := errors.AsType[*CorruptError](err); !ok || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
		mustClose(t, x)
	}
}
