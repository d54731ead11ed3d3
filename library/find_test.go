package library_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

func (w *world) find(q library.Query, top int) *library.Response {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	found, err := l.Find(w.t.Context(), w.model, retrieval.Baseline(w.model), q, top)
	if err != nil {
		w.t.Fatalf("%+v: %v", q, err)
	}
	return found
}

// paths returns the videos of results, relative to the folder of videos.
func (w *world) paths(found *library.Response) (out []string) {
	for _, r := range found.Results {
		path, err := filepath.Rel(w.videos, r.Video)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, filepath.ToSlash(path))
	}
	return out
}

// scores returns the scores of the best moments of results.
func scores(found *library.Response) map[string]float64 {
	out := map[string]float64{}
	for _, r := range found.Results {
		out[fmt.Sprint(r.Video, r.Best)] = r.Score
	}
	return out
}

// What is excluded counts against a moment, however it is typed, and texts and examples
// combine.
func TestCombinedQueries(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4")
	w.o.Settings.Window, w.o.Settings.Hop = 2, 2 // one moment per video
	w.index(w.videos)
	red, blue := scores(w.find(library.Query{Texts: []string{"a red circle"}}, 50)), scores(w.find(library.Query{Texts: []string{"a blue ring"}}, 50))
	for _, q := range []library.Query{
		{Texts: []string{`a red circle -"a blue ring"`}},
		{Texts: []string{"a red circle"}, Without: []string{"a blue ring"}},
	} {
		for moment, score := range scores(w.find(q, 50)) {
			if want := red[moment] * (1 - blue[moment]); math.Abs(score-want) > 1e-9 {
				t.Errorf("%v: %s scores %g, want %g", q, moment, score, want)
			}
		}
	}
	if found := w.find(library.Query{Texts: []string{`a red circle -"a red circle"`}}, 5); found.Matched || found.Results[0].Score > 0.25 {
		t.Errorf("what is excluded is found: %+v", found)
	}
	both := w.find(library.Query{Texts: []string{"a blue ring"}, Images: []string{filepath.Join(w.lib, "thumbnails", "1", "1.jpg")}, Videos: []string{w.path("blue_ring/001.mp4")}}, 2)
	if got := w.paths(both); !strings.HasPrefix(got[0], "blue_ring") || !strings.HasPrefix(got[1], "blue_ring") || !both.Matched {
		t.Errorf("text, image and video: %+v", both)
	}
	like := w.find(library.Query{Like: []library.Point{{Video: "red_circle/000.mp4", Time: 1}}}, 5)
	if got := w.paths(like); got[0] != "red_circle/001.mp4" {
		t.Errorf("like a red circle: %q", got)
	}
	if slices.Contains(w.paths(like), "red_circle/000.mp4") {
		t.Error("the moment itself is found")
	}
}

// A filter leaves the best of what it allows, in the same order and with the same scores.
func TestFilters(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "film.mp4")
	old := time.Date(2020, 5, 1, 12, 0, 0, 0, time.Local)
	w.touch("blue_ring/000.mp4", old)
	w.index(w.videos)
	w.label("ring", library.Mark{Video: "blue_ring/001.mp4", Start: 0, End: 2, Positive: true})
	all := w.find(library.Query{Texts: []string{"a red circle"}}, 100)
	for name, c := range map[string]struct {
		filter library.Filter
		passes func(path string) bool
	}{
		"folder":  {library.Filter{Folder: w.path("blue_ring")}, func(p string) bool { return strings.HasPrefix(p, "blue_ring/") }},
		"pattern": {library.Filter{Path: "*/[bg]*/000.mp4"}, func(p string) bool { return p == "blue_ring/000.mp4" || p == "green_cross/000.mp4" }},
		"since":   {library.Filter{Since: old.Add(time.Second)}, func(p string) bool { return p != "blue_ring/000.mp4" }},
		"until":   {library.Filter{Until: old.Add(time.Second)}, func(p string) bool { return p == "blue_ring/000.mp4" }},
		"longer":  {library.Filter{MinSeconds: 3}, func(p string) bool { return p == "film.mp4" }},
		"shorter": {library.Filter{MaxSeconds: 3}, func(p string) bool { return p != "film.mp4" }},
		"several": {library.Filter{MaxSeconds: 3, Path: "*ring*", Since: old.Add(time.Second)}, func(p string) bool { return p == "blue_ring/001.mp4" }},
	} {
		found := w.find(library.Query{Texts: []string{"a red circle"}, Filter: c.filter}, 100)
		want := slices.DeleteFunc(slices.Clone(all.Results), func(r library.Result) bool {
			return !c.passes(w.paths(&library.Response{Results: []library.Result{r}})[0])
		})
		if d := cmp.Diff(want, found.Results, cmpopts.IgnoreUnexported(library.Result{})); d != "" || len(want) == 0 {
			t.Errorf("%s: %s", name, d)
		}
	}
	marked := w.find(library.Query{Texts: []string{"a red circle"}, Filter: library.Filter{Labels: []string{"ring"}}}, 100)
	if got := w.paths(marked); !slices.Contains(got, "blue_ring/001.mp4") || slices.Contains(got, "red_circle/000.mp4") {
		t.Errorf("by label: %q", got)
	}
	none := w.find(library.Query{Texts: []string{"a red circle"}, Filter: library.Filter{Folder: w.path("ring")}}, 100)
	if len(none.Results) > 0 || none.Matched || len(none.Warnings) != 1 || none.Warnings[0].Kind != library.WarnFilter {
		t.Errorf("nothing passes: %+v", none)
	}
}

