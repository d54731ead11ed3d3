package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/video"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// stored is a store with IDs only.
type stored struct {
	ids    []string
	failed map[string]string
}

func (stored) Dir() string                            { return "features" }
func (s stored) IDs() ([]string, error)               { return s.ids, nil }
func (s stored) Failures() (map[string]string, error) { return s.failed, nil }

func TestResolve(t *testing.T) {
	store := []string{
		"wave/a.mp4", "run/a.mp4", "run/b.avi", "run/b.mp4", "kick_ball/c.mp4", "deep/down/run/d.mkv",
		"id_000012_000022.mp4", "v1.2/e.f.mp4", "noext", "x/g.mp4", "y/x/g.mp4", "y/x/g.avi",
	}
	r, err := Stored(stored{append(store, store[0]), map[string]string{"wave/z.mp4": "moov atom not found"}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, id, err string }{
		{path: "wave/a.mp4", id: "wave/a.mp4"},
		{path: "/data/videos/wave/a.mp4", id: "wave/a.mp4"},
		{path: `C:\videos\wave\a.mp4`, id: "wave/a.mp4"},
		{path: "./videos//wave/a.avi", id: "wave/a.mp4"},
		{path: "wave/a", id: "wave/a.mp4"},
		{path: "a.mp4", err: `"a.mp4": several stored videos match: "run/a.mp4" and "wave/a.mp4"`},
		{path: "jump/a.mp4", err: `"jump/a.mp4": not found in the feature store ("run/a.mp4" is in another folder)`},
		{path: "videos/wave/z.mp4", err: `"videos/wave/z.mp4": not found in the feature store because its extraction failed: moov atom not found`},
		{path: "run/b.avi", id: "run/b.avi"},
		{path: "x/run/b.mp4", id: "run/b.mp4"},
		{path: "run/b.webm", err: "several stored videos match"},
		{path: "kick ball/c", id: "kick_ball/c.mp4"},
		{path: "run/d.mkv", id: "deep/down/run/d.mkv"},
		{path: "own/run/d.mkv", err: "not found"}, // the store has another folder around run
		{path: "d", id: "deep/down/run/d.mkv"},
		{path: "zumba/id_000012_000022", id: "id_000012_000022.mp4"},
		{path: "id 000012 000022", err: "not found"}, // ids differ in their underscores
		{path: "e.f", id: "v1.2/e.f.mp4"},
		{path: "e", err: "not found"}, // .f is no video's ending
		{path: "noext.mp4", id: "noext"},
		{path: "z/x/g.mp4", id: "x/g.mp4"},
		{path: "z/y/x/g.mp4", id: "y/x/g.mp4"}, // the longer ending
		{path: "x/g.mp4", id: "x/g.mp4"},
		{path: "x/g.avi", id: "y/x/g.avi"},
		{path: "", err: "not found"}, {path: "/", err: "not found"}, {path: "..", err: "not found"}, {path: "wave", err: "not found"},
	}
	for _, tt := range tests {
		id, err := r.Resolve(tt.path)
		if tt.err != "" {
			wantError(t, err, tt.err)
			if errors.Is(err, ErrNotFound) == strings.Contains(tt.err, "several stored videos match") {
				t.Errorf("%q: ErrNotFound and ambiguity are mixed up: %v", tt.path, err)
			}
			continue
		}
		if err != nil || id != tt.id {
			t.Errorf("Resolve(%q) = %q, %v; want %q", tt.path, id, err, tt.id)
		}
	}
	if _, err := NewResolver(nil).Resolve("a"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestResolveAgainstDefinition compares the index with the rule applied to each ID.
func TestResolveAgainstDefinition(t *testing.T) {
	element := rapid.SampledFrom([]string{"a", "b", "a_b", "a b", "a.mp4", "a.avi", "b.mp4"})
	somePath := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(element, 1, 3).Draw(t, "elements"), "/")
	})
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(somePath, 0, 12, func(s string) string { return s }).Draw(t, "ids")
		p := somePath.Draw(t, "path")
		most, ranks := 0, map[int][]string{} // common elements, and the ids with that many by rank
		for _, id := range ids {
			a, b := strings.Split(p, "/"), strings.Split(id, "/")
			sameFile := a[len(a)-1] == b[len(b)-1]
			n := min(len(a), len(b))
			a, b = a[len(a)-n:], b[len(b)-n:]
			a[n-1], b[n-1] = video.TrimExtension(a[n-1]), video.TrimExtension(b[n-1])
			fits := a[n-1] == b[n-1]
			for i := range n - 1 {
				fits = fits && strings.ReplaceAll(a[i], "_", " ") == strings.ReplaceAll(b[i], "_", " ")
			}
			if !fits || n < most {
				continue
			}
			if n > most {
				most, ranks = n, map[int][]string{}
			}
			rank := 0
			if id == p {
				rank = 2
			} else if sameFile {
				rank = 1
			}
			ranks[rank] = append(ranks[rank], id)
		}
		var best []string
		for rank := range 3 {
			if ranks[rank] != nil {
				best = ranks[rank]
			}
		}
		got, err := NewResolver(ids).Resolve(p)
		switch {
		case len(best) == 0 && !errors.Is(err, ErrNotFound):
			t.Fatalf("%q in %q: got %q, %v; want not found", p, ids, got, err)
		case len(best) == 1 && got != best[0]:
			t.Fatalf("%q in %q: got %q, %v; want %q", p, ids, got, err, best[0])
		case len(best) > 1 && (err == nil || errors.Is(err, ErrNotFound)):
			t.Fatalf("%q in %q: got %q, %v; want a choice of %q", p, ids, got, err, best)
		}
	})
}

