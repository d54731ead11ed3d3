package pretraining

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// reference is the fixture's batch.
type reference struct {
	learner *model
	texts   [][]int
	pixels  []float32
	floats  func(name string) []float32
}

func loadReference(t *testing.T) *reference {
	t.Helper()
	want := fixture.Load(t, "pretrain/step.safetensors")
	w, err := checkpoint.Open(fixture.Path(t, "clip/openclip.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Activation = "quick_gelu"
	r := &reference{floats: func(name string) []float32 {
		v, err := want.Tensors[name].Float32s()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}}
	if r.learner, err = newModel(w, 2); err != nil {
		t.Fatal(err)
	}
	r.pixels = r.floats("pixels")
	ids, err := want.Tensors["ids"].Int64s()
	if err != nil {
		t.Fatal(err)
	}
	for c := r.learner.Config(); len(ids) > 0; ids = ids[c.Context:] {
		var row []int
		for _, id := range ids[:c.Context] {
			row = append(row, int(id))
			if id == int64(c.Vocab-1) {
				break
			}
		}
		r.texts = append(r.texts, row)
	}
	return r
}

// step returns the loss and the gradients in chunks of a size.
func (r *reference) step(chunk int, captions []string) (float64, map[string][]float32) {
	p := r.learner.params
	p.ZeroGrad()
	c := newContrast(r.learner, chunk)
	each := len(r.pixels) / len(r.texts)
	loss := c.step(r.texts, captions, func(dst compute.Matrix, from, to int) {
		p.Device.Upload(dst, r.pixels[from*each:to*each])
	})
	grads := map[string][]float32{}
	for _, q := range p.List {
		g := make([]float32, q.Grad.Rows*q.Grad.Cols)
		p.Device.Download(g, q.Grad)
		grads[q.Name] = g
	}
	return loss, grads
}

// worst is the largest difference as a share of the largest entry of want.
func worst(got, want []float32) float64 {
	var most, off float64
	for i, v := range want {
		most = max(most, math.Abs(float64(v)))
		off = max(off, math.Abs(float64(got[i]-v)))
	}
	return off / most
}

// The loss and the gradients of every tensor are the reference's, in one piece
// and in chunks of any size, which need not divide the batch.
func TestGradientsAreTheReferences(t *testing.T) {
	r := loadReference(t)
	n := len(r.texts)
	loss, whole := r.step(n, nil)
	if want := float64(r.floats("loss")[0]); math.Abs(loss-want) > 1e-5*want {
		t.Errorf("loss %v instead of %v", loss, want)
	}
	for name, g := range whole {
		if d := worst(g, r.floats("grad."+name)); !(d <= 1e-4) {
			t.Errorf("gradient of %s differs by %g of its largest entry", name, d)
		}
	}
	for chunk := 1; chunk < n; chunk++ {
		again, grads := r.step(chunk, nil)
		if math.Abs(again-loss) > 1e-5*loss {
			t.Errorf("chunks of %d: loss %v instead of %v", chunk, again, loss)
		}
		for name, g := range grads {
			if d := worst(g, r.floats("grad."+name)); !(d <= 1e-4) {
				t.Errorf("chunks of %d: gradient of %s differs by %g of its largest entry", chunk, name, d)
			}
			// The gradient of the attention's key biases is nothing but rounding.
			if d := worst(g, whole[name]); !(d <= 1e-5) {
				t.Errorf("chunks of %d: gradient of %s differs from the whole batch's by %g", chunk, name, d)
			}
		}
	}
}

// Captions that all differ change nothing; of two pairs with equal captions,
// neither counts as wrong for the other, and the gradient is that of this loss.
func TestEqualCaptionsAreNoNegatives(t *testing.T) {
	r := loadReference(t)
	n := len(r.texts)
	loss, grads := r.step(n, nil)
	captions := make([]string, n)
	for i := range captions {
		captions[i] = fmt.Sprint(i)
	}
	again, same := r.step(n, captions)
	if again != loss {
		t.Errorf("loss %v with captions that differ, %v without", again, loss)
	}
	for name := range grads {
		if worst(same[name], grads[name]) != 0 {
			t.Errorf("the gradient of %s changed", name)
		}
	}
	captions[1] = captions[0]
	masked, grads := r.step(n, captions)
	if !(masked < loss) {
		t.Errorf("loss %v with two equal captions is not below %v", masked, loss)
	}
	_, chunked := r.step(n-1, captions)
	for name := range grads {
		if d := worst(chunked[name], grads[name]); !(d <= 1e-5) {
			t.Errorf("in chunks the gradient of %s differs by %g", name, d)
		}
	}
	// By differences, in the direction of the gradient itself.
	p := r.learner.params
	values := p.Values()
	var norm float64
	for _, g := range grads {
		for _, v := range g {
			norm += float64(v) * float64(v)
		}
	}
	const h = 1e-3
	at := func(by float64) float64 {
		moved := map[string][]float32{}
		for name, v := range values {
			moved[name] = make([]float32, len(v))
			for i := range v {
				moved[name][i] = v[i] + float32(by*float64(grads[name][i])/math.Sqrt(norm))
			}
		}
		if err := p.Set(moved); err != nil {
			t.Fatal(err)
		}
		l, _ := r.step(n, captions)
		return l
	}
	if slope := (at(h) - at(-h)) / (2 * h); math.Abs(slope-math.Sqrt(norm)) > 1e-2*math.Sqrt(norm) {
		t.Errorf("the loss rises by %v along its gradient of %v", slope, math.Sqrt(norm))
	}
}

// A step in chunks leaves next to no garbage: the memory of the first is there.
func TestStepsAllocateLittle(t *testing.T) {
	r := loadReference(t)
	c := newContrast(r.learner, 3)
	each := len(r.pixels) / len(r.texts)
	captions := make([]string, len(r.texts)) // all equal
	step := func() {
		c.step(r.texts, captions, func(dst compute.Matrix, from, to int) {
			r.learner.params.Device.Upload(dst, r.pixels[from*each:to*each])
		})
	}
	step()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const steps = 10
	for range steps {
		step()
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / steps; n > 64<<10 {
		t.Errorf("a step after the first allocates %d bytes", n)
	}
}

// flags is a small world of captioned pictures: two colored halves.
type flags struct {
	n, first int
	broken   func(i int) bool // nil for none
}

var colors = map[string]color.RGBA{"red": {220, 30, 30, 255}, "green": {30, 200, 40, 255},
	"blue": {40, 50, 230, 255}, "white": {240, 240, 240, 255}}

func (f flags) Len() int          { return f.n }
func (f flags) Name(i int) string { return fmt.Sprintf("flag %d", i) }

func (f flags) Pair(i int) (Pair, error) {
	if f.broken != nil && f.broken(i) {
		return Pair{}, errors.New("torn")
	}
	names := []string{"red", "green", "blue", "white"}
	k := i + f.first
	top, bottom := names[k%4], names[k/4%4]
	const side = 16
	pix := make([]byte, 0, 3*side*side)
	for y := range side {
		for x := range side {
			c := colors[top]
			if y >= side/2 {
				c = colors[bottom]
			}
			noise := byte((x*7 + y*13 + k*31) % 16)
			pix = append(pix, c.R-noise, c.G-noise, c.B-noise)
		}
	}
	label := top + " over " + bottom
	return Pair{video.Frame{Width: side, Height: side, Pix: pix}, "a flag, " + label, label}, nil
}

func small() Config {
	c := DefaultConfig()
	m := &c.Model
	m.Embed, m.ImageSize, m.PatchSize, m.VisionWidth, m.VisionLayers = 32, 16, 8, 64, 2
	m.Context, m.Vocab, m.TextWidth, m.TextLayers = 20, 514+200, 64, 1
	c.Batch, c.Chunk, c.Crop = 16, 16, 1
	c.Train.Steps, c.Train.Warmup, c.Train.LearningRate = 60, 5, 2e-3
	c.Eval = Evaluation{Pairs: 32, Group: 16, Templates: []string{"a flag, {}"}}
	return c
}

// run trains into a new folder and returns the folder.
func trained(t *testing.T, c Config, r Run) (string, TrainResult) {
	t.Helper()
	if r.Dir == "" {
		r.Dir = filepath.Join(t.TempDir(), "run")
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	out, err := Train(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	return r.Dir, out
}

// A small model learns to name what it was trained on, and what it writes, in
// either precision, is loaded without any assumption and does the same.
func TestTrains(t *testing.T) {
	held := []EvalSet{{Pairs: flags{n: 32, first: 1000}}}
	c := small()
	c.Train.Steps, c.Train.EMADecay = 250, 0.9
	c.Half = true
	dir, out := trained(t, c, Run{Train: flags{n: 500}, EvalSets: held})
	if got := out.Metrics["zero_shot"].(float64); !(got >= 0.8) {
		t.Errorf("%v of the labels are named rightly", got)
	}
	if got := out.Metrics["image_to_text"].(float64); !(got >= 0.8) {
		t.Errorf("%v of the captions are found", got)
	}
	m, err := clip.Load(filepath.Join(dir, train.BestFile), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Assumed()) > 0 {
		t.Error("the activation had to be assumed")
	}
	if got, want := m.Config().VisionHeads, 1; got != want {
		t.Errorf("%d heads instead of %d", got, want)
	}
	r, err := Evaluate(t.Context(), m, held, c.Eval, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r[0].ZeroShot, out.Metrics["zero_shot"].(float64); math.Abs(got-want) > 0.05 {
		t.Errorf("the loaded model names %v rightly, the learner named %v", got, want)
	}
	if info, err := os.Stat(filepath.Join(dir, train.BestFile)); err != nil || info.Size() > int64(2*m.Parameters()+20000) {
		t.Errorf("the file in half precision has %v bytes for %d values", info.Size(), m.Parameters())
	}
}

// A run that is interrupted and resumed ends with the same files, byte for byte,
// as one that was left alone, with crops, an average, chunks, and pictures that
// cannot be read.
func TestResumesBitwise(t *testing.T) {
	c := small()
	c.Train.Steps, c.Train.EvalEvery, c.Train.SaveEvery, c.Train.EMADecay = 12, 4, 3, 0.99
	c.Chunk, c.Crop, c.Flip = 6, 0.8, true
	pairs := flags{n: 50, broken: func(i int) bool { return i%7 == 3 }}
	r := Run{Train: pairs, EvalSets: []EvalSet{{Pairs: flags{n: 10, first: 99}}}}
	whole, out := trained(t, c, r)
	if out.Failed != 7 {
		t.Errorf("%d pairs were left out instead of 7", out.Failed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.Dir = filepath.Join(t.TempDir(), "run")
	_, err := Train(ctx, c, Run{Run: train.Run{Dir: r.Dir, Log: slog.New(slog.DiscardHandler)}, Train: pairs, Threads: 1,
		EvalSets: []EvalSet{{Pairs: &counted{Pairs: r.EvalSets[0].Pairs, at: 2, do: cancel}}}})
	var interrupted *train.InterruptedError
	if !errors.As(err, &interrupted) {
		t.Fatalf("got %v, not an interrupt", err)
	}
	r.Resume = true
	trained(t, c, r)
	for _, file := range []string{train.LastFile, train.BestFile} {
		a, errA := os.ReadFile(filepath.Join(whole, file))
		b, errB := os.ReadFile(filepath.Join(r.Dir, file))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs after resuming (%v, %v)", file, errA, errB)
		}
	}
}

// A picture that cannot be read is read once, not every time that it is drawn.
func TestBrokenPicturesAreReadOnce(t *testing.T) {
	c := small()
	c.Train.Steps, c.Train.EvalEvery, c.Train.SaveEvery = 12, 12, 12
	var mu sync.Mutex
	reads := map[int]int{}
	_, out := trained(t, c, Run{Train: flags{n: 20, broken: func(i int) bool {
		mu.Lock()
		defer mu.Unlock()
		reads[i]++
		return i < 3
	}}})
	if out.Failed != 3 {
		t.Errorf("%d pairs were left out", out.Failed)
	}
	for i, n := range reads {
		// Workers may have it at once.
		if most := runtime.GOMAXPROCS(0); i < 3 && n > most {
			t.Errorf("pair %d was read %d times by %d workers", i, n, most)
		}
	}
}

// Of a validation split in which only one pair can be read, every step would be the
// best: the last is the model. And one pair among one is no measurement.
func TestOnePairSelectsNothing(t *testing.T) {
	c := small()
	c.Train.Steps, c.Train.EvalEvery = 4, 1
	for _, held := range []flags{{n: 1}, {n: 9, broken: func(i int) bool { return i > 0 }}} {
		_, out := trained(t, c, Run{Train: flags{n: 50}, EvalSets: []EvalSet{{Pairs: held}}, SelectBest: true})
		if out.BestStep != 4 {
			t.Errorf("the model is that of step %d", out.BestStep)
		}
		for _, name := range []string{"image_to_text", "text_to_image", "zero_shot"} {
			if v, ok := out.Metrics[name]; ok {
				t.Errorf("%s of one pair is %v", name, v)
			}
		}
	}
}

// Files often stand in the order of their labels: what is measured comes from all
// of them.
func TestMeasuresAllOverTheSet(t *testing.T) {
	k := small()
	if err := k.check(); err != nil {
		t.Fatal(err)
	}
	l, err := newModel(clip.RandomWeights(k.Model, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	sorted := renamed{flags{n: 160}, func(i int) int { return i / 10 }}
	r, err := Evaluate(t.Context(), l.Model, []EvalSet{{Pairs: sorted}}, Evaluation{Pairs: 16, Group: 16, Templates: []string{"{}"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r[0].Pairs != 16 || r[0].Labels != 16 {
		t.Errorf("%d pairs of %d labels were measured, of 16", r[0].Pairs, r[0].Labels)
	}
}

// renamed is the pairs that number says.
type renamed struct {
	flags
	number func(i int) int
}

func (r renamed) Pair(i int) (Pair, error) { return r.flags.Pair(r.number(i)) }

// Any caption of a picture is its own.
func TestCaptionsOfOnePictureAreAllRight(t *testing.T) {
	s := &embedded{width: 2, images: []float32{1, 0, 1, 0, 0, 1}, texts: []float32{0.1, 0, 1, 0, 0, 1},
		captions: []string{"a", "b", "c"}, names: []string{"one.png", "one.png", "two.png"}}
	r := Result{Group: 3}
	if s.retrieve(&r); r.ImageToText != 1 || r.TextToImage != 1 {
		t.Errorf("%v of the captions and %v of the pictures are found", r.ImageToText, r.TextToImage)
	}
}

// Captions and the sentences of labels that are longer than the context are cut.
func TestLongTextsAreCut(t *testing.T) {
	c := small()
	c.Train.Steps, c.Model.Context = 2, 4
	_, out := trained(t, c, Run{Train: flags{n: 50}, EvalSets: []EvalSet{{Pairs: flags{n: 20, first: 99}}}})
	if _, ok := out.Metrics["zero_shot"]; !ok {
		t.Errorf("naming was not measured: %v", out.Metrics)
	}
}

// Cutting changes no label's embedding where nothing is too long.
func TestCuttingChangesNoShortLabels(t *testing.T) {
	k := small()
	if err := k.check(); err != nil {
		t.Fatal(err)
	}
	l, err := newModel(clip.RandomWeights(k.Model, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	labels, templates := []string{"red", "green"}, []string{"a {}", "the {}"}
	want, err1 := l.EncodeClasses(t.Context(), labels, templates, false)
	got, err2 := l.EncodeClasses(t.Context(), labels, templates, true)
	if err1 != nil || err2 != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v: %v instead of %v", err1, err2, got, want)
	}
}

// A checkpoint that says what cannot be is refused.
func TestCheckpointsAreChecked(t *testing.T) {
	c := small()
	c.Train.Steps = 2
	r := Run{Train: flags{n: 50}}
	r.Dir, _ = trained(t, c, r)
	path := filepath.Join(r.Dir, train.LastFile)
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Resume, r.Log = true, slog.New(slog.DiscardHandler)
	whole := f.Metadata["training"]
	for _, step := range []string{"-3", "3", "1000000000"} {
		f.Metadata["training"] = strings.Replace(whole, `"step":2`, `"step":`+step, 1)
		if err := safetensors.Write(path, f); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(t.Context(), c, r); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), step+" of 2 steps") {
			t.Errorf("%s steps: got error %v", step, err)
		}
	}
}

// counted calls do when it is gone through for the at-th time.
type counted struct {
	Pairs
	times atomic.Int64
	at    int64
	do    func()
}

func (c *counted) Pair(i int) (Pair, error) {
	if i == 0 && c.times.Add(1) == c.at {
		c.do()
	}
	return c.Pairs.Pair(i)
}

// A loss that is not finite ends the run, which names the batch.
func TestDiverging(t *testing.T) {
	c := small()
	c.Train.LearningRate, c.Train.Warmup, c.Train.WeightDecay, c.Train.Schedule = 1e30, 0, 0, "constant"
	dir := filepath.Join(t.TempDir(), "run")
	_, err := Train(t.Context(), c, Run{Run: train.Run{Dir: dir, Log: slog.New(slog.DiscardHandler)}, Train: flags{n: 50}})
	if err == nil || !strings.Contains(err.Error(), "the loss is") || !strings.Contains(err.Error(), "flag ") {
		t.Errorf("got error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, train.LastFile)); err != nil {
		t.Error(err)
	}
}

// So does a logit scale that has fallen to nothing, even in the last step.
func TestCollapsing(t *testing.T) {
	c := small()
	c.Train.LearningRate, c.Train.Warmup, c.Train.WeightDecay = 20, 0, 0
	for _, steps := range []int{1, 20} {
		c.Train.Steps, c.Train.EvalEvery = steps, steps
		dir := filepath.Join(t.TempDir(), "run")
		_, err := Train(t.Context(), c, Run{Run: train.Run{Dir: dir, Log: slog.New(slog.DiscardHandler)}, Train: flags{n: 50}})
		if err == nil || !strings.Contains(err.Error(), "the logit scale has fallen to") {
			t.Errorf("%d steps: got error %v", steps, err)
		}
		if _, err := os.Stat(filepath.Join(dir, train.BestFile)); err == nil {
			t.Errorf("%d steps: a model was written", steps)
		}
	}
}

// The logit scale never passes 100.
func TestLogitScaleIsClipped(t *testing.T) {
	l, err := newModel(clip.RandomWeights(func() clip.Config { c := small(); c.check(); return c.Model }(), 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	values := l.params.Values()
	values["logit_scale"][0] = 7
	if err := l.params.Set(values); err != nil {
		t.Fatal(err)
	}
	if l.clipScale(); math.Abs(float64(l.Scale())-100) > 1e-3 {
		t.Errorf("the scale is %v", l.Scale())
	}
	for _, p := range l.params.List {
		if vector := len(p.Shape) < 2; p.WeightDecay == vector {
			t.Errorf("%s of shape %v: weight decay is %v", p.Name, p.Shape, p.WeightDecay)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		pairs  Pairs
		want   string
	}{
		"batch of one":    {func(c *Config) { c.Batch = 1 }, flags{n: 50}, "batch must have at least 2 pairs"},
		"no pairs":        {func(*Config) {}, nil, "no pairs to train on"},
		"evaluated pairs": {func(c *Config) { c.Eval.Pairs = 0 }, flags{n: 50}, "must be at least 2, got 0"},
		"group":           {func(c *Config) { c.Eval.Group = -1 }, flags{n: 50}, "must be at least 2"},
		"no templates":    {func(c *Config) { c.Eval.Templates = nil }, flags{n: 50}, "no templates"},
		"few pixels":      {func(*Config) {}, resized{flags{n: 50}, 16, 17}, "got 768 bytes for 16x17 RGB pixels"},
		"negative size":   {func(c *Config) { c.Crop = 0.5 }, resized{flags{n: 50}, -16, -16}, "got 768 bytes for -16x-16 RGB pixels"},
		"one pair":        {func(*Config) {}, flags{n: 1}, "there is 1 pair to train on"},
		"few pairs":       {func(*Config) {}, flags{n: 5}, "more than the 5 pairs"},
		"width":           {func(c *Config) { c.Model.TextWidth = 100 }, flags{n: 50}, "the width of the text tower must be a multiple of 64"},
		"patches":         {func(c *Config) { c.Model.PatchSize = 7 }, flags{n: 50}, "do not divide into patches of 7"},
		"nothing decodes": {func(*Config) {}, flags{n: 50, broken: func(int) bool { return true }}, "torn"},
		"vocabulary":      {func(c *Config) { c.Model.Vocab = 500 }, flags{n: 50}, "vocabulary of 500"},
		"template":        {func(c *Config) { c.Eval.Templates = []string{"a picture"} }, flags{n: 50}, "no {} for the label"},
		"huge":            {func(c *Config) { c.Model.VisionWidth, c.Model.VisionLayers = 1<<14, 1000 }, flags{n: 50}, "million values"},
	} {
		t.Run(name, func(t *testing.T) {
			k := small()
			c.change(&k)
			_, err := Train(t.Context(), k, Run{Run: train.Run{Dir: filepath.Join(t.TempDir(), "run"), Log: slog.New(slog.DiscardHandler)}, Train: c.pairs})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// resized is pairs whose images claim another size.
type resized struct {
	flags
	width, height int
}

func (r resized) Pair(i int) (Pair, error) {
	p, err := r.flags.Pair(i)
	p.Image.Width, p.Image.Height = r.width, r.height
	return p, err
}

// Invalid settings of an evaluation are errors, not panics.
func TestEvaluateRefuses(t *testing.T) {
	k := small()
	if err := k.check(); err != nil {
		t.Fatal(err)
	}
	l, err := newModel(clip.RandomWeights(k.Model, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Evaluation){
		"pairs":     func(e *Evaluation) { e.Pairs = 0 },
		"group":     func(e *Evaluation) { e.Group = -3 },
		"templates": func(e *Evaluation) { e.Templates = nil },
	} {
		e := k.Eval
		change(&e)
		if _, err := Evaluate(t.Context(), l.Model, []EvalSet{{Pairs: flags{n: 8}}}, e, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// write puts files into a new folder: text, or for an empty string a picture.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if text == "" {
			m := image.NewRGBA(image.Rect(0, 0, 9, 5))
			m.Set(1, 2, colors["red"])
			var b bytes.Buffer
			if err := png.Encode(&b, m); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Folders are searched as those of videos are: through links, and without hidden files.
func TestOpenFollowsLinks(t *testing.T) {
	elsewhere := write(t, map[string]string{"a.png": "", "a.txt": "one", "b.png": "", "b.txt": "two"})
	dir := write(t, map[string]string{".hidden/c.png": "", ".hidden/c.txt": "three"})
	for name, to := range map[string]string{"linked": elsewhere, "loop": dir, "nowhere": filepath.Join(dir, "gone")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	d, err := Open(dir, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := d.Train.Len()
	if d.Test != nil {
		n += d.Test.Len()
	}
	if n != 2 || len(d.Skipped) != 1 || d.Skipped[0].Name != "nowhere" {
		t.Errorf("%d pairs; skipped: %v", n, d.Skipped)
	}
}

// Whatever a manifest holds, its pairs have an image and a caption of one line.
func FuzzManifest(f *testing.F) {
	dir := f.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"a.png", "b.png", "c.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			f.Fatal(err)
		}
	}
	f.Add([]byte(`{"path":"a.png","caption":"one"}` + "\n" + `{"path":"b.png","caption":"two","label":"x","split":"test"}` + "\n" + `{"path":"c.png","caption":"three"}`))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	path := filepath.Join(dir, "pairs.jsonl")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := Open(path, 0.5, 1)
		if err != nil {
			return
		}
		for _, files := range []*Files{d.Train, d.Val, d.Test} {
			for i := 0; files != nil && i < files.Len(); i++ {
				if p, err := files.Pair(i); err == nil && (p.Caption == "" || strings.ContainsAny(p.Caption, "\r\n") || p.Image.Width < 1) {
					t.Errorf("%s: %q, %d pixels wide", files.Name(i), p.Caption, p.Image.Width)
				}
			}
		}
	})
}

func TestOpenFolder(t *testing.T) {
	dir := write(t, map[string]string{"a.png": "", "a.txt": " two\n words ", "sub/b.PNG": "", "sub/b.txt": "b",
		"x.png": "", "x.txt": "\ufeffx", "y.png": "", "y.txt": "y",
		"f.png": "", "f.txt/g": "a folder", "c.png": "", "d.txt": "no picture", "e.png": "", "e.txt": "\n", "notes.md": "x"})
	d, err := Open(dir, 0.5, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 2 || d.Test.Len() != 2 || d.Val != nil {
		t.Errorf("%d pairs to train on and %d to test", d.Train.Len(), d.Test.Len())
	}
	got := map[string]string{}
	for _, f := range []*Files{d.Train, d.Test} {
		for i := range f.Len() {
			p, err := f.Pair(i)
			if err != nil || p.Image.Width != 9 {
				t.Errorf("%s: %v, %d pixels wide", f.Name(i), err, p.Image.Width)
			}
			got[f.Name(i)] = p.Caption
		}
	}
	if got["a.png"] != "two words" || got["sub/b.PNG"] != "b" || got["x.png"] != "x" {
		t.Errorf("captions are %q", got)
	}
	reasons := map[string]string{}
	for _, s := range d.Skipped {
		reasons[s.Name] = s.Reason
	}
	for name, want := range map[string]string{"c.png": "there is no c.txt", "f.png": "there is no f.txt", "d.txt": "no picture for this caption", "e.png": "caption is empty"} {
		if !strings.Contains(reasons[name], want) {
			t.Errorf("%s was left out because %q, not %q", name, reasons[name], want)
		}
		delete(reasons, name)
	}
	if len(reasons) > 0 {
		t.Errorf("left out as well: %v", reasons)
	}
}

// A folder may be a link, and an ending in capitals; a caption is a file.
func TestOpenLinkedFolder(t *testing.T) {
	dir := write(t, map[string]string{"a.PNG": "", "a.TXT": "a", "b.png": "", "b.Txt": "b", "c.png": ""})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	// What is no file may never end.
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "c.txt")); err != nil {
		t.Skip(err)
	}
	d, err := Open(link, 0.1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 2 || d.Train.Name(0) != "a.PNG" || len(d.Skipped) != 1 || !strings.Contains(d.Skipped[0].Reason, "not a regular file") {
		t.Errorf("%d pairs, the first %s; left out: %v", d.Train.Len(), d.Train.Name(0), d.Skipped)
	}
}

// All captions of a picture are to train on, or all to test on.
func TestPicturesAreNotDivided(t *testing.T) {
	for seed := range uint64(20) {
		var found []entry
		for i := range 10 {
			for range 5 {
				found = append(found, entry{name: fmt.Sprint(i)})
			}
		}
		divide(found, 0.25, seed)
		test := 0
		for i := 0; i < len(found); i += 5 {
			for _, e := range found[i : i+5] {
				if e.split != found[i].split {
					t.Fatalf("seed %d: picture %s is on both sides", seed, e.name)
				}
				if e.split == dataset.Test {
					test++
				}
			}
		}
		if test != 15 {
			t.Errorf("seed %d: %d captions to test on", seed, test)
		}
	}
}

func TestOpenManifest(t *testing.T) {
	dir := write(t, map[string]string{"p/a.png": "", "p/b.png": "", "c.png": "", "m.jsonl": `{"path":"p/a.png","caption":"a","label":"A","split":"train","more":1}
{"path":"p/b.png","caption":"b","split":"val"}

{"path":"c.png","caption":" "}
{"path":"none.png","caption":"n"}
{"caption":"n"}`})
	d, err := Open(filepath.Join(dir, "m.jsonl"), 0.1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 1 || d.Val.Len() != 1 || d.Test != nil || len(d.Skipped) != 3 {
		t.Errorf("%d to train on, %v, %v, left out: %v", d.Train.Len(), d.Val, d.Test, d.Skipped)
	}
	if p, err := d.Train.Pair(0); err != nil || p.Label != "A" || p.Caption != "a" {
		t.Errorf("the pair is %v, %v", p, err)
	}
	text, _ := json.Marshal(d.Skipped)
	for _, want := range []string{"caption is missing (line 4)", "no such picture (line 5)", "line 6"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q", text, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		open  string
		want  string
	}{
		"one pair":    {map[string]string{"a.png": "", "a.txt": "a"}, ".", "holds only one pair (a.png)"},
		"no captions": {map[string]string{"a.png": "", "b.png": ""}, ".", "no picture with a caption; of 2 entries the first, a.png: its caption is missing"},
		"empty":       {nil, ".", "no picture with a caption"},
		"two":         {map[string]string{"a.png": "", "a.jpg": "x", "a.txt": "a"}, ".", "share one caption"},
		"not JSON":    {map[string]string{"m.jsonl": "\npath,caption\n"}, "m.jsonl", "m.jsonl:2: "},
		"alike":       {map[string]string{"a.png": "", "b.png": "", "a.txt": "x", "b.txt": " x\n"}, ".", `all 2 captions of`},
		"an array":    {map[string]string{"m.jsonl": `[]`}, "m.jsonl", "m.jsonl:1: the value at byte 0 is a list instead of an object; a line is an object"},
		"captions":    {map[string]string{"m.jsonl": `{"path":"a","caption":["b","c"]}`}, "m.jsonl", "is a list instead of a string"},
		"no lines":    {map[string]string{"m.jsonl": strings.Repeat("x", 1<<20)}, "m.jsonl", "a line is longer than a megabyte"},
		"split":       {map[string]string{"m.jsonl": `{"path":"a","caption":"b","split":"x"}`}, "m.jsonl", `split "x"`},
		"no training": {map[string]string{"a.png": "", "m.jsonl": `{"path":"a.png","caption":"b","split":"test"}
{"path":"a.png","caption":"c","split":"test"}`}, "m.jsonl", "training split"},
		"not there": {nil, "nothing", "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(filepath.Join(write(t, c.files), c.open), 0.1, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