// Results do not depend on how many moments are looked up at first, and at most.
func TestFindIsExact(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "film.mp4")
	w.o.Settings.Window, w.o.Settings.Hop = 0.5, 0.5
	w.index(w.videos)
	for _, q := range []library.Query{
		{Texts: []string{"a blue ring"}, Filter: library.Filter{Path: "*/film.mp4"}},
		{Texts: []string{"a blue ring", "a red circle"}},
		{Texts: []string{"a circle"}, Without: []string{"a red circle"}, Filter: library.Filter{MaxSeconds: 3}},
		{Texts: []string{"a cross"}, Like: []library.Point{{Video: "film.mp4", Time: 5}}},
	} {
		want := w.find(q, 1)
		reset := library.SetLists(-18, 6)
		got := w.find(q, 1)
		reset()
		same := func(r library.Result) [2]any { return [2]any{r.Video, r.Best} }
		if same(got.Results[0]) != same(want.Results[0]) || got.Results[0].Score != want.Results[0].Score || got.Matched != want.Matched {
			t.Errorf("%v: %+v, want %+v", q, got.Results[0], want.Results[0])
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	l := w.open()
	day := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	text := []string{"x"}
	for want, q := range map[string]library.Query{
		"nothing says what to find": {},
		"empty":                     {Texts: []string{"-dog"}},
		"the query is empty":        {Texts: text, Without: []string{" "}},
		"outside the video":         {Like: []library.Point{{Video: "000.mp4", Time: 99}}},
		"not in the library":        {Like: []library.Point{{Video: "other.mp4"}}},
		"no such label":             {Texts: text, Filter: library.Filter{Labels: []string{"x"}}},
		"syntax error in pattern":   {Texts: text, Filter: library.Filter{Path: "["}},
		"2024-05-01":                {Texts: text, Filter: library.Filter{Since: day, Until: day}},
		"at least 9 s":              {Texts: text, Filter: library.Filter{MinSeconds: 9, MaxSeconds: 3}},
	} {
		if _, err := l.Find(t.Context(), w.model, retrieval.Baseline(w.model), q, 3); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), `"x"`) > 1 {
			t.Errorf("%v: %v", q, err)
		}
	}
}

// A saved search is found again by its name, keeps its meaning, and can be replaced and
// deleted.
func TestSavedSearches(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	save := func(name string, q library.Query) {
		t.Helper()
		if err := library.SaveSearch(t.Context(), w.lib, name, q); err != nil {
			t.Fatal(err)
		}
	}
	q := library.Query{Texts: []string{"a circle -blue"}, Images: []string{w.path("a\xff.png")}, Like: []library.Point{{Video: "000.mp4", Time: 1.5}},
		Filter: library.Filter{Folder: w.videos, Since: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), MinSeconds: 1.5, Labels: []string{"é"}}}
	save("caf\u00e9", library.Query{Texts: []string{"x"}})
	save("cafe\u0301", q) // the same name
	save("other", library.Query{Texts: []string{"y"}})
	l := w.open()
	s, err := l.SavedSearch(t.Context(), "caf\u00e9")
	if d := cmp.Diff(q, s.Query); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if err := library.DeleteSearch(t.Context(), w.lib, "other"); err != nil {
		t.Error(err)
	}
	if list, err := l.SavedSearches(t.Context()); err != nil || len(list) != 1 || list[0].Name != "caf\u00e9" {
		t.Errorf("%+v %v", list, err)
	}
	for name, q := range map[string]library.Query{"a\nb": q, " ": q, "nothing": {}} {
		if err := library.SaveSearch(t.Context(), w.lib, name, q); err == nil {
			t.Errorf("%q: saved", name)
		}
	}
	if _, err := l.SavedSearch(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("%v", err)
	}
	w.whole()
}

// touch sets the modification time of a video.
func (w *world) touch(name string, at time.Time) {
	w.t.Helper()
	if err := os.Chtimes(w.path(name), at, at); err != nil {
		w.t.Fatal(err)
	}
}
