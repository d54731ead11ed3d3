package jobs

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// On a disk that cannot be written, the jobs can be listed, and stay as they are.
func TestReadOnlyDisk(t *testing.T) {
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "clipcue-test", disk).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() })
	kinds := map[string]Kind{"quick": {Run: func(context.Context, *Task) (any, error) { return nil, nil }}}
	dir := filepath.Join(disk, "jobs")
	m := open(t, dir, kinds)
	done := wait(t, m, enqueue(t, m, "quick", 1).ID, Done)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	waiting := `[{"id":"a","kind":"quick","state":"waiting","title":"x","params":2}]`
	if err := os.MkdirAll(filepath.Join(disk, "old"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, "old", listFile), []byte(waiting), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for folder, want := range map[string][]string{dir: {done.ID}, filepath.Join(disk, "old"): {"a"}, filepath.Join(disk, "new"): nil} {
		m := open(t, folder, kinds)
		var ids []string
		for _, j := range m.List() {
			ids = append(ids, j.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: jobs %v, want %v", folder, ids, want)
		}
		if _, err := m.Add("quick", "", 3); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: a job was added, error %v", folder, err)
		}
		for _, id := range ids {
			if err := m.Remove(id); !errors.Is(err, ErrReadOnly) {
				t.Errorf("%s: a job was removed, error %v", folder, err)
			}
			if j, err := m.Get(id); err != nil || j.State != done.State && j.State != Waiting {
				t.Errorf("%+v, error %v", j, err)
			}
		}
	}
}

// A full disk fails the export, not the server, and no other job is accepted until there is
// space.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "clipcue-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	m := open(t, filepath.Join(dir, "jobs"), map[string]Kind{"export": {Run: func(_ context.Context, task *Task) (any, error) {
		return nil, task.WriteFile("a.csv", func(w io.Writer) error {
			_, err := w.Write(make([]byte, 1<<20))
			return err
		})
	}}})
	j := wait(t, m, enqueue(t, m, "export", 1).ID, Failed)
	if j.Error != "the disk of the server is full" || strings.Contains(j.Error, dir) {
		t.Errorf("%+v", j)
	}
	filler := filepath.Join(dir, "filler")
	for size := 1 << 18; size > 0; size /= 2 { // the rest of the disk
		f, err := os.OpenFile(filler, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			break
		}
		_, _ = f.Write(make([]byte, size))
		f.Close()
	}
	if _, err := m.Add("export", "", strings.Repeat("x", 1<<14)); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if len(m.List()) != 1 {
		t.Error("a job was added that is not stored")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	enqueue(t, m, "export", 2)
}
