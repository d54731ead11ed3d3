package adapter

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// reference is a fixture with an adapter that has its settings.
type reference struct {
	t       *testing.T
	file    *safetensors.File
	adapter *Adapter
	names   []string
}

func load(t *testing.T, name string, c Config) *reference {
	r := &reference{t: t, file: fixture.Load(t, name)}
	if err := json.Unmarshal([]byte(r.file.Metadata["names"]), &r.names); err != nil {
		t.Fatal(err)
	}
	m, err := clip.Load(filepath.Join(fixture.Dir(t), filepath.Dir(name), r.file.Metadata["backbone"]), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	tau, err := strconv.ParseFloat(r.file.Metadata["tau"], 64)
	if err != nil {
		t.Fatal(err)
	}
	c.Layout, c.Temperature = LayoutPaper, tau
	c.Prefix, c.Postfix = r.number("prefix"), r.number("postfix")
	c.TemporalLayers, c.TemporalHeads = r.number("temporal_layers"), r.number("temporal_heads")
	c.Frames = r.file.Tensors["features"].Shape[1]
	if r.adapter, err = New(m, c, 1); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reference) number(key string) int {
	n, err := strconv.Atoi(r.file.Metadata[key])
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *reference) floats(name string) []float32 {
	v, err := r.file.Tensors[name].Float32s()
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return v
}

func (r *reference) target(n int) []int32 {
	v, err := r.file.Tensors["target"].Int64s()
	if err != nil {
		r.t.Fatal(err)
	}
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(v[i])
	}
	return out
}

// set gives the adapter the tensors under a prefix of the file.
func (r *reference) set(prefix string, from *reference) {
	values := map[string][]float32{}
	for _, p := range r.adapter.params.List {
		values[p.Name] = from.floats(prefix + p.Name)
	}
	if err := r.adapter.params.Set(values); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reference) near(what string, got compute.Matrix, want []float32, tol float64) {
	r.t.Helper()
	values := make([]float32, got.Rows*got.Cols)
	r.adapter.device.Download(values, got)
	var most, worst float64
	for i, v := range want {
		most = max(most, math.Abs(float64(v)))
		worst = max(worst, math.Abs(float64(values[i]-v)))
	}
	if len(values) != len(want) || !(worst <= tol*most) {
		r.t.Errorf("%s differs by %g of its largest entry", what, worst/most)
	}
}

func (r *reference) loss(got float64, want float32) {
	r.t.Helper()
	if !(math.Abs(got-float64(want)) <= 1e-5*math.Abs(float64(want))) {
		r.t.Errorf("loss %v instead of %v", got, want)
	}
}

func (r *reference) gradients() {
	r.t.Helper()
	for _, p := range r.adapter.params.List {
		r.near("gradient of "+p.Name, p.Grad, r.floats("grad."+p.Name), 1e-4)
	}
}

// A step of the paper's recognizer: embeddings, logits, loss and all gradients
// are the reference's.
func TestRecognitionStep(t *testing.T) {
	r := load(t, "prompt/step.safetensors", Config{})
	r.set("param.", r)
	c, err := r.adapter.Classes(r.names)
	if err != nil {
		t.Fatal(err)
	}
	p := forward(t, r.adapter, r.floats("features"), c, nil)
	defer p.Release()
	r.near("video", p.video, r.floats("video"), 2e-5)
	r.near("text", p.text, r.floats("text"), 2e-5)
	r.near("logits", p.logits, r.floats("logits"), 2e-5)
	loss := lossOf(t, p, r.target(r.file.Tensors["target"].Shape[0]))
	r.loss(loss, r.floats("loss")[0])
	p.Backward()
	r.gradients()
}

// A step of retrieval: sentences for names, the symmetric loss over the batch.
func TestRetrievalStep(t *testing.T) {
	r := load(t, "prompt/retrieval_step.safetensors", Config{})
	r.set("param.", r)
	c, cut, err := r.adapter.Texts(r.names)
	if err != nil || cut > 0 {
		t.Fatal(cut, err)
	}
	p := forward(t, r.adapter, r.floats("features"), c, nil)
	defer p.Release()
	r.near("logits", p.logits, r.floats("logits"), 2e-5)
	r.loss(noError(t)(p.ContrastiveLoss()), r.floats("loss")[0])
	r.gradients()
}