func TestMatch(t *testing.T) {
	d := &Dataset{Samples: []Sample{
		{Path: "v/wave/a.mp4", End: 2}, {Path: "v/wave/a.mp4", Start: 2}, {Path: "gone.mp4"},
		{Path: "run/flat.mp4"}, {Path: "wave/flat.mp4"}, {Path: "./run/flat.mp4"},
	}}
	matched, missing := d.Match(NewResolver([]string{"wave/a.mp4", "flat.mp4"}))
	want := []Matched{{d.Samples[0], "wave/a.mp4"}, {d.Samples[1], "wave/a.mp4"}}
	if diff := cmp.Diff(want, matched); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(missing) != 4 {
		t.Fatalf("%d missing, want 4: %v", len(missing), missing)
	}
	wantError(t, missing[0].Err, `"gone.mp4": not found`)
	for _, m := range missing[1:] {
		wantError(t, m.Err, `"run/flat.mp4" and "wave/flat.mp4" both resolve to the stored "flat.mp4"`)
	}
}

// Two names of one video in different parts of the data would test on training videos.
func TestMatchOfParts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	table := "path,label,split\na.mp4,run,train\nb.mp4,run,train\nA/a.mp4,walk,test\nb.mp4,walk,test\n"
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{Train, Test} {
		part, err := d.Split(split)
		if err != nil {
			t.Fatal(err)
		}
		matched, missing := part.Match(NewResolver([]string{"a.mp4", "b.mp4"}))
		if len(matched) != 1 || len(missing) != 1 || matched[0].ID != "b.mp4" {
			t.Errorf("%s: %+v, missing %+v", split, matched, missing)
		}
	}
}

func BenchmarkResolver(b *testing.B) {
	const n = 650_000
	ids := make([]string, n)
	d := &Dataset{Samples: make([]Sample, n)}
	for i := range ids {
		stem := fmt.Sprintf("%011d_000012_000022", i)
		ids[i] = fmt.Sprintf("class %d/%s.mp4", i%700, stem)
		d.Samples[i].Path = stem
	}
	for b.Loop() {
		if _, missing := d.Match(NewResolver(ids)); len(missing) > 0 {
			b.Fatal(missing[0])
		}
	}
}
