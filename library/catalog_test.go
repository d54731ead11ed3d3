package library_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// Videos, moments and thumbnails are named by ids, and what is not there is an error.
func TestCatalog(t *testing.T) {
	w := newWorld(t, "film.mp4", "red_circle/000.mp4")
	w.index(w.videos)
	l := w.open()
	videos, err := l.Videos(t.Context())
	if err != nil || len(videos) != 2 {
		t.Fatal(videos, err)
	}
	for _, v := range videos {
		moments, err := l.VideoMoments(t.Context(), v.ID)
		if err != nil || len(moments) != v.Moments {
			t.Fatal(moments, err)
		}
		for _, m := range moments {
			if picture, err := l.ReadPicture(t.Context(), m.Picture); err != nil || len(picture) == 0 {
				t.Error(m, err)
			}
		}
	}
	for _, p := range []library.Picture{{}, {Video: videos[0].ID, Number: 9999}, {Video: -1}, {Video: 1 << 62, Number: -5}} {
		if _, err := l.ReadPicture(t.Context(), p); !errors.Is(err, library.ErrNoPicture) {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// Marks are changed by id, all or none.
func TestChangeMarks(t *testing.T) {
	w := newWorld(t, "film.mp4")
	w.index(w.videos)
	if err := library.CreateLabel(t.Context(), w.lib, library.Label{Name: "red"}); err != nil {
		t.Fatal(err)
	}
	mark := library.Mark{Label: "red", Video: "film.mp4", Start: 0, End: 2, Positive: true}
	ids, err := library.ChangeMarks(t.Context(), w.lib, nil, []library.Mark{mark, mark}, false)
	if err != nil || len(ids) != 2 || ids[0] != ids[1] {
		t.Fatal(ids, err)
	}
	opposite := mark
	opposite.Positive = false
	if _, err := library.ChangeMarks(t.Context(), w.lib, nil, []library.Mark{opposite}, false); err == nil {
		t.Error("a contradiction is accepted")
	}
	if _, err := library.ChangeMarks(t.Context(), w.lib, []int64{ids[0], 99}, nil, false); !errors.Is(err, library.ErrNoMark) {
		t.Error(err)
	}
	l := w.open()
	before, err := l.Labels(t.Context())
	if err != nil || before[0].Positive != 1 || before[0].Last != ids[0] {
		t.Fatalf("%+v %v", before, err)
	}
	changed, err := library.ChangeMarks(t.Context(), w.lib, nil, []library.Mark{opposite}, true)
	if err != nil || changed[0] <= ids[0] {
		t.Fatal(changed, err)
	}
	marks, err := l.Marks(t.Context(), "red")
	if err != nil || len(marks) != 1 || marks[0].ID != changed[0] || marks[0].Positive {
		t.Errorf("%+v %v", marks, err)
	}
}

// A filter by spans allows the moments that are mostly in one of them.
func TestFilterBySpans(t *testing.T) {
	w := newWorld(t, "film.mp4", "red_circle/000.mp4")
	w.index(w.videos)
	l := w.open()
	film, err := l.Video(t.Context(), "film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	find := func(spans map[string][]video.Span) []library.Result {
		r, err := l.Find(t.Context(), w.model, retrieval.Baseline(w.model), library.Query{Texts: []string{"a red circle"}, Filter: library.Filter{Spans: spans}}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return r.Results
	}
	if got := find(map[string][]video.Span{}); len(got) > 0 {
		t.Errorf("no span allows %+v", got)
	}
	got := find(map[string][]video.Span{film: {{Start: 2, End: 4}}})
	if len(got) == 0 || slices.ContainsFunc(got, func(r library.Result) bool { return r.Video != film || r.End < 2 || r.Start > 4 }) {
		t.Errorf("%+v", got)
	}
}

// A library is busy while a run indexes it.
func TestBusy(t *testing.T) {
	w := newWorld(t, "film.mp4")
	w.index(w.videos)
	l := w.open()
	if err := l.Busy(t.Context()); err != nil {
		t.Error(err)
	}
	w.copy("film.mp4", "other.mp4")
	asked := false
	w.o.Extract.Progress = func(progress.Update) {
		asked = true
		if err := l.Busy(t.Context()); !errors.Is(err, library.ErrBusy) {
			t.Error(err)
		}
	}
	w.index(w.videos)
	if !asked {
		t.Error("the run reported no progress")
	}
}
