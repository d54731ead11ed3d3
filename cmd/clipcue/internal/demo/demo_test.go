package demo

import (
	"bytes"
	"encoding/json"
	"html"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

func run(t *testing.T, threads int) (table []byte, page string) {
	t.Helper()
	o := Options{Dir: filepath.Join(t.TempDir(), "demo"), PerMotion: 6, Takes: 2, PerObject: 1, Seeds: 2, Episodes: 2, Steps: 8, ShortSteps: 4, Threads: threads, Log: slog.New(slog.DiscardHandler)}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := 6*6 + 60; r.Videos != want {
		t.Errorf("%d videos instead of %d", r.Videos, want)
	}
	for _, u := range r.Unseen {
		if !strings.Contains(u.Path, strings.ReplaceAll(u.Label, " ", "_")) {
			t.Errorf("%s is said to be %s", u.Path, u.Label)
		}
	}
	text, err := os.ReadFile(r.Report)
	if err != nil {
		t.Fatal(err)
	}
	table, err = json.Marshal(r.Tables)
	if err != nil {
		t.Fatal(err)
	}
	return table, html.UnescapeString(string(text))
}

// Two runs with one seed give the same tables, on whatever number of threads, and
// the report shows them.
func TestRunsAreRepeatable(t *testing.T) {
	if os.Getenv("CLIPCUE_SLOW") == "" {
		t.Skip("slow: set CLIPCUE_SLOW=1")
	}
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
	one, page := run(t, 1)
	two, _ := run(t, 2)
	if !bytes.Equal(one, two) {
		t.Errorf("%s\n%s", one, two)
	}
	for _, want := range []string{closedSet.title, fewShot.title, zeroShot.title, defaultWay.title, "A closer look", "Training loss", "Accuracy on test takes"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestRowsHaveStudentsInterval(t *testing.T) {
	r := Row{Each: []float64{0.8, 0.9, 1}}
	r.summarize()
	// t(2, 0.975) = 4.3027, times 0.1/√3
	if r.Top1 < 0.8999 || r.Top1 > 0.9001 || r.Half < 0.2484 || r.Half > 0.2485 {
		t.Errorf("%+v", r)
	}
	// Trainings that come out alike have an interval, one alone has none.
	for _, c := range []struct {
		each []float64
		want string
	}{{[]float64{0.5}, ""}, {[]float64{0.5, 0.5}, "± 0.0"}} {
		r := Row{Each: c.each}
		if r.summarize(); r.Top1 != 0.5 || r.Half != 0 || r.Cells()[2] != c.want {
			t.Errorf("%+v, %q", r, r.Cells())
		}
	}
}
