// Package clip is the frozen backbone: a CLIP ViT (Radford et al. 2021) of any size.
// It reads common weight files and turns images and texts into features of one space.
//
//	model, err := clip.Load("ViT-B-16.pt", clip.Options{})
//	texts, err := model.EncodeTexts(ctx, []string{"a photo of a cat"}, false)
//
// Features are the raw outputs of the towers. Compare them by cosine.
package clip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fingerprint"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// Tower is one half of the model, or a set of both.
type Tower uint8

// The towers.
const (
	ImageTower Tower = 1 << iota
	TextTower
)

// Options control how a model is loaded. The zero value loads all towers.
type Options struct {
	// Activation overrides that of the file: "quick_gelu", "gelu", "gelu_tanh" or "silu".
	Activation string
	// Towers to build; 0 means those that the weights have. A tower that is not built
	// needs no memory.
	Towers Tower
	// Threads to compute on; 0 means GOMAXPROCS.
	Threads int
	// Precision is "float32" (default) or "int8". int8 is several times as fast and
	// slightly less exact: the blocks' weights are rounded to 8-bit integers per
	// output channel, their inputs per row. Nothing can be learned on such a model.
	Precision string
	// Learnable makes all weights of the towers parameters, for package pretraining.
	// Such a model has no fingerprint.
	Learnable bool
}

// Model is a loaded backbone. Its Encode methods are safe for concurrent use; calls
// are serialized.
type Model struct {
	config      Config
	format      string
	assumed     []string
	fingerprint string
	logitScale  float32
	logitBias   *float32
	parameters  int

	towers    *towers.Model
	tokenizer Tokenizer
}

func init() {
	bridge.Towers = func(m any) *towers.Model { return m.(*Model).towers }
}

// ErrNoTower reports that the model was loaded without the tower that a call needs.
var ErrNoTower = errors.New("the model was loaded without this tower")

// ErrNoText reports weights without a text tower, such as those of Hugging Face's
// CLIPVisionModelWithProjection.
var ErrNoText = errors.New("the weights have no text tower")

// ErrNoImage reports weights without an image tower, such as those of Hugging Face's
// CLIPTextModelWithProjection.
var ErrNoImage = errors.New("the weights have no image tower")