// Twenty steps of AdamW follow the reference's losses.
func TestTrajectory(t *testing.T) {
	start := load(t, "prompt/step.safetensors", Config{})
	r := load(t, "prompt/trajectory.safetensors", Config{})
	r.set("param.", start)
	c, err := r.adapter.Classes(r.names)
	if err != nil {
		t.Fatal(err)
	}
	features, shape := r.floats("features"), r.file.Tensors["features"].Shape
	target, each := r.target(shape[0]), shape[1]*shape[2]
	optimizer := nn.NewAdamW(r.adapter.params, 0.01)
	for step, want := range r.floats("losses") {
		at := step % 4 * 8
		r.adapter.params.ZeroGrad()
		p := forward(t, r.adapter, features[at*each:(at+8)*each], c, nil)
		loss := lossOf(t, p, target[at:at+8])
		p.Backward()
		p.Release()
		optimizer.Update(1e-3)
		if !(math.Abs(loss-float64(want)) <= 1e-4*math.Abs(float64(want))) {
			t.Errorf("step %d: loss %v instead of %v", step+1, loss, want)
		}
	}
	for _, p := range r.adapter.params.List {
		value, want := p.Value, r.floats("final."+p.Name)
		if strings.HasSuffix(p.Name, "in_proj_bias") {
			// A bias of the keys shifts all of a query's scores alike, so its
			// gradient is zero but for rounding, which AdamW makes into whole
			// steps: only the queries' and values' parts can be compared.
			third := len(want) / 3
			r.near("final queries' "+p.Name, value.ColRange(0, third), want[:third], 1e-2)
			value, want = value.ColRange(2*third, 3*third), want[2*third:]
		}
		r.near("final "+p.Name, value, want, 1e-2)
	}
}

