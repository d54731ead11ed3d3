package adapter

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
	"github.com/clipcue/clipcue/train"
)

// The learned tensors carry the names of the authors' code.
const (
	tableName     = "embedding.weight"
	positionsName = "temporalEmbedding.weight"
	blocksName    = "temporalModelling.resblocks"
	// CLIP's name for the logarithm of 1/τ.
	logScaleName = "logit_scale"
)

// Adapter is a set of learned tensors on top of a backbone. Its methods lock the
// backbone while they run.
type Adapter struct {
	config    Config
	model     *clip.Model
	towers    *towers.Model // of the model
	device    compute.Device
	params    *nn.Params
	table     *nn.Param
	positions *nn.Param
	temporal  *nn.Transformer
	logScale  *nn.Param // the logarithm of 1/τ, nil where τ is fixed

	temporalScale float32 // of the residual

	layout *windows // of the latest batch
	pass   Pass     // the memory of the pass under way
}

// New returns an untrained adapter with the authors' initial values, drawn by seed.
// With Residual, the temporal Transformer initially adds nothing. Settings that do not
// fit the backbone are a *[train.ConfigError].
func New(m *clip.Model, c Config, seed uint64) (*Adapter, error) {
	size := m.Config()
	if size.Precision != "" && c.Prefix+c.Postfix > 0 {
		return nil, fmt.Errorf("prompts cannot be learned on a backbone of precision %s, only on float32", size.Precision)
	}
	if c.Temperature == 0 {
		c.Temperature = 1 / float64(m.LogitScale())
	}
	if err := c.check(size.Embed, size.Context); err != nil {
		return nil, &train.ConfigError{Err: err}
	}
	values := map[string][]float32{}
	rng := rand.New(rand.NewPCG(seed, 0x70726f6d7074))
	tensors(c, size, func(name string, shape ...int) {
		if name == logScaleName {
			values[name] = []float32{float32(-math.Log(c.Temperature))}
			return
		}
		values[name] = initial(name, rng, shape)
		if c.Residual && adds(name) {
			clear(values[name])
		}
	})
	return build(m, c, func(name string) []float32 { return values[name] }), nil
}

// build returns an adapter with tensors whose shapes have been checked.
func build(m *clip.Model, c Config, source nn.Source) *Adapter {
	size := m.Config()
	t := bridge.Towers(m)
	a := &Adapter{config: c, model: m, towers: t, device: t.Device, params: &nn.Params{Device: t.Device}, temporalScale: 1}
	rows := c.rows(size.Context)
	a.table = a.params.Add(tableName, source(tableName), rows, size.TextWidth)
	if c.TemporalLayers > 0 {
		a.positions = a.params.Add(positionsName, source(positionsName), c.Frames, size.Embed)
	}
	b := &nn.Builder{Device: a.device, Source: source, Params: a.params}
	a.temporal = b.Transformer(blocksName, c.TemporalLayers, nn.BlockConfig{
		Width: size.Embed, Heads: c.TemporalHeads, Act: compute.QuickGELU, Eps: 1e-5})
	if c.LearnTemperature {
		a.logScale = a.params.Add(logScaleName, source(logScaleName))
		a.logScale.WeightDecay = false
	}
	return a
}

// tensors calls f with the name and shape of every learned tensor.
func tensors(c Config, size clip.Config, f func(name string, shape ...int)) {
	f(tableName, c.rows(size.Context), size.TextWidth)
	if c.TemporalLayers > 0 {
		f(positionsName, c.Frames, size.Embed)
	}
	for i := range c.TemporalLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", blocksName, i), nn.BlockConfig{Width: size.Embed}, f)
	}
	if c.LearnTemperature {
		f(logScaleName)
	}
}

// adds reports whether a tensor belongs to a projection whose output a block adds to
// its input.
func adds(name string) bool {
	return strings.Contains(name, ".out_proj.") || strings.Contains(name, ".c_proj.")
}