// Load reads a weight file or folder: OpenAI's .pt, OpenCLIP's .safetensors and
// training .pt, or a Hugging Face folder. Errors are those of package
// clip/checkpoint, and of [New].
func Load(path string, o Options) (*Model, error) {
	w, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	m, err := New(w, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// New builds a model from named tensors. Tensors with other shapes than a CLIP ViT's or
// with values that are not finite are an error, as are weights that need more memory
// than the budget.
func New(w *checkpoint.Weights, o Options) (*Model, error) {
	act := cmp.Or(o.Activation, w.Activation, "quick_gelu")
	if o.Activation != "" && o.Activation != w.Activation {
		whole := *w
		if whole.Text.Activation = ""; !whole.Vision.Gated {
			whole.Vision.Activation = ""
		}
		w = &whole
	}
	c, err := configOf(w, act)
	if err != nil {
		return nil, err
	}
	if o.Towers == 0 {
		o.Towers = c.towers()
	}
	switch missing := o.Towers &^ c.towers(); {
	case missing&TextTower != 0:
		return nil, fmt.Errorf("%w: %s", ErrNoText, w.NoText)
	case missing&ImageTower != 0:
		return nil, fmt.Errorf("%w: %s", ErrNoImage, w.NoImage)
	}
	forms, ok := precisions[o.Precision]
	if !ok {
		return nil, fmt.Errorf("unknown precision %q; available: float32, int8", o.Precision)
	}
	release, err := memory.Request(c.memory(o), "the model")
	if err != nil {
		return nil, err
	}
	defer release()
	m := &Model{config: c, format: w.Format, assumed: w.Assumed, towers: &towers.Model{Device: compute.NewCPU(o.Threads)}}
	if o.Activation == "" && w.Activation == "" {
		m.assumed = append(slices.Clone(m.assumed), "the activation is OpenAI's quick_gelu")
	}
	if forms == compute.ForwardInt8 {
		m.config.Precision = "int8-2"
	}
	if m.logitScale, err = logitScale(w); err != nil {
		return nil, err
	}
	if m.logitBias, err = logitBias(w); err != nil {
		return nil, err
	}
	if o.Learnable && (c.towers() != ImageTower|TextTower || c.Vision != checkpoint.Architecture{} || c.Text != checkpoint.Architecture{} || c.Trunk != Trunk{}) {
		return nil, errors.New("pre-training supports both towers of OpenAI's CLIP only")
	}
	if o.Learnable {
		m.towers.Params = &nn.Params{Device: m.towers.Device}
	} else if err := m.identify(c, w); err != nil {
		return nil, err
	}
	return m, m.build(w, o.Towers, forms)
}

// towers returns the towers that the model has.
func (c Config) towers() (t Tower) {
	if c.HasImage() {
		t |= ImageTower
	}
	if c.HasText() {
		t |= TextTower
	}
	return t
}

// precisions are the forms in which weights are stored.
var precisions = map[string]compute.Form{
	"": compute.Forward, "float32": compute.Forward, "int8": compute.ForwardInt8,
}

// memory returns about how many bytes loading and encoding a batch take.
func (c Config) memory(o Options) int64 {
	towers, largest := int64(0), int64(0) // bytes; values
	add := func(forms int64) func(string, ...int) {
		return func(name string, shape ...int) {
			n := int64(nn.Elements(shape))
			largest = max(largest, n)
			if precisions[o.Precision] == compute.ForwardInt8 && strings.Contains(name, "resblocks") {
				towers += n
			} else {
				towers += 4 * forms * n
			}
		}
	}
	if o.Towers&ImageTower != 0 {
		c.imageTensors(add(1))
	}
	if o.Towers&TextTower != 0 {
		c.textTensors(add(2)) // forward and backward
	}
	side, batch := int64(c.ImageSize), int64(0)
	if c.Trunk != (Trunk{}) {
		batch = imageBatch*3*side*side + c.Trunk.memory(side, imageBatch)
	} else if c.HasImage() {
		batch = imageBatch * (3*side*side + int64(c.sizes().Tokens())*8*int64(c.VisionWidth))
	}
	return towers + 4*(2*largest+batch)
}

// build builds towers from the weights.
func (m *Model) build(w *checkpoint.Weights, which Tower, forms compute.Form) (err error) {
	build := nn.Builder{Device: m.towers.Device, Source: sourceOf(w, &err), Params: m.towers.Params, Forms: forms}
	if which&ImageTower != 0 {
		b := build
		if m.config.Trunk != (Trunk{}) {
			m.towers.Image = towers.NewConvTower(&b, m.config.Trunk.sizes(), m.config.ImageSize, m.config.Embed)
		} else {
			m.towers.Image = towers.NewImageTower(&b, m.config.sizes())
		}
	}
	if which&TextTower != 0 {
		b := build
		if forms == compute.Forward {
			// Gradients pass through the frozen text tower to the prompts.
			b.Forms |= compute.Backward
		}
		m.towers.Text = towers.NewTextTower(&b, m.config.sizes())
		tokenizer, unknown := newTokenizer(w, m.config.Vocab)
		if unknown != nil {
			return unknown
		}
		m.tokenizer = tokenizer
	}
	return err
}

// identify computes the fingerprint and counts the parameters.
func (m *Model) identify(c Config, w *checkpoint.Weights) error {
	// Everything that the features depend on identifies a backbone.
	names := map[string]string{}
	for name := range w.Tensors {
		names[name] = name
	}
	sum, values, err := fingerprint.Of(c, names, func(name string) ([]float32, error) { return read(w, name) })
	m.fingerprint, m.parameters = "clip-"+sum, values
	// The largest tensor has passed through the heap. Return that memory to the
	// system: the towers live outside the heap.
	debug.FreeOSMemory()
	return err
}

// read returns the elements of a tensor. It is an error if they are not as many as its
// shape says, or not finite.
func read(w *checkpoint.Weights, name string) ([]float32, error) {
	t := w.Tensors[name]
	if t.Read == nil {
		return nil, fmt.Errorf("tensor %q has no values", name)
	}
	data, err := t.Read()
	if err != nil {
		return nil, err
	}
	if len(data) != nn.Elements(t.Shape) {
		return nil, fmt.Errorf("tensor %q of shape %v has %d values", name, t.Shape, len(data))
	}
	for i, v := range data {
		if v-v != 0 { // NaN or infinite
			return nil, fmt.Errorf("tensor %q has the value %v at %d", name, v, i)
		}
	}
	return data, nil
}

// logitScale returns CLIP's 1/τ: that of the weights, else CLIP's initial value.
func logitScale(w *checkpoint.Weights) (float32, error) {
	if _, ok := w.Tensors["logit_scale"]; !ok {
		return float32(1 / 0.07), nil
	}
	v, err := read(w, "logit_scale")
	switch {
	case err != nil:
		return 0, err
	case len(v) != 1 || !(math.Abs(float64(v[0])) <= maxLogitScale):
		return 0, fmt.Errorf("tensor \"logit_scale\" is %v, not a number from %d to %d", v[:min(len(v), 3)], -maxLogitScale, maxLogitScale)
	}
	return float32(math.Exp(float64(v[0]))), nil
}

// maxLogitScale bounds the logarithm of 1/τ. CLIP's is at most log 100.
const maxLogitScale = 16

// logitBias returns what a model that was trained with sigmoids adds to the scaled cosine, or nil.
func logitBias(w *checkpoint.Weights) (*float32, error) {
	if _, ok := w.Tensors["logit_bias"]; !ok {
		return nil, nil
	}
	v, err := read(w, "logit_bias")
	switch {
	case err != nil:
		return nil, err
	case len(v) != 1 || !(math.Abs(float64(v[0])) <= maxLogitBias):
		return nil, fmt.Errorf("tensor \"logit_bias\" is %v, not a number from %d to %d", v[:min(len(v), 3)], -maxLogitBias, maxLogitBias)
	}
	return &v[0], nil
}

// maxLogitBias bounds the bias of sigmoids. SigLIP's is about -16.
const maxLogitBias = 1000

// sourceOf reads tensors of w for a [nn.Builder], which cannot fail. A tensor that
// cannot be read is zero and sets err.
func sourceOf(w *checkpoint.Weights, err *error) nn.Source {
	return func(name string) []float32 {
		data, bad := read(w, name)
		if bad != nil {
			*err = bad
			data = make([]float32, nn.Elements(w.Tensors[name].Shape))
		}
		return data
	}
}

// Config returns the model's sizes.
func (m *Model) Config() Config { return m.config }

// Format returns the kind of weight file, such as "openai-archive".
func (m *Model) Format() string { return m.format }

// Assumed lists what the files do not say about how the model works, and was therefore
// taken to be as in OpenAI's models, or as in the published model of the same sizes. A
// configuration in their folder avoids it.
func (m *Model) Assumed() []string { return m.assumed }

// Fingerprint identifies the backbone by its settings and weights. Stored features and
// trained models carry it.
func (m *Model) Fingerprint() string { return m.fingerprint }

// LogitScale returns CLIP's own 1/τ, such as 100.
func (m *Model) LogitScale() float32 { return m.logitScale }

// LogitBias returns the bias b of a model that was trained with sigmoids, such as SigLIP: the
// probability that an image and a text belong together is sigmoid(LogitScale·cosine + b). Other
// models have none.
func (m *Model) LogitBias() (b float32, ok bool) {
	if m.logitBias == nil {
		return 0, false
	}
	return *m.logitBias, true
}

// Parameters returns the number of values in the weight file.
func (m *Model) Parameters() int { return m.parameters }

// Tokenizer returns the model's tokenizer, or nil without the text tower.
func (m *Model) Tokenizer() Tokenizer { return m.tokenizer }

// Has reports whether the model was loaded with the given towers.
func (m *Model) Has(t Tower) bool {
	return (t&ImageTower == 0 || m.towers.Image != nil) && (t&TextTower == 0 || m.towers.Text != nil)
}

// imageBatch and textRows bound the memory of one pass through a tower.
const (
	imageBatch = 8
	textRows   = 4096
)

// EncodeImages returns the features [n,E], not normalized, of n images [n,S,S,3] of RGB
// bytes; S is Config.ImageSize.
func (m *Model) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	side := m.config.ImageSize
	return m.encodeImages(ctx, len(rgb), 3*side*side, func(dst compute.Matrix, from, to int) {
		m.towers.Device.NormalizePixels(dst, rgb[from:to], m.config.Mean, m.config.Std)
	})
}

// EncodePixels returns the features [n,E] of n normalized images
// [n,3,ImageSize,ImageSize].
func (m *Model) EncodePixels(ctx context.Context, pixels []float32) ([]float32, error) {
	side := m.config.ImageSize
	return m.encodeImages(ctx, len(pixels), 3*side*side, func(dst compute.Matrix, from, to int) {
		m.towers.Device.Upload(dst, pixels[from:to])
	})
}

func (m *Model) encodeImages(ctx context.Context, size, each int, load func(dst compute.Matrix, from, to int)) ([]float32, error) {
	if m.towers.Image == nil {
		return nil, ErrNoTower
	}
	if size%each != 0 {
		return nil, fmt.Errorf("images for this model have %d values each, got %d values", each, size)
	}
	m.towers.Lock()
	defer m.towers.Unlock()
	d, n, e := m.towers.Device, size/each, m.config.Embed
	out := make([]float32, n*e)
	for from := 0; from < n; from += imageBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+imageBatch, n)
		mark := d.Mark()
		pixels, y := d.Temp(to-from, each), d.Temp(to-from, e)
		load(pixels, from*each, to*each)
		m.towers.Image.Encode(y, pixels)
		d.Download(out[from*e:to*e], y)
		d.Release(mark)
	}
	return out, nil
}

