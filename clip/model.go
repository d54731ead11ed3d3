// Package clip is the frozen backbone: a CLIP ViT (Radford et al. 2021) of any
// size, read from the weight files that people have, that turns pictures and
// texts into features of one space.
//
//	model, err := clip.Load("ViT-B-16.pt", clip.Options{})
//	texts, err := model.EncodeTexts([]string{"a photo of a cat"}, false)
//
// Features are returned raw, as the towers give them; compare them by cosine.
package clip

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fingerprint"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// Tower names a half of the model.
type Tower uint8

const (
	Image Tower = 1 << iota
	Text
)

// Options say how to load a model. The zero Options load both towers.
type Options struct {
	// Activation overrides what the file says: "quick_gelu" or "gelu".
	Activation string
	// Towers to build; 0 means both. The memory of the other is not needed.
	Towers Tower
	// Threads to compute on; 0 means GOMAXPROCS.
	Threads int
	// Precision is "" or "float32", or "int8" for features that are a little
	// less exact and several times as fast: the blocks' weights are rounded to 8
	// bits for each output channel, their inputs for each row. Nothing can be
	// learned on such a model.
	Precision string
	// Learnable makes all weights of the towers parameters, for package pretraining.
	// Such a model has no fingerprint.
	Learnable bool
}

// Model is a loaded backbone. Its Encode methods may be called from several
// goroutines; they take turns.
type Model struct {
	config      Config
	format      string
	assumed     bool
	fingerprint string
	logitScale  float32
	parameters  int

	towers    *towers.Model
	tokenizer *bpe.Tokenizer
}

func init() {
	bridge.Towers = func(m any) *towers.Model { return m.(*Model).towers }
}

// ErrNoTower is returned when a model was loaded without the tower that a call
// needs.
var ErrNoTower = errors.New("the model was loaded without this tower")

// Load reads a weight file or folder: OpenAI's .pt, OpenCLIP's .safetensors and
// training .pt, or a Hugging Face folder.
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

// New builds a model from named tensors.
func New(w *checkpoint.Weights, o Options) (*Model, error) {
	act := w.Activation
	if o.Activation != "" {
		act = o.Activation
	}
	assumed := act == ""
	if assumed {
		act = "quick_gelu"
	}
	if _, ok := activations[act]; !ok {
		return nil, fmt.Errorf("activation %q is not known: it is quick_gelu or gelu", act)
	}
	c, err := configOf(w, act)
	if err != nil {
		return nil, err
	}
	if o.Towers == 0 {
		o.Towers = Image | Text
	}
	var forms compute.Form
	switch o.Precision {
	case "", "float32":
		forms = compute.Forward
	case "int8":
		forms = compute.ForwardInt8
	default:
		return nil, fmt.Errorf("precision %q is not known: it is float32 or int8", o.Precision)
	}
	m := &Model{config: c, format: w.Format, assumed: assumed, logitScale: logitScale(w), towers: &towers.Model{Device: compute.NewCPU(o.Threads)}}
	if forms == compute.ForwardInt8 {
		m.config.Precision = "int8"
	}
	if o.Learnable {
		m.towers.Params = &nn.Params{Device: m.towers.Device}
	} else if err := m.identify(c, w); err != nil {
		return nil, err
	}
	source := sourceOf(w, &err)
	build := nn.Builder{Device: m.towers.Device, Source: source, Params: m.towers.Params, Forms: forms}
	if o.Towers&Image != 0 {
		b := build
		m.towers.Image = towers.NewImageTower(&b, c.sizes())
	}
	if o.Towers&Text != 0 {
		b := build
		if forms == compute.Forward {
			// Gradients pass through the frozen text tower to the prompts.
			b.Forms |= compute.Backward
		}
		m.towers.Text = towers.NewTextTower(&b, c.sizes())
		if m.tokenizer, err = bpe.New(c.Vocab); err != nil {
			return nil, err
		}
	}
	return m, err
}

// identify computes the fingerprint and counts the parameters.
func (m *Model) identify(c Config, w *checkpoint.Weights) error {
	// Everything that the features depend on identifies a backbone.
	sum, values, err := fingerprint.Of(c, w.Tensors, func(t checkpoint.Tensor) ([]float32, error) { return t.Read() })
	m.fingerprint, m.parameters = "clip-"+sum, values
	// The largest tensor has passed through the heap. Return that memory to the
	// system: the towers live outside the heap.
	debug.FreeOSMemory()
	return err
}

// logitScale returns CLIP's 1/τ: that of the weights, else CLIP's initial value.
func logitScale(w *checkpoint.Weights) float32 {
	if t, ok := w.Tensors["logit_scale"]; ok {
		if v, err := t.Read(); err == nil && len(v) == 1 {
			return float32(math.Exp(float64(v[0])))
		}
	}
	return float32(1 / 0.07)
}

// sourceOf reads tensors of w for a [nn.Builder], which cannot fail: a tensor that
// cannot be read is zero, and err tells.
func sourceOf(w *checkpoint.Weights, err *error) nn.Source {
	return func(name string) []float32 {
		data, bad := w.Tensors[name].Read()
		if bad != nil {
			*err = bad
			data = make([]float32, product(w.Tensors[name].Shape))
		}
		return data
	}
}

