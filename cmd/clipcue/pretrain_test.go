package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallPretraining is a command line for a model that trains in a moment.
func smallPretraining(out string, more ...string) []string {
	return append([]string{"pretrain", "--out", out, "--image-size", "16", "--vision-width", "64", "--vision-layers", "1", "--text-width", "64",
		"--text-layers", "1", "--embed", "32", "--merges", "100", "--steps", "4", "--batch", "4", "--eval-pairs", "8", "--group", "4"}, more...)
}

// captioned writes n pictures with captions and returns their folder.
func captioned(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		m := image.NewGray(image.Rect(0, 0, 20+i, 18))
		for k := range m.Pix {
			m.Pix[k] = byte(k * i)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		write(t, dir, fmt.Sprintf("%d.png", i), b.String())
		write(t, dir, fmt.Sprintf("%d.txt", i), fmt.Sprintf("picture %d", i))
	}
	return dir
}

// The whole way: pre-train on rendered pictures in half precision, resume, and
// use the file as a backbone.
func TestPretrain(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := must(t, exitDone, smallPretraining(out, "--synth", "--half", "--ema-decay", "0.9", "--chunk", "3")...)
	for _, want := range []string{"trained 4 steps", "unseen zero-shot", "model info"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in\n%s", want, r.stdout)
		}
	}
	checkError(t, clipcue(t, smallPretraining(out, "--synth", "--half", "--ema-decay", "0.9", "--chunk", "3")...), 1, "--resume")
	must(t, exitDone, smallPretraining(out, "--synth", "--half", "--ema-decay", "0.9", "--chunk", "3", "--resume")...)
	info := must(t, exitDone, "model", "info", filepath.Join(out, "best.safetensors"))
	if strings.Contains(info.stdout+info.stderr, "assum") {
		t.Errorf("something had to be assumed:\n%s%s", info.stdout, info.stderr)
	}
}

// Pictures that cannot be used are left out by name, and the exit code says so.
func TestPretrainLeavesOut(t *testing.T) {
	dir := captioned(t, 12)
	write(t, dir, "torn.png", "no picture")
	write(t, dir, "torn.txt", "torn")
	write(t, dir, "alone.txt", "no picture")
	r := clipcue(t, smallPretraining(filepath.Join(t.TempDir(), "run"), "--data", dir, "--steps", "8")...)
	checkError(t, r, exitPartial, "2 of the images and captions were left out")
	for _, name := range []string{"torn.png", "alone.txt"} {
		if strings.Count(r.stderr, name) < 1 {
			t.Errorf("%s is not named in\n%s", name, r.stderr)
		}
	}
}

// A test split beside a validation split is measured apart.
func TestPretrainMeasuresTheTestSplit(t *testing.T) {
	dir := captioned(t, 16)
	var lines strings.Builder
	for i := range 16 {
		fmt.Fprintf(&lines, `{"path":"%[1]d.png","caption":"picture %[1]d","split":"%[2]s"}`+"\n", i, []string{"train", "train", "val", "test"}[i/4])
	}
	write(t, dir, "pairs.jsonl", lines.String())
	r := must(t, exitDone, smallPretraining(filepath.Join(t.TempDir(), "run"), "--data", filepath.Join(dir, "pairs.jsonl"))...)
	for _, want := range []string{"\nretrieval among 4: ", "\ntest retrieval among 4: "} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in\n%s", want, r.stdout)
		}
	}
}

func TestPretrainBadInput(t *testing.T) {
	good, torn := captioned(t, 9), t.TempDir()
	for i := range 6 {
		write(t, torn, fmt.Sprintf("%d.png", i), "no picture")
		write(t, torn, fmt.Sprintf("%d.txt", i), fmt.Sprintf("caption %d", i))
	}
	bare := captioned(t, 3)
	for i := range 3 {
		if err := os.Remove(filepath.Join(bare, fmt.Sprintf("%d.txt", i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"no data", nil, 2, []string{"--data", "--synth"}},
		{"two kinds of data", []string{"--data", good, "--synth"}, 2, []string{"--data", "--synth"}},
		{"no captions", []string{"--data", bare}, 1, []string{bare, "0.png", "caption is missing", "0.txt"}},
		{"one pair", []string{"--data", captioned(t, 1)}, 1, []string{"only one pair", "0.png"}},
		{"a batch of one", []string{"--data", good, "--batch", "1"}, 2, []string{"batch must have at least 2 pairs"}},
		{"a batch too large", []string{"--data", good, "--batch", "100"}, 1, []string{"--batch 7"}},
		{"nothing decodes", []string{"--data", torn}, 1, []string{"cannot be read", "as an image"}},
		{"a rate that blows up", []string{"--data", good, "--learning-rate", "1e30", "--warmup", "0", "--eval-every", "4"}, 1, []string{"the loss is", ".png", "--learning-rate"}},
		{"a temperature that blows up", []string{"--data", good, "--learning-rate", "20", "--warmup", "0"}, 1, []string{"the logit scale has fallen to", "--learning-rate"}},
		{"not there", []string{"--data", filepath.Join(good, "none")}, 1, []string{"none"}},
		{"width", []string{"--data", good, "--vision-width", "100"}, 2, []string{"multiple of 64"}},
		{"average", []string{"--data", good, "--ema-decay", "1"}, 2, []string{"--ema-decay", "below 1"}},
		{"a share of what is rendered", []string{"--synth", "--test-share", "0.5"}, 2, []string{"--test-share", "--synth"}},
		{"rendered beside data", []string{"--data", good, "--synth-pictures", "9"}, 2, []string{"--synth-pictures", "--data"}},
		{"endless", []string{"--synth", "--steps", "9000000000000000000"}, 1, []string{"number of pairs must be at most"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			checkError(t, clipcue(t, smallPretraining(out, c.args...)...), c.code, c.words...)
		})
	}
}
