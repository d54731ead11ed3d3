package fleet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fill leaves no space on the disk of a folder, until the function that it returns is called.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	// The fleet may take the last bytes first.
	if err := os.WriteFile(filler, make([]byte, int64(disk.Bavail)*disk.Bsize), 0o666); err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(filler); err != nil {
			t.Error(err)
		}
	}
}

// While the disk of the coordinator and its broker is full, no video fails and no result is
// lost. When there is space, the fleet continues.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "clipcue-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	s := newSiteAt(t, embedded(t, filepath.Join(dir, "broker")), dir, 1, "")
	s.divides()
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 5)
	renderLong(t, filepath.Join(videos, "long.mp4"))
	s.submit(videos)
	o := s.worker("a")
	o.Encoder, o.pause = slow{newEncoder(), 100 * time.Millisecond}, 100*time.Millisecond
	s.work(t.Context(), o)
	for done := 0; done == 0; time.Sleep(10 * time.Millisecond) {
		st, err := s.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done = st.Finished
	}
	free := fill(t, dir)
	time.Sleep(5 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if st, err := s.client.Status(ctx); err == nil && (st.Failed > 0 || st.Waiting == 0) {
		t.Errorf("with a full disk: %+v", st)
	}
	free()
	if st := s.finish(); st.Finished != 6 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
	s.notes("long.mp4") // all lines are whole
}
