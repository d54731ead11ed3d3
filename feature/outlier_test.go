package feature

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/video"
)

// A wrong timestamp adds no rows, and the summary and the provenance report it.
func TestWrongTimestampIsReported(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg")
	}
	dir := t.TempDir()
	plain, wrong := filepath.Join(dir, "plain.mkv"), filepath.Join(dir, "wrong.mkv")
	for _, args := range [][]string{
		{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=6", "-c:v", "libx264", "-bf", "0", plain},
		{"-i", plain, "-c", "copy", "-bsf:v", "setts=pts='PTS+eq(N,25)*9568/TB'", wrong},
	} {
		if out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-nostdin", "-v", "error"}, args...)...).CombinedOutput(); err != nil {
			t.Skipf("%v: %s", err, out)
		}
	}
	s := create(t)
	r, err := Extract(t.Context(), newFake(), []video.Source{{Path: plain, ID: "plain"}, {Path: wrong, ID: "wrong"}}, s, Options{Sampling: video.AtRate(4)})
	if err != nil || r.Frames != 48 || len(r.Corrected) != 1 || r.Corrected[0].ID != "wrong" || !strings.Contains(r.String(), "1 of them with wrong timestamps") {
		t.Errorf("%+v, %v", r, err)
	}
	q, err := s.Get("wrong")
	if err != nil || q.Provenance.Duration > 17 || !strings.Contains(q.Provenance.Treatment, "1 wrong timestamp corrected") {
		t.Errorf("%+v, %v", q.Provenance, err)
	}
}