// Encoding the shared rows once gives what encoding every class by itself, with
// its own copy of them, gives.
func TestSharedPrefixIsExact(t *testing.T) {
	for _, layout := range Layouts {
		r := load(t, "prompt/step.safetensors", Config{})
		m := r.adapter.model
		c := r.adapter.config
		c.Layout = layout
		a, err := New(m, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		classes, err := a.Classes(r.names)
		if err != nil {
			t.Fatal(err)
		}
		d := a.device
		shared := d.New(len(r.names), m.Config().Embed)
		a.encodeText(shared, classes, nil)
		for i, name := range r.names {
			one, err := a.Classes([]string{name})
			if err != nil {
				t.Fatal(err)
			}
			// The same rows, none of them shared.
			text, s := make([]int, one.sequences.Rows()), one.sequences
			for k, row := range s.TokenRows {
				text[row] = int(s.Tokens[k])
			}
			for k, row := range s.PromptRows {
				text[row] = int(^s.Prompts[k])
			}
			one.sequences = a.towers.Text.LayOut([][]int{text}, 0)
			alone := d.New(1, m.Config().Embed)
			a.encodeText(alone, one, nil)
			want := make([]float32, alone.Cols)
			d.Download(want, alone)
			r.near(layout+": "+name, shared.RowRange(i, i+1), want, 1e-5)
		}
	}
}

// The gradients of both layouts, through every kind of text tower, are those of central
// differences.
func TestGradientsByCentralDifferences(t *testing.T) {
	for what, text := range map[string]checkpoint.Architecture{
		"CLIP":               {},
		"without causality":  {Bidirectional: true, Activation: "gelu"},
		"SigLIP":             {Bidirectional: true, Pool: checkpoint.PoolLast, Pad: 1, ProjectionBias: true, Activation: "gelu_tanh", Eps: 1e-6},
		"last of the causal": {Pool: checkpoint.PoolLast},
		"first":              {Bidirectional: true, Pool: checkpoint.PoolFirst, NoProjection: true},
		"CoCa":               {Pool: checkpoint.PoolClass},
	} {
		for _, layout := range Layouts {
			size := tiny()
			size.Text = text
			gradientsByDifferences(t, what+", "+layout, size, layout)
		}
	}
}

func gradientsByDifferences(t *testing.T, what string, size clip.Config, layout string) {
	m, err := clip.New(clip.RandomWeights(size, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(m, Config{Prefix: 2, Postfix: 1, Layout: layout, TemporalLayers: 1, Frames: 3, Temperature: 0.5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Classes([]string{"run", "sit down", "eat"})
	if err != nil {
		t.Fatal(err)
	}
	features := make([]float32, 4*3*size.Embed)
	for i := range features {
		features[i] = float32(math.Sin(float64(i * i)))
	}
	target := []int32{0, 2, 1, 1}
	loss := func(back bool) float64 {
		p := forward(t, a, features, c, nil)
		defer p.Release()
		l := lossOf(t, p, target)
		if back {
			p.Backward()
		}
		return l
	}
	a.slopes(t, what, loss)
}

// Fewer prompt vectors than a preset's fit into short contexts.
func TestFittedPrompts(t *testing.T) {
	for context, want := range map[int][2]int{77: {16, 4}, 64: {16, 4}, 32: {8, 4}, 16: {4, 4}} {
		c := Config{Prefix: 16, Postfix: 4}
		if changed := c.FitPrompts(context); c.Prefix != want[0] || c.Postfix != want[1] || changed != (want[0] != 16) {
			t.Errorf("%d tokens: %d+X+%d", context, c.Prefix, c.Postfix)
		}
	}
}

// slopes compares each tensor's gradient with the loss's central differences.
// loss adds to the gradients if back.
func (a *Adapter) slopes(t *testing.T, what string, loss func(back bool) float64) {
	t.Helper()
	a.params.ZeroGrad()
	loss(true)
	d := a.device
	grads := map[string][]float32{}
	for _, p := range a.params.List {
		grads[p.Name] = make([]float32, p.Value.Rows*p.Value.Cols)
		d.Download(grads[p.Name], p.Grad)
	}
	for _, p := range a.params.List {
		grad := grads[p.Name]
		n := len(grad)
		values := make([]float32, n)
		d.Download(values, p.Value)
		// The loss along the gradient's own direction, where float32 can see
		// it best.
		var norm float64
		for _, g := range grad {
			norm += float64(g) * float64(g)
		}
		norm = math.Sqrt(norm)
		if norm < 1e-6 {
			continue
		}
		const h = 3e-3
		move := func(by float64) float64 {
			moved := make([]float32, n)
			for i, v := range values {
				moved[i] = v + float32(by*float64(grad[i])/norm)
			}
			d.Upload(p.Value, moved)
			a.params.Changed()
			return loss(false)
		}
		slope := (move(h) - move(-h)) / (2 * h)
		move(0)
		if math.Abs(slope-norm) > 0.02*norm+2e-5 {
			t.Errorf("%s: %s: slope %v along a gradient of length %v", what, p.Name, slope, norm)
		}
	}
}

// After the first, a training step leaves no garbage.
func TestStepsAllocateNothing(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(tiny(), 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(m, Config{Prefix: 2, Postfix: 1, TemporalLayers: 1, Frames: 3, Temperature: 0.5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Classes([]string{"run", "sit down", "eat"})
	if err != nil {
		t.Fatal(err)
	}
	features, target := make([]float32, 4*3*tiny().Embed), []int32{0, 2, 1, 1}
	for i := range features {
		features[i] = float32(math.Sin(float64(i * i)))
	}
	optimizer := nn.NewAdamW(a.params, 0.01)
	step := func() {
		a.params.ZeroGrad()
		p := forward(t, a, features, c, nil)
		lossOf(t, p, target)
		p.Backward()
		p.Release()
		nn.ClipGrad(a.params, nn.GradNorm(a.params), 1)
		optimizer.Update(1e-3)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a step after the first allocates %v times", n)
	}
}

func tiny() clip.Config {
	return clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
		Context: 24, Vocab: 600, TextWidth: 32, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5}
}