// EncodeTexts returns the features [n,E], not normalized, of n texts. A text with too many
// tokens is a bpe.ErrTooLong unless truncate is set; a model without a text tower gives
// ErrNoTower.
func (m *Model) EncodeTexts(ctx context.Context, texts []string, truncate bool) ([]float32, error) {
	if m.towers.Text == nil {
		return nil, ErrNoTower
	}
	ids := make([][]int, len(texts))
	for i, t := range texts {
		var err error
		if ids[i], err = m.tokenizer.Tokenize(t, m.config.Context, truncate); err != nil {
			return nil, err
		}
	}
	return m.EncodeTokens(ctx, ids)
}

// EncodeTokens returns the features [n,E] of n token sequences, each with its marks
// and without padding.
func (m *Model) EncodeTokens(ctx context.Context, ids [][]int) ([]float32, error) {
	if m.towers.Text == nil {
		return nil, ErrNoTower
	}
	if err := m.checkTokens(ids); err != nil {
		return nil, err
	}
	start, _ := m.tokenizer.Marks()
	m.towers.Lock()
	defer m.towers.Unlock()
	d, e := m.towers.Device, m.config.Embed
	out := make([]float32, 0, len(ids)*e)
	for from := 0; from < len(ids); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to, rows := from+1, m.towers.Text.RowsOf(ids[from])
		for to < len(ids) && rows+m.towers.Text.RowsOf(ids[to]) <= textRows {
			rows += m.towers.Text.RowsOf(ids[to])
			to++
		}
		mark := d.Mark()
		s := m.towers.Text.LayOut(ids[from:to], len(start))
		x, y := d.Temp(s.Rows(), m.config.TextWidth), d.Temp(to-from, e)
		m.towers.Text.Embed(x, s)
		m.towers.Text.Forward(y, x, s, nil)
		out = append(out, make([]float32, (to-from)*e)...)
		d.Download(out[from*e:], y)
		d.Release(mark)
		from = to
	}
	return out, nil
}

// Bare returns a model without towers. It is enough to run an adapter over stored
// features and finished class embeddings.
func Bare(c Config, fingerprint string, threads int) *Model {
	return &Model{config: c, fingerprint: fingerprint, towers: &towers.Model{Device: compute.NewCPU(threads)}}
}
