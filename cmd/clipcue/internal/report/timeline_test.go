package report

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/video"
)

// What was found and what is true of a class stand together, in the order of time;
// nothing in a label is taken for HTML, and nothing hangs out of the page.
func TestTimeline(t *testing.T) {
	found := []localization.Detection{{Label: "sit", Score: 0.9, Span: video.Span{Start: 12, End: 80}}, {Label: "<b>run</b>", Score: 0.5, Span: video.Span{Start: 1, End: 4}}, {Label: "sit", Score: 7, Span: video.Span{Start: 2, End: 3}}}
	truth := []localization.Detection{{Label: "jump", Score: 1, Span: video.Span{Start: 3, End: 4}}, {Label: "sit", Score: 1, Span: video.Span{Start: 10, End: 20}}}
	x := NewTimeline(context.Background(), filepath.Join(t.TempDir(), "gone.mp4"), 40, 0, found, truth)
	var rows []string
	for _, r := range x.Rows {
		rows = append(rows, r.Label)
	}
	if got := strings.Join(rows, ", "); got != "<b>run</b>, sit, truth: sit, truth: jump" {
		t.Errorf("rows %s", got)
	}
	if len(x.Rows[1].Bars) != 2 || x.Rows[1].Bars[1].Score != 1 || !strings.Contains(x.Note, "not found") {
		t.Errorf("%+v", x)
	}
	for seconds, want := range map[float64]float64{-1: 0, 10: 0.25, 80: 1} {
		if got := x.Share(seconds); got != want {
			t.Errorf("%v s lies at %v", seconds, got)
		}
	}
	for length, want := range map[float64]string{100: "83.5 s", 200: "1:23.5", 4000: "0:01:23.5"} {
		if got := (Timeline{Seconds: length}).Clock(83.46); got != want {
			t.Errorf("in a video of %v s it is %s instead of %s", length, got, want)
		}
	}
	if (Timeline{}).Share(3) != 0 {
		t.Error("a video of no length has places")
	}
	var b bytes.Buffer
	if err := Timelines([]Timeline{x}).Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"3 segments found in 1 video.", "&lt;b&gt;run&lt;/b&gt;", "--from:0.3;--to:1;--v:0.9", `title="12.0 s to 80.0 s, 90.0 %"`, "40.0 s"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<b>run") || strings.Contains(page, "ZgotmplZ") {
		t.Error("text is taken for HTML, or a style was refused")
	}
}