func product(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// Config returns the model's sizes.
func (m *Model) Config() Config { return m.config }

// Format names the kind of file that the weights came from.
func (m *Model) Format() string { return m.format }

// ActivationAssumed reports whether the file did not tell the activation, so
// that OpenAI's QuickGELU was taken.
func (m *Model) ActivationAssumed() bool { return m.assumed }

// Fingerprint identifies the backbone; features and trained models carry it.
func (m *Model) Fingerprint() string { return m.fingerprint }

// LogitScale is CLIP's own 1/τ.
func (m *Model) LogitScale() float32 { return m.logitScale }

// Parameters is the number of values in the weight file.
func (m *Model) Parameters() int { return m.parameters }

// Tokenizer is the model's tokenizer, nil without the text tower.
func (m *Model) Tokenizer() *bpe.Tokenizer { return m.tokenizer }

// Has reports whether the model was loaded with the given towers.
func (m *Model) Has(t Tower) bool {
	return (t&Image == 0 || m.towers.Image != nil) && (t&Text == 0 || m.towers.Text != nil)
}

// imageBatch and textRows bound the memory of one pass through a tower.
const (
	imageBatch = 8
	textRows   = 4096
)

// EncodeImages turns n pictures of ImageSize×ImageSize RGB bytes, one after the
// other, into features [n,E].
func (m *Model) EncodeImages(rgb []byte) ([]float32, error) {
	side := m.config.ImageSize
	return m.encodeImages(len(rgb), 3*side*side, func(dst compute.Matrix, from, to int) {
		m.towers.Device.NormalizePixels(dst, rgb[from:to], m.config.Mean, m.config.Std)
	})
}

// EncodePixels turns n normalized pictures [n,3,ImageSize,ImageSize] into
// features [n,E].
func (m *Model) EncodePixels(pixels []float32) ([]float32, error) {
	side := m.config.ImageSize
	return m.encodeImages(len(pixels), 3*side*side, func(dst compute.Matrix, from, to int) {
		m.towers.Device.Upload(dst, pixels[from:to])
	})
}

func (m *Model) encodeImages(size, each int, load func(dst compute.Matrix, from, to int)) ([]float32, error) {
	if m.towers.Image == nil {
		return nil, ErrNoTower
	}
	if size%each != 0 {
		return nil, fmt.Errorf("pictures for this model have %d values each; %d values were given", each, size)
	}
	m.towers.Lock()
	defer m.towers.Unlock()
	d, n, e := m.towers.Device, size/each, m.config.Embed
	out := make([]float32, n*e)
	for from := 0; from < n; from += imageBatch {
		to := min(from+imageBatch, n)
		mark := d.Mark()
		pixels, y := d.Temp(to-from, each), d.Temp(to-from, e)
		load(pixels, from*each, to*each)
		m.towers.Image.Forward(y, pixels, nil)
		d.Download(out[from*e:to*e], y)
		d.Release(mark)
	}
	return out, nil
}

// EncodeTexts turns texts into features [n,E]. A text of more tokens than the
// model takes is an error unless truncate is set.
func (m *Model) EncodeTexts(texts []string, truncate bool) ([]float32, error) {
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
	return m.EncodeTokens(ids)
}

// EncodeTokens turns token sequences, from SOT to EOT without padding, into
// features [n,E].
func (m *Model) EncodeTokens(ids [][]int) ([]float32, error) {
	if m.towers.Text == nil {
		return nil, ErrNoTower
	}
	for i, t := range ids {
		if len(t) < 2 || len(t) > m.config.Context {
			return nil, fmt.Errorf("token sequence %d has %d tokens; it takes 2 to %d", i, len(t), m.config.Context)
		}
		for _, id := range t {
			if id < 0 || id >= m.config.Vocab {
				return nil, fmt.Errorf("token sequence %d holds %d; the vocabulary has %d tokens", i, id, m.config.Vocab)
			}
		}
		if t[0] != ids[0][0] {
			return nil, fmt.Errorf("token sequence %d does not begin with the start token", i)
		}
	}
	m.towers.Lock()
	defer m.towers.Unlock()
	d, e := m.towers.Device, m.config.Embed
	out := make([]float32, 0, len(ids)*e)
	for from := 0; from < len(ids); {
		to, rows := from+1, len(ids[from])
		for to < len(ids) && rows+len(ids[to]) <= textRows {
			rows += len(ids[to])
			to++
		}
		mark := d.Mark()
		flat, s := towers.LayOut(ids[from:to])
		x, y := d.Temp(len(flat), m.config.TextWidth), d.Temp(to-from, e)
		d.Gather(x, nil, m.towers.Text.Tokens(), flat)
		m.towers.Text.Forward(y, x, s, nil)
		out = append(out, make([]float32, (to-from)*e)...)
		d.Download(out[from*e:], y)
		d.Release(mark)
		from = to
	}
	return out, nil
}

// Bare is a model without towers: enough to run what was learned on a backbone
// over features and class embeddings that are finished.
func Bare(c Config, fingerprint string, threads int) *Model {
	return &Model{config: c, fingerprint: fingerprint, towers: &towers.Model{Device: compute.NewCPU(threads)}}
}
