package adapter

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/nn"
)

var (
	residual = Config{Prefix: 2, Postfix: 1, TemporalLayers: 2, Frames: 3, Temperature: 0.5, Residual: true}
	actions  = []string{"run", "sit down", "eat"}
)

func tinyModel(t testing.TB) *clip.Model {
	t.Helper()
	size := tiny()
	size.Context = 48 // which the templates need
	m, err := clip.New(clip.RandomWeights(size, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newAdapter(t *testing.T, m *clip.Model, c Config) *Adapter {
	t.Helper()
	a, err := New(m, c, 1)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// learned is an adapter whose residual is far from zero.
func learned(t *testing.T, m *clip.Model, c Config) *Adapter {
	t.Helper()
	a := newAdapter(t, m, c)
	c.Residual = false
	if err := a.params.Set(newAdapter(t, m, c).params.Values()); err != nil {
		t.Fatal(err)
	}
	return a
}

// frames are four windows of three frames.
func frames() []float32 {
	x := make([]float32, 4*3*tiny().Embed)
	for i := range x {
		x[i] = float32(math.Sin(float64(i * i)))
	}
	return x
}

func encode(t *testing.T, a *Adapter, features []float32) []float32 {
	t.Helper()
	v, err := a.EncodeVideos(t.Context(), features)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func alone(c Config) Config {
	c.TemporalLayers = 0
	return c
}

func TestResidualStartsAsTheMeanOfTheFrames(t *testing.T) {
	m := tinyModel(t)
	want := encode(t, newAdapter(t, m, alone(residual)), frames())
	if got := encode(t, newAdapter(t, m, residual), frames()); !slices.Equal(got, want) {
		t.Errorf("it starts as %v instead of %v", got[:4], want[:4])
	}
}

// At scale 0 a trained adapter is its prompts alone, to the bit; in between the
// embedding moves along a line.
func TestTemporalScale(t *testing.T) {
	m := tinyModel(t)
	a, prompts := learned(t, m, residual), newAdapter(t, m, alone(residual))
	if err := prompts.params.Set(a.params.Values()); err != nil {
		t.Fatal(err)
	}
	classes, err := a.EncodeClasses(t.Context(), actions)
	if err != nil {
		t.Fatal(err)
	}
	full, mean := encode(t, a, frames()), encode(t, prompts, frames())
	scale := func(s float64) []float32 {
		if err := a.SetTemporalScale(s); err != nil {
			t.Fatal(err)
		}
		return encode(t, a, frames())
	}
	for i, v := range scale(0.25) {
		if want := mean[i] + (full[i]-mean[i])/4; math.Abs(float64(v-want)) > 1e-5 {
			t.Fatalf("a quarter of the way is %v instead of %v", v, want)
		}
	}
	if !slices.Equal(scale(0), mean) || slices.Equal(full, mean) {
		t.Error("scale 0 is not the mean of the frames")
	}
	got, err := a.Classify(t.Context(), frames(), classes)
	if err != nil {
		t.Fatal(err)
	}
	want, err := prompts.Classify(t.Context(), frames(), classes)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("scale 0 gives %v, prompts alone %v", got, want)
	}
	for _, s := range []float64{-1, math.NaN(), math.Inf(1)} {
		if a.SetTemporalScale(s) == nil {
			t.Errorf("a scale of %v is taken", s)
		}
	}
	if prompts.SetTemporalScale(1) == nil {
		t.Error("there is a scale without a temporal Transformer")
	}
}

// The residual is the paper's module without the mean of its positions.
func TestResidualIsThePapersModule(t *testing.T) {
	m := tinyModel(t)
	a := learned(t, m, residual)
	c := residual
	c.Residual = false
	paper := newAdapter(t, m, c)
	got, want := encode(t, a, frames()), encode(t, paper, frames())
	positions, e := paper.params.Values()[positionsName], tiny().Embed
	for i := range want {
		for f := range c.Frames {
			want[i] -= positions[f*e+i%e] / float32(c.Frames)
		}
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("value %d is %v instead of %v", i, got[i], want[i])
		}
	}
}

// Of the windows that are not kept only the frames' mean counts.
func TestKeepingTheResidualOfSomeWindows(t *testing.T) {
	m := tinyModel(t)
	a := learned(t, m, residual)
	c, err := a.Classes(actions)
	if err != nil {
		t.Fatal(err)
	}
	video := func(kept []int32) []float32 {
		p := forward(t, a, frames(), c, kept)
		defer p.Release()
		v := make([]float32, p.video.Rows*p.video.Cols)
		a.device.Download(v, p.video)
		return v
	}
	e, all, none := tiny().Embed, video(nil), video([]int32{})
	if mean := encode(t, newAdapter(t, m, alone(residual)), frames()); !slices.Equal(none, mean) {
		t.Error("with no window kept it is not the mean of the frames")
	}
	if got, want := video([]int32{1, 2}), slices.Concat(none[:e], all[e:3*e], none[3*e:]); !slices.Equal(got, want) {
		t.Error("windows 1 and 2 alone are not kept")
	}
}

func TestGradientsBeyondThePaper(t *testing.T) {
	m := tinyModel(t)
	target := []int32{0, 2, 1, 1}
	for what, x := range map[string]struct {
		residual         bool
		scale            float64
		kept             []int32
		cross, text, vid float64
	}{
		"residual":                {true, 1, nil, 1, 0, 0},
		"half the residual":       {true, 0.5, nil, 1, 0, 0},
		"residual of two windows": {true, 1, []int32{3, 0}, 1, 0, 0},
		"anchor of the text":      {true, 1, nil, 0, 0.7, 0},
		"anchor of the videos":    {true, 1, nil, 0, 0, 0.7},
		"anchors, no residual":    {false, 1, nil, 1, 0.7, 0.3},
		"all":                     {true, 0.5, []int32{0, 1, 2}, 1, 0.7, 0.3},
	} {
		config := residual
		config.Residual = x.residual
		a := learned(t, m, config)
		a.temporalScale = float32(x.scale)
		c, err := a.Classes(actions)
		if err != nil {
			t.Fatal(err)
		}
		// In another order, which the rows undo.
		templates, err := a.Anchor(t.Context(), []string{"eat", "run", "sit down"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.slopes(t, what, func(back bool) float64 {
			p := forward(t, a, frames(), c, x.kept)
			defer p.Release()
			l := lossOf(t, p, target)
			a.device.Scale(p.dlogits, float32(x.cross))
			l *= x.cross
			if x.text > 0 {
				l += noError(t)(p.AnchorText(templates, []int32{1, 2, 0}, x.text))
			}
			if x.vid > 0 {
				l += p.AnchorVideo(x.vid)
			}
			if back {
				p.Backward()
			}
			return l
		})
	}
}

// An anchor is the mean distance of cosines, and one of weight 0 changes nothing.
func TestAnchors(t *testing.T) {
	m := tinyModel(t)
	a := learned(t, m, residual)
	c, err := a.Classes(actions)
	if err != nil {
		t.Fatal(err)
	}
	templates, err := a.Anchor(t.Context(), actions, nil)
	if err != nil {
		t.Fatal(err)
	}
	known, err := m.EncodeClasses(t.Context(), actions, clip.Templates, false)
	if err != nil {
		t.Fatal(err)
	}
	prompted, err := a.EncodeClasses(t.Context(), actions)
	if err != nil {
		t.Fatal(err)
	}
	distance := func(x, y []float32) (sum float64) {
		e := tiny().Embed
		for i := 0; i < len(x); i += e {
			var xy, xx, yy float64
			for j := i; j < i+e; j++ {
				xy += float64(x[j]) * float64(y[j])
				xx += float64(x[j]) * float64(x[j])
				yy += float64(y[j]) * float64(y[j])
			}
			sum += (1 - xy/math.Sqrt(xx*yy)) / float64(len(x)/e)
		}
		return sum
	}
	step := func(anchors bool, weight float64) (text, video float64, grad []float32) {
		a.params.ZeroGrad()
		p := forward(t, a, frames(), c, nil)
		defer p.Release()
		lossOf(t, p, []int32{0, 2, 1, 1})
		if anchors {
			text, video = noError(t)(p.AnchorText(templates, nil, weight)), p.AnchorVideo(weight)
		}
		p.Backward()
		for _, q := range a.params.List {
			g := make([]float32, q.Grad.Rows*q.Grad.Cols)
			a.device.Download(g, q.Grad)
			grad = append(grad, g...)
		}
		return text, video, grad
	}
	text, video, _ := step(true, 3)
	if want := 3 * distance(prompted, known); math.Abs(text-want) > 1e-5*want {
		t.Errorf("the text's anchor is %v instead of %v", text, want)
	}
	mean := encode(t, newAdapter(t, m, alone(residual)), frames())
	if want := 3 * distance(encode(t, a, frames()), mean); math.Abs(video-want) > 1e-5*want {
		t.Errorf("the videos' anchor is %v instead of %v", video, want)
	}
	_, _, without := step(false, 0)
	text, video, with := step(true, 0)
	if text != 0 || video != 0 || !slices.Equal(with, without) {
		t.Errorf("anchors of weight 0 cost %v and %v, or change gradients", text, video)
	}
}

func TestTemperatureOfTheBackbone(t *testing.T) {
	m, c := tinyModel(t), residual
	c.Temperature = 0
	if got, want := newAdapter(t, m, c).Config().Temperature, 1/float64(m.LogitScale()); got != want {
		t.Errorf("temperature %v instead of %v", got, want)
	}
}

// A file tells whether it has a residual; without one it says nothing of it, as
// files that were written before there were any.
func TestFilesWithResidual(t *testing.T) {
	m := tinyModel(t)
	a := learned(t, m, residual)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := a.File().Write(path); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Adapter(m)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(encode(t, a, frames()), encode(t, b, frames())) {
		t.Error("read again, it encodes videos otherwise")
	}
	c := residual
	c.Residual = false
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "residual") {
		t.Errorf("%s: %v", text, err)
	}
}

func TestStepsBeyondThePaperAllocateNothing(t *testing.T) {
	m := tinyModel(t)
	a := newAdapter(t, m, residual)
	c, err := a.Classes(actions)
	if err != nil {
		t.Fatal(err)
	}
	templates, err := a.Anchor(t.Context(), actions, nil)
	if err != nil {
		t.Fatal(err)
	}
	features, target, kept := frames(), []int32{0, 2, 1, 1}, []int32{0, 3}
	optimizer, average := nn.NewAdamW(a.params, 0.01), nn.NewEMA(a.params, 0.99)
	step := func() {
		a.params.ZeroGrad()
		p := forward(t, a, features, c, kept)
		lossOf(t, p, target)
		if _, err := p.AnchorText(templates, nil, 1); err != nil {
			t.Fatal(err)
		}
		p.AnchorVideo(1)
		p.Backward()
		p.Release()
		optimizer.Update(1e-3)
		average.Update(optimizer.Step)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a step after the first allocates %v times", n)
	}
}
