package clip

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// The gradients of CLIP's pre-training loss by every tensor of both towers equal the reference.
func TestTowerGradients(t *testing.T) {
	want := fixture.Load(t, "pretrain/step.safetensors")
	w, err := checkpoint.Open(filepath.Join(fixture.Dir(t), "clip/openclip.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	read := func(name string) []float32 {
		v, err := w.Tensors[name].Read()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c, err := configOf(w, "quick_gelu")
	if err != nil {
		t.Fatal(err)
	}
	floats := func(name string) []float32 {
		v, err := want.Tensors[name].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	d := compute.NewCPU(2)
	params := &nn.Params{Device: d}
	b := &nn.Builder{Device: d, Params: params, Source: read}
	image, text := towers.NewImageTower(b, c.sizes()), towers.NewTextTower(b, c.sizes())

	shape := want.Tensors["pixels"].Shape
	pixels := d.Temp(shape[0], shape[1]*shape[2]*shape[3])
	d.Upload(pixels, floats("pixels"))
	ids, err := want.Tensors["ids"].Int64s()
	if err != nil {
		t.Fatal(err)
	}
	var texts [][]int
	for ; len(ids) > 0; ids = ids[c.Context:] {
		row := []int{}
		for _, id := range ids[:c.Context] {
			row = append(row, int(id))
			if id == int64(c.Vocab-1) {
				break
			}
		}
		texts = append(texts, row)
	}
	s := text.LayOut(texts, 1)

	n := shape[0]
	f, g, df, dg := d.Temp(n, c.Embed), d.Temp(n, c.Embed), d.Temp(n, c.Embed), d.Temp(n, c.Embed)
	var imageTape towers.ImageTape
	var textTape towers.TextTape
	image.Forward(f, pixels, &imageTape)
	x := d.Temp(s.Rows(), c.TextWidth)
	text.Embed(x, s)
	text.Forward(g, x, s, &textTape)
	scale := float32(math.Exp(float64(read("logit_scale")[0])))
	loss, dscale := nn.ContrastiveLoss(d, df, dg, f, g, scale, compute.Matrix{})
	image.Backward(df, &imageTape)
	dx := d.Temp(s.Rows(), c.TextWidth)
	text.Backward(dx, dg, s, &textTape)
	text.AddTokenGrad(dx, s)

	if l := float64(floats("loss")[0]); math.Abs(loss-l) > 1e-5*l {
		t.Errorf("loss %v instead of %v", loss, l)
	}
	if l := float64(floats("grad.logit_scale")[0]); math.Abs(dscale-l) > 1e-4*math.Abs(l) {
		t.Errorf("gradient of logit_scale %v instead of %v", dscale, l)
	}
	seen := 0
	for _, p := range params.List {
		got := make([]float32, p.Grad.Rows*p.Grad.Cols)
		d.Download(got, p.Grad)
		grad := floats("grad." + p.Name)
		var most, worst float64
		for i, v := range grad {
			most = max(most, math.Abs(float64(v)))
			worst = max(worst, math.Abs(float64(got[i]-v)))
		}
		if !(worst <= 1e-4*most) {
			t.Errorf("gradient of %s differs by %g of its largest entry", p.Name, worst/most)
		}
		seen++
	}
	c.tensors(func(string, ...int) { seen-- })
	if seen != -1 { // all but logit_scale
		t.Errorf("%d tensors have no gradient", -1-seen)
	}
}

// After the first, encoding a batch of frames allocates no memory.
func TestFramesAllocateNothing(t *testing.T) {
	c := Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 64, VisionLayers: 2, VisionHeads: 2,
		Context: 20, Vocab: 600, TextWidth: 64, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5}
	m, err := New(RandomWeights(c, 1), Options{Towers: ImageTower})
	if err != nil {
		t.Fatal(err)
	}
	rgb := make([]byte, 4*3*c.ImageSize*c.ImageSize)
	batch := func() {
		d := m.towers.Device
		defer d.Release(d.Mark())
		pixels, y := d.Temp(4, 3*c.ImageSize*c.ImageSize), d.Temp(4, c.Embed)
		d.NormalizePixels(pixels, rgb, m.config.Mean, m.config.Std)
		m.towers.Image.Encode(y, pixels)
	}
	batch()
	if n := testing.AllocsPerRun(20, batch); n > 0 {
		t.Errorf("a batch after the first allocates %v times", n)
	}
}