// initial draws a tensor as the authors' PyTorch code does: both tables from N(0,
// 0.01²), the rest by the defaults of PyTorch's modules.
func initial(name string, rng *rand.Rand, shape []int) []float32 {
	n := nn.Elements(shape)
	x := make([]float32, n)
	uniform := func(bound float64) {
		for i := range x {
			x[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
	switch part := name[strings.LastIndex(name[:strings.LastIndex(name, ".")], ".")+1:]; {
	case name == tableName || name == positionsName:
		for i := range x {
			x[i] = float32(0.01 * rng.NormFloat64())
		}
	case part == "ln_1.weight" || part == "ln_2.weight":
		for i := range x {
			x[i] = 1
		}
	case part == "attn.in_proj_weight": // xavier_uniform_
		uniform(math.Sqrt(6 / float64(shape[0]+shape[1])))
	case strings.HasSuffix(part, ".weight"): // kaiming_uniform_(a=√5)
		uniform(1 / math.Sqrt(float64(shape[1])))
	case part == "c_fc.bias":
		uniform(1 / math.Sqrt(float64(n)/4))
	case part == "c_proj.bias":
		uniform(1 / math.Sqrt(float64(n)*4))
	}
	return x
}

// Config returns the configuration with all defaults filled in.
func (a *Adapter) Config() Config { return a.config }

// Backbone returns the model that the adapter was built on.
func (a *Adapter) Backbone() *clip.Model { return a.model }

func init() {
	bridge.Params = func(a any) *nn.Params { return a.(*Adapter).params }
}

// EncodeClasses returns the embeddings [C,E] of prompted class names, not normalized.
func (a *Adapter) EncodeClasses(ctx context.Context, names []string) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := a.Classes(names)
	if err != nil {
		return nil, err
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	d := a.device
	defer d.Release(d.Mark())
	y := d.Temp(len(names), a.model.Config().Embed)
	a.encodeText(y, c, nil)
	out := make([]float32, y.Rows*y.Cols)
	d.Download(out, y)
	return out, nil
}

// EncodeVideos returns the embeddings [B,E] of windows of frame features [B,T,E], not
// normalized. T is Config.Frames.
func (a *Adapter) EncodeVideos(ctx context.Context, features []float32) ([]float32, error) {
	e := a.model.Config().Embed
	if len(features)%(a.config.Frames*e) != 0 {
		return nil, fmt.Errorf("windows for this adapter are [%d,%d], got %d values", a.config.Frames, e, len(features))
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	const batch = 256 // windows per pass
	d, b := a.device, len(features)/(a.config.Frames*e)
	out := make([]float32, b*e)
	for from := 0; from < b; from += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+batch, b)
		mark := d.Mark()
		x, y := d.Temp((to-from)*a.config.Frames, e), d.Temp(to-from, e)
		d.Upload(x, features[from*a.config.Frames*e:to*a.config.Frames*e])
		a.encodeVideo(y, x, nil, nil)
		d.Download(out[from*e:to*e], y)
		d.Release(mark)
	}
	return out, nil
}

// Classify returns the probabilities [B,C] of windows of frame features [B,T,E] over
// classes with the embeddings [C,E].
func (a *Adapter) Classify(ctx context.Context, features, classes []float32) ([]float32, error) {
	if err := a.checkClasses(nil, classes); err != nil {
		return nil, err
	}
	v, err := a.EncodeVideos(ctx, features)
	if err != nil {
		return nil, err
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	return a.probabilities(v, classes), nil
}

// probabilities compares embeddings [B,E] with classes [C,E].
func (a *Adapter) probabilities(v, classes []float32) []float32 {
	d, e := a.device, a.model.Config().Embed
	defer d.Release(d.Mark())
	video, text := d.Temp(len(v)/e, e), d.Temp(len(classes)/e, e)
	d.Upload(video, v)
	d.Upload(text, classes)
	s := nn.NewSimilarity(d, video, text, a.scale())
	d.Softmax(s.Logits, s.Logits)
	out := make([]float32, s.Logits.Rows*s.Logits.Cols)
	d.Download(out, s.Logits)
	return out
}

// scale returns 1/τ. The backbone must be locked.
func (a *Adapter) scale() float32 {
	if a.logScale == nil {
		return float32(1 / a.config.Temperature)
	}
	var v [1]float32
	a.device.Download(v[:], a.logScale.Value)
	return float32(math.Exp(float64(v[0])))
}
