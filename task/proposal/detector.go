package proposal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/train"
)

// tensorPrefix is the prefix of the names of all tensors of a detector.
const tensorPrefix = "proposal."

// Detector finds segments. Several goroutines may call its methods; they take turns.
type Detector struct {
	config Config
	embed  int // E
	params *nn.Params

	mu     sync.Mutex
	device compute.Device
	network
	layouts *layout // the latest
}

// New returns an untrained detector for features of the given width, with initial
// values drawn by seed.
func New(width int, c Config, seed uint64) (*Detector, error) {
	if err := c.checkFor(width); err != nil {
		return nil, err
	}
	values := map[string][]float32{}
	rng := rand.New(rand.NewPCG(seed, 0x70726f706f73616c))
	tensors(c, width, func(name string, shape ...int) {
		values[name] = initial(name, rng, shape)
	})
	return build(width, c, func(name string) []float32 { return values[name] }), nil
}

// From returns a detector with the tensors that [Detector.Tensors] returned, for
// features of the given width. Other tensors in named are ignored.
func From(width int, c Config, named map[string]train.Tensor) (*Detector, error) {
	if err := c.checkFor(width); err != nil {
		return nil, err
	}
	var wrong error
	tensors(c, width, func(name string, shape ...int) {
		t, ok := named[name]
		if wrong == nil && (!ok || len(t.Data) != nn.Elements(shape)) {
			wrong = fmt.Errorf("tensor %q is missing or has shape %v instead of %v", name, t.Shape, shape)
		}
		if wrong == nil && slices.ContainsFunc(t.Data, func(x float32) bool { return x-x != 0 }) {
			wrong = fmt.Errorf("tensor %q has a value that is not finite", name)
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	return build(width, c, func(name string) []float32 { return named[name].Data }), nil
}

func (c Config) checkFor(width int) error {
	switch {
	case width < 1 || width > 1<<16:
		return fmt.Errorf("feature width must be 1 to 65536, got %d", width)
	case c.Rate == 0:
		return errors.New("the detector's settings have no frame rate")
	}
	return c.Check()
}

// build returns a detector of tensors whose shapes have been checked.
func build(width int, c Config, source nn.Source) *Detector {
	d := compute.NewCPU(0)
	t := &Detector{config: c, embed: width, device: d, params: &nn.Params{Device: d}}
	t.network = newNetwork(&nn.Builder{Device: d, Source: source, Params: t.params}, c, width)
	for _, p := range t.params.List {
		// Only weights of products decay, not vectors, positions and scales.
		p.WeightDecay = len(p.Shape) > 1 && p.Name != positionsName && p.Name != scaleName
	}
	return t
}

// Config returns the settings of the detector.
func (t *Detector) Config() Config { return t.config }

// Width returns E, the width of the features.
func (t *Detector) Width() int { return t.embed }

// Tensors returns copies of the trained tensors, for a model file.
func (t *Detector) Tensors() map[string]train.Tensor {
	t.mu.Lock()
	defer t.mu.Unlock()
	out, values := map[string]train.Tensor{}, t.params.Values()
	for _, p := range t.params.List {
		out[p.Name] = train.Tensor{Shape: p.Shape, Data: values[p.Name]}
	}
	return out
}

// initial returns the initial values of a tensor. Weights of products are uniform with the
// variance that preserves the size of activations, and half as large where a block adds to
// its input. Positions are from N(0, 0.02²), scales of norms are 1 and the rest is 0. The
// probability of actionness starts at 0.01, because most rows are background (Lin et al.
// 2017), and distances start near 2 rows.
func initial(name string, rng *rand.Rand, shape []int) []float32 {
	x := make([]float32, nn.Elements(shape))
	fill := func(v func() float64) {
		for i := range x {
			x[i] = float32(v())
		}
	}
	constant := func(v float64) { fill(func() float64 { return v }) }
	switch {
	case name == positionsName:
		fill(func() float64 { return 0.02 * rng.NormFloat64() })
	case name == scaleName:
		constant(math.Log(2))
	case name == actionName+".out.bias":
		constant(-math.Log(99))
	case strings.Contains(name, "norm.weight") || strings.Contains(name, "ln_1.weight") || strings.Contains(name, "ln_2.weight"):
		constant(1)
	case strings.HasSuffix(name, "out.weight"): // of a head
		fill(func() float64 { return 0.01 * rng.NormFloat64() })
	case len(shape) > 1:
		bound := math.Sqrt(3 / float64(shape[1]))
		if strings.Contains(name, "out_proj") || strings.Contains(name, "c_proj") {
			bound /= 2
		}
		fill(func() float64 { return (2*rng.Float64() - 1) * bound })
	}
	return x
}

// layout returns the layout of windows of these lengths. It is rebuilt only when they
// change.
func (t *Detector) layout(lengths []int) *layout {
	if l := t.layouts; l == nil || !slices.Equal(l.lengths, lengths) {
		t.layouts = t.config.layout(lengths)
	}
	return t.layouts
}
