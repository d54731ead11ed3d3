package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pictures need no ffmpeg, and are counted as what they are.
func TestSynthPictures(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pictures")
	r := must(t, exitDone, "synth", "-q", "--kind", "pictures", "--out", out, "--total", "5", "--width", "32", "--height", "32", "--combinations", "unseen", "--json")
	got := decode[struct {
		Manifest string `json:"manifest"`
		Pictures int    `json:"pictures"`
	}](t, r)
	text, err := os.ReadFile(got.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 5 || got.Pictures != 5 {
		t.Errorf("%d pictures, %d captions", got.Pictures, n)
	}
}
