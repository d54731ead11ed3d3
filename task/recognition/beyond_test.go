package recognition

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/train"
)

func TestPresets(t *testing.T) {
	paper, err := Preset(adapter.PresetPaper)
	if err != nil {
		t.Fatal(err)
	}
	if paper.Adapter != adapter.DefaultConfig() || paper.Anchor != 0 || paper.VideoAnchor != 0 || paper.TemporalDrop != 0 || paper.Train.EMADecay != 0 {
		t.Errorf("the paper's preset is %+v", paper)
	}
	// What runs that were started before there were presets say has not changed.
	text, err := json.Marshal(paper)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"residual", "anchor", "drop", "average"} {
		if strings.Contains(string(text), word) {
			t.Errorf("the paper's preset mentions %s: %s", word, text)
		}
	}
	for _, name := range adapter.Presets {
		c, err := Preset(name)
		if err == nil {
			err = c.check()
		}
		if err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
	}
	if _, err := Preset("best"); err == nil || !strings.Contains(err.Error(), `"best"`) {
		t.Errorf("an unknown preset: %v", err)
	}
}

// All that goes beyond the paper learns what time alone tells, and its scale
// reaches from prompts alone to that.
func TestLearnsBeyondThePaper(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 40)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := everything()
	c.Train.Steps, c.Train.EvalEvery, c.Train.SaveEvery = 400, 400, 400
	res, err := Train(context.Background(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	top1 := res.Metrics["top1"].(float64)
	if top1 < 0.9 {
		t.Errorf("top-1 is %v", top1)
	}
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	model, err := New(f, m)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(s float64) *Result {
		if err := model.SetTemporalScale(s); err != nil {
			t.Fatal(err)
		}
		result, err := model.Evaluate(context.Background(), r.Test, c.Eval)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if got := measure(1).Top1; got != top1 {
		t.Errorf("top-1 is %v from the model file, whose weights are averages, and %v in training", got, top1)
	}
	// The same prompts without a temporal Transformer.
	f.Config.TemporalLayers, f.Config.Residual = 0, false
	prompts, err := New(f, m)
	if err != nil {
		t.Fatal(err)
	}
	want, err := prompts.Evaluate(context.Background(), r.Test, c.Eval)
	if err != nil {
		t.Fatal(err)
	}
	if got := measure(0); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("scale 0 gives %+v, prompts alone %+v", got, want)
	}
	if err := prompts.SetTemporalScale(1); err == nil || !strings.Contains(err.Error(), "no residual") {
		t.Errorf("a scale without a residual: %v", err)
	}
}

// config.json says what was used, not what was asked for.
func TestConfigIsResolved(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := everything()
	c.Adapter.TemporalLayers, c.Train.Steps = 0, 1
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.Dir, train.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Adapter.Residual || got.VideoAnchor != 0 || got.TemporalDrop != 0 || got.Anchor != 1 || got.Train.EMADecay != 0.9 {
		t.Errorf("without temporal layers it says %+v", got)
	}
	if want := 1 / float64(m.LogitScale()); got.Adapter.Temperature != want {
		t.Errorf("it says temperature %v instead of %v", got.Adapter.Temperature, want)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"the anchor":    func(c *Config) { c.Anchor = -1 },
		"video anchor":  func(c *Config) { c.VideoAnchor = math.NaN() },
		"temporal drop": func(c *Config) { c.TemporalDrop = 1 },
		"no residual":   func(c *Config) { c.Adapter.Residual = false },
		"EMA decay":     func(c *Config) { c.Train.EMADecay = 1 },
	} {
		c := everything()
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
