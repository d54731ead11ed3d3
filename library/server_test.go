package library_test

import (
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/weaviate"
)

// A library whose vectors are on a Weaviate server does what one with its own does.
// CLIPCUE_WEAVIATE_URL is the address of a server to be used.
func TestOnServer(t *testing.T) {
	address := os.Getenv("CLIPCUE_WEAVIATE_URL")
	if address == "" {
		t.Skip("no server: CLIPCUE_WEAVIATE_URL is not set")
	}
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "film.mp4")
	w.o.Settings.Server = address
	w.index(w.videos)
	w.server = address
	w.findsShown(t)
	query := library.Query{Texts: []string{"a blue ring"}, Without: []string{"a red circle"}, Filter: library.Filter{Path: "*/film.mp4"}}
	film := w.find(query, 1).Results[0]
	if film.Video != w.path("film.mp4") || film.Start < 1.5 || film.End > 4.5 {
		t.Errorf("filtered and combined: %+v", film)
	}
	reset := library.SetLists(-18, 6)
	if again := w.find(query, 1).Results[0]; again.Best != film.Best || math.Abs(again.Score-film.Score) > 1e-6 {
		t.Errorf("by all vectors: %+v, want %+v", again, film)
	}
	reset()
	if folders, err := filepath.Glob(filepath.Join(w.lib, "vectors-*")); err != nil || len(folders) > 0 {
		t.Errorf("vectors are in the library's own folder: %v %v", folders, err)
	}
	s := w.whole().Settings
	collection := func(generation string) vector.Index {
		x, err := weaviate.Open(t.Context(), address, s.Collection+generation, s.Width, weaviate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	stray := make([]float32, s.Width)
	stray[0] = 1
	x := collection("_1")
	if err := x.Add(t.Context(), []int64{1 << 40}, stray); err != nil {
		t.Fatal(err)
	}
	if err := x.Delete(t.Context(), []int64{1, 2}); err != nil {
		t.Fatal(err)
	}
	if r := w.index(); r.Repaired != 1 || r.Done != 1 {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(w.path("green_cross/000.mp4")); err != nil {
		t.Fatal(err)
	}
	w.o.Prune = agree
	r := w.index()
	if n, err := x.Len(t.Context()); err != nil || n != r.LibraryMoments {
		t.Errorf("%d vectors of %d moments: %v", n, r.LibraryMoments, err)
	}

	w.o.Reindex = true
	w.o.Settings.Window = 2
	r = w.index()
	w.whole()
	if n, err := collection("_2").Len(t.Context()); err != nil || n != r.LibraryMoments || r.Done != 5 {
		t.Errorf("%d vectors, %v: %+v", n, err, r)
	}
	answer, err := http.Get(address + "/v1/schema/" + s.Collection + "_1")
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusNotFound {
		t.Errorf("the old generation is still there: %s", answer.Status)
	}
	_ = collection("_2").Drop(t.Context())
}

// A server that cannot be reached is named, and what there was stays.
func TestNoServer(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	refused := func() {
		t.Helper()
		w.o.Settings.Server = "localhost"
		if _, err := w.try(w.videos); err == nil || !strings.Contains(err.Error(), "localhost") {
			t.Errorf("%v", err)
		}
		w.o.Settings.Server = ""
	}
	refused()
	w.index(w.videos)
	w.o.Reindex = true
	refused()
	if info := w.whole(); len(info.Pending) != 0 || info.Moments == 0 || info.Settings.Server != "" {
		t.Errorf("%+v", info)
	}
	if found := w.search("a red circle", 1); !found.Matched {
		t.Errorf("%+v", found)
	}
}
