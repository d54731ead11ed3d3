package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pictures need no ffmpeg, and are counted as what they are.
func TestSynthPictures(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pictures")
	r := must(t, exitDone, "synth", "pictures", "-q", "--out", out, "--total", "5", "--width", "32", "--height", "32", "--combinations", "unseen", "--json")
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

func TestSynthFlags(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	for _, kind := range []string{"pictures", "objects", "untrimmed"} {
		checkError(t, clipcue(t, "synth", kind, "--out", out, "--simple"), exitUsage, "--simple", kind)
	}
	checkError(t, clipcue(t, "synth", "motions", "--out", out, "--only", "growing, flying"), exitUsage, `"flying"`)
	if _, err := os.Stat(out); err == nil {
		t.Error("something was made")
	}
}

// An interrupt says how to go on.
func TestInterruptedRendering(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, command := range []string{"synth motions", "demo"} {
		out := filepath.Join(t.TempDir(), "out")
		var stdout, stderr bytes.Buffer
		code := run(ctx, append(strings.Fields(command), "--out", out), &stdout, &stderr)
		if want := "interrupted; what is done is in " + out + ": run the same command again"; code != exitFailed || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %s", command, code, stderr.String())
		}
	}
}
