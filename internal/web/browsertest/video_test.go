package browsertest

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

// media returns a folder with 1.mp4, a minute of a test image.
func media(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=60",
		"-pix_fmt", "yuv420p", "-g", "10", "-movflags", "+faststart", filepath.Join(dir, "1.mp4"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return dir
}

const playhead = `Number(document.querySelector(".clock").innerText.match(/(\d+):([\d.]+)/).slice(1).reduce((m, s) => 60 * m + Number(s), 0))`

func TestPlaysFromTheMoment(t *testing.T) {
	p := open(t, fake.Options{Videos: library(1), Media: media(t)}, "/video/1?t=20")
	p.Wait(`document.querySelector("video")?.readyState >= 2`)
	p.Wait(playhead + " == 20")
	p.Press(" ")
	p.Wait(playhead + " > 20.3")
	p.Press("k")
	p.Wait(`document.querySelector("video").paused`)
	const current = `document.querySelector("video").currentTime`
	before := Value[float64](p.Tab, current)
	p.Press(".")
	p.Wait(current + " > " + fmtFloat(before))
	p.Press("l")
	p.Wait(current + " > " + fmtFloat(before+4))
	p.Wait(`Math.abs(` + current + " - " + playhead + `) < 0.2`)
}

// The fake server answers each fragment with the same file, which starts at 0.
func TestPlaysFragmentsOfForeignFiles(t *testing.T) {
	p := open(t, fake.Options{Videos: library(1), Media: media(t), Foreign: true}, "/video/1?t=30")
	p.Wait(`document.querySelector("video")?.readyState >= 2`)
	p.Wait(`new URL(document.querySelector("video").src).search == "?start=20&end=40" && document.querySelector("video").currentTime == 10`)
	p.Wait(playhead + " == 30")
	p.Press("j", "j", "j")
	p.Wait(`new URL(document.querySelector("video").src).search == "?start=0&end=20" && Math.abs(document.querySelector("video").currentTime - 15) < 0.1`)
	p.Press(" ")
	p.Wait(playhead + " > 15.3")
}

func TestMarksOnTheTimeline(t *testing.T) {
	p := open(t, fake.Options{Videos: library(1), Media: media(t)}, "/labels")
	p.server.AddLabel("x", nil)
	p.Visit("/video/1?label=1")
	p.Wait(`document.querySelector(".lane.editable")`)
	box := Value[[]float64](p.Tab, `(r => [r.left, r.top, r.width])(document.querySelector(".lane").getBoundingClientRect())`)
	// Rows below the screen are scrolled to first.
	x, y := box[0]+box[2]*0.91, box[1]+6
	p.Do(chromedp.DragAndDropXY(x, y, x+box[2]*0.05, y))
	p.marks(1, 1, 0)
	p.Wait(`document.querySelector(".bar-item.mark.on")`)
	start := p.server.MarksOf(1)[0].Start
	p.Press(kb.ArrowLeft, kb.ArrowLeft)
	end := time.Now().Add(patience)
	for d := 0.0; d < 0.19 || d > 0.21; d = start - p.server.MarksOf(1)[0].Start {
		if time.Now().After(end) {
			t.Fatalf("the mark moved by %v s, want 0.2", d)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.Click("No")
	p.marks(1, 0, 1)
	p.Press(kb.Delete)
	p.marks(1, 0, 0)
}

func TestJumpsBetweenSegments(t *testing.T) {
	p := open(t, fake.Options{Videos: library(1)}, "/labels")
	p.server.AddLabel("x", []int{1})
	p.Visit("/video/1")
	p.Wait(`document.querySelector(".bar-item")`)
	p.Press("]")
	p.See("Save clip")
	p.Click("Export")
	p.Wait(`document.querySelector('.menu a[href*="/clip?start="]')`)
}
