package jobs

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

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
