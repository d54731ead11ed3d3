package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/task/recognition"
)

// Flags that are given change what the preset says, wherever they stand, and
// config.json holds what came of it.
func TestPresetsAndFlags(t *testing.T) {
	w := newWorld(t)
	settings := func(flags ...string) (c recognition.Config) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "run")
		must(t, exitDone, w.train(out, append([]string{"--steps", "1"}, flags...)...)...)
		text, err := os.ReadFile(filepath.Join(out, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := recognition.DefaultConfig()
	if c := settings(); c.Adapter.Residual != want.Adapter.Residual || c.Anchor != want.Anchor || c.Train.EMADecay != want.Train.EMADecay || c.Adapter.Prefix != 2 {
		t.Errorf("without a preset the settings are %+v", c)
	}
	c := settings("--preset", "paper")
	if c.Adapter.Residual || c.Anchor != 0 || c.Train.EMADecay != 0 || c.Adapter.Temperature != 0.07 || c.Adapter.Prefix != 2 || c.Batch != 8 {
		t.Errorf("--preset paper: %+v", c)
	}
	c = settings("--anchor", "0.5", "--residual", "--temperature", "clip", "--preset", "paper", "--temporal-drop", "0.25", "--video-anchor", "2", "--ema-decay", "0.5")
	if !c.Adapter.Residual || c.Anchor != 0.5 || c.VideoAnchor != 2 || c.TemporalDrop != 0.25 || c.Train.EMADecay != 0.5 || c.Adapter.Temperature == 0.07 || c.Adapter.Temperature == 0 {
		t.Errorf("flags beside --preset paper: %+v", c)
	}
	c = settings("--residual=false", "--anchor", "0", "--ema-decay", "0")
	if c.Adapter.Residual || c.Anchor != 0 || c.Train.EMADecay != 0 {
		t.Errorf("all turned off: %+v", c)
	}
}

func TestTemporalScale(t *testing.T) {
	w := newWorld(t)
	run, paper := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "paper")
	must(t, exitDone, w.train(run, "--learning-rate", "0.01")...)
	must(t, exitDone, w.train(paper, "--preset", "paper")...)
	measure := []string{"eval", "recognition", "-q", "--features", w.features, "--data", w.labels, "--json", "--run"}
	whole := must(t, exitDone, append(measure, run)...)
	if one := must(t, exitDone, append(measure, run, "--temporal-scale", "1")...); one.stdout != whole.stdout {
		t.Errorf("scale 1 gives\n%s\ninstead of\n%s", one.stdout, whole.stdout)
	}
	must(t, exitDone, append(measure, run, "--temporal-scale", "0")...)
	classify := []string{"classify", "-q", "--run", run, "--top", "0", "--json", w.videos}
	if must(t, exitDone, classify...).stdout == must(t, exitDone, append(classify, "--temporal-scale", "0")...).stdout {
		t.Error("classify gives the same probabilities with the temporal Transformer as without it")
	}
	checkError(t, clipcue(t, append(measure, paper, "--temporal-scale", "0.5")...), 1, "--temporal-scale", "--residual")
	checkError(t, clipcue(t, "classify", "--run", paper, "--temporal-scale", "0.5", w.videos), 1, "--temporal-scale", "--residual")
	checkError(t, clipcue(t, "classify", "--model", w.model, "--classes", w.labels, "--temporal-scale", "0.5", w.videos), 2, "--temporal-scale", "--run")
	out := filepath.Join(t.TempDir(), "none")
	checkError(t, clipcue(t, w.train(out, "--temporal-drop", "0.5", "--residual=false")...), 2, "--temporal-drop", "--residual")
	for _, flag := range [][]string{{"--ema-decay", "1"}, {"--preset", "best"}, {"--temperature", "cold"}, {"--anchor", "-1"}} {
		checkError(t, clipcue(t, w.train(out, flag...)...), 2, flag[0])
	}
}
