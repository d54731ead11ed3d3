package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/dataset"
)

// smallTHUMOS makes a set of the shape of THUMOS14: annotations with times that are
// strings, codes for classes, two class splits, videos, and arrays of features for
// them.
func smallTHUMOS(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	made := at("made")
	must(t, exitDone, "synth", "untrimmed", "-q", "--out", made, "--labels", "objects", "--total", "9", "--seconds", "10", "--fps", "10",
		"--width", "48", "--height", "48", "--only", "red circle,blue star,green ring,white cross")
	s, err := dataset.LoadSegments(filepath.Join(made, "labels.csv"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("videos"), 0o777); err != nil {
		t.Fatal(err)
	}
	type annotation struct {
		Segment [2]string `json:"segment"`
		Label   string    `json:"label"`
	}
	type video struct {
		Subset      string       `json:"subset"`
		Annotations []annotation `json:"annotations"`
	}
	codes := map[string]string{"red circle": "RedCircle", "blue star": "BlueStar", "green ring": "GreenRing", "white cross": "WhiteCross"}
	database := map[string]video{}
	for i, v := range s.Videos {
		// Each class is alone in some video of either split, and both occur.
		split, label := []string{"train", "test"}[i%2], []string{"RedCircle", "BlueStar", "GreenRing", "WhiteCross"}[i/2%4]
		id := fmt.Sprintf("video_%s_%07d", map[string]string{"train": "validation", "test": "test"}[split], i)
		x := video{Subset: split}
		for _, y := range v.Segments {
			name := label
			if i == 8 {
				name = codes[y.Label] // one video of whatever comes
			}
			x.Annotations = append(x.Annotations, annotation{[2]string{fmt.Sprintf("%.1f", y.Start), fmt.Sprintf("%.1f", y.End+0.1)}, name})
		}
		database[id] = x
		if err := os.Rename(filepath.Join(made, filepath.FromSlash(v.Path)), at("videos/"+id+".mp4")); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"database": database})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "thumos_gt.json", string(text))
	for _, side := range []string{"train", "test"} {
		if err := os.MkdirAll(at("splits/"+side), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for i, x := range [][2]string{{"RedCircle\nBlueStar\nGreenRing\n", "WhiteCross\n"}, {"BlueStar\nWhiteCross\nGreenRing\n", "RedCircle\n"}} {
		write(t, at("splits/train"), fmt.Sprintf("split_%d.list", i), x[0])
		write(t, at("splits/test"), fmt.Sprintf("split_%d.list", i), x[1])
	}
	// Arrays without times, as others have them.
	w := newWorld(t)
	must(t, exitDone, "extract", "-q", "--model", w.model, "--fps", "10", "--out", at("exported"), at("videos"))
	must(t, exitDone, "features", "export", "-q", "--out", at("arrays"), at("exported"))
	sides, err := filepath.Glob(at("arrays/*.json"))
	if err != nil || len(sides) != len(s.Videos) {
		t.Fatalf("%v, %v", sides, err)
	}
	for _, path := range sides {
		os.Remove(path)
	}
}
