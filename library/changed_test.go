package library_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// A video whose file was replaced is reported until the next run, and nothing that belongs to
// the new content is stored for the old one.
func TestReplacedVideo(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	w.label("red", library.Mark{Video: "red_circle/000.mp4", Start: 0, End: 1, Positive: true})
	l := w.open()
	before, err := l.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	red, blue := w.copy("green_cross/000.mp4", "red_circle/000.mp4"), w.path("blue_ring/000.mp4")
	like := func(path string) library.Query {
		return library.Query{Like: []library.Point{{Video: path, Time: 0.5}}}
	}
	for _, q := range []library.Query{{Texts: []string{"a red circle"}}, like(blue)} {
		found := w.find(q, 10)
		warned := slices.ContainsFunc(found.Warnings, func(x library.Warning) bool { return x.Kind == library.WarnChanged })
		if len(found.Results) == 0 || !warned {
			t.Errorf("%+v", found)
		}
		for _, r := range found.Results {
			if replaced := r.Video == red; r.Changed != replaced || errors.Is(r.Unchanged(), library.ErrChanged) != replaced || r.Missing {
				t.Errorf("%+v", r)
			}
		}
	}
	if _, err := l.Find(t.Context(), w.model, retrieval.Baseline(w.model), like(red), 1); !errors.Is(err, library.ErrChanged) {
		t.Errorf("a moment of a replaced video as the query: %v", err)
	}
	mark := func(path string) library.Mark {
		return library.Mark{Label: "red", Video: path, Start: 1, End: 2, Positive: true}
	}
	if _, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{mark(blue), mark(red)}, false); !errors.Is(err, library.ErrChanged) {
		t.Errorf("a mark of a replaced video: %v", err)
	}
	if _, err := library.ChangeMarks(t.Context(), w.lib, nil, []library.Mark{mark(red)}, true); !errors.Is(err, library.ErrChanged) {
		t.Errorf("a mark of a replaced video: %v", err)
	}
	if have := w.marks("red"); len(have) != 1 {
		t.Errorf("marks %+v, want only the one from before", have)
	}
	if changed, err := l.Changed(t.Context(), []string{red, blue, red}); err != nil || len(changed) != 1 || !changed[red] {
		t.Errorf("%v %v", changed, err)
	}

	// The old content of the replaced video is also that of another one; the files differ.
	w.copy("red_circle/000.mp4", "copy.mp4")
	w.index(w.path("copy.mp4"))
	l = w.open()
	if d, err := l.Duplicates(t.Context(), library.DefaultThreshold, 1, nil); err != nil || len(d.Exact)+len(d.Near) > 0 || !slices.Equal(d.Changed, []string{red}) {
		t.Errorf("%+v %v", d, err)
	}
	if n, err := l.ExportThumbnails(t.Context(), t.TempDir(), nil); err != nil || n != 2 {
		t.Errorf("thumbnails of %d videos, want 2: %v", n, err)
	}

	// A copy of the same content with another time: a run notices that nothing has changed.
	w.copy("red_circle/000.mp4", "red_circle/000.mp4")
	w.touch("red_circle/000.mp4", time.Now().Add(-time.Hour))
	if r := w.search("a red circle", 1).Results[0]; !r.Changed {
		t.Errorf("%+v", r)
	}
	if r := w.index(); r.Done != 0 {
		t.Errorf("%+v", r)
	}
	if r := w.search("a red circle", 1).Results[0]; r.Changed || r.Unchanged() != nil {
		t.Errorf("%+v", r)
	}
	if _, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{mark(red)}, false); err != nil {
		t.Error(err)
	}
	if now, err := l.Revision(t.Context()); err != nil || now.Moments == before.Moments {
		t.Errorf("readers do not learn the new time: %v %v", now, err)
	}

	// What is only missing is not changed.
	if err := os.Remove(red); err != nil {
		t.Fatal(err)
	}
	if r := w.search("a red circle", 1).Results[0]; r.Changed || r.Unchanged() != nil {
		t.Errorf("%+v", r)
	}
	w.find(like(red), 1)
}
