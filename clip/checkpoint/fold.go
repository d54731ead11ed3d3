package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// folding adds up the branches of layers.
type folding struct {
	tensors map[string]lazy
	used    map[string]bool
	scaled  bool // there are layer scales
}

func newFolding(tensors map[string]lazy) *folding {
	f := &folding{tensors: tensors, used: map[string]bool{}}
	for name := range tensors {
		f.scaled = f.scaled || strings.HasSuffix(name, ".gamma")
	}
	return f
}

// branch is one of the parts whose sum is a layer: ±scale·norm(conv(x)). The fields are prefixes
// of tensors, and "" for none. Without conv, it is the input itself.
type branch struct {
	conv, norm string
	scale      string // a factor for each output channel
	minus      bool
	before     string // a batch norm of the input instead of the output
	biased     bool   // the convolution has a bias
}

// first returns the first of the names that exists, or "".
func (f *folding) first(names ...string) string {
	for _, name := range names {
		if _, ok := f.tensors[name]; ok {
			return name
		}
	}
	return ""
}

// scale returns the first of the names of a layer scale that exists. A file has all of them or, after
// folding, none.
func (f *folding) scale(names ...string) string {
	name := f.first(names...)
	if name != "" || !f.scaled {
		return name
	}
	return names[0]
}

// present returns the branches of which the file has the weights.
func (f *folding) present(all []branch) []branch {
	return slices.DeleteFunc(all, func(b branch) bool {
		if b.conv != "" {
			return f.first(b.conv+".weight") == ""
		}
		return f.first(b.norm+".running_mean") == ""
	})
}

// maxBranches bounds the convolutions that MobileOne's block adds up.
const maxBranches = 16

// mobileOne returns the branches of MobileOne's block (Vasu et al. 2023).
func (f *folding) mobileOne(prefix string) []branch {
	var all []branch
	for i := range maxBranches {
		name := fmt.Sprintf("%s.conv_kxk.%d", prefix, i)
		all = append(all, branch{conv: name + ".conv", norm: name + ".bn"})
	}
	return f.present(append(all, branch{conv: prefix + ".conv_scale.conv", norm: prefix + ".conv_scale.bn"}, branch{norm: prefix + ".identity"}))
}

// mixer returns the branches of x + scale·(mixer(x) - norm(x)).
func (f *folding) mixer(prefix string) []branch {
	prefix += ".token_mixer"
	all := append(f.mobileOne(prefix+".mixer"), branch{norm: prefix + ".norm.identity", minus: true})
	for i := range all {
		all[i].scale = f.scale(prefix + ".layer_scale.gamma")
	}
	return append(all, branch{})
}

// sum is a convolution: weight [out,in,height,width], or nil if only the bias [out] is computed.
type sum struct {
	out, in, height, width int
	weight, bias           []float64
}

// newSum returns a convolution for the shape of a weight, with a bias of zeros.
func newSum(shape []int) *sum {
	s := &sum{out: shape[0], in: shape[1], height: 1, width: 1, bias: make([]float64, shape[0])}
	if len(shape) == 4 {
		s.height, s.width = shape[2], shape[3]
	}
	return s
}

// layer returns the weight and the bias of the sum of branches, of which the first has the
// largest kernel.
func (f *folding) layer(all []branch) (weight, bias lazy, err error) {
	name := all[0].conv + ".weight"
	shape := f.tensors[name].shape
	if len(shape) != 2 && (len(shape) != 4 || shape[2] != shape[3] && shape[2] != 1) || slices.Min(shape) < 1 {
		return weight, bias, fmt.Errorf("tensor %q has shape %v, not that of a convolution", name, shape)
	}
	for _, b := range all {
		if err := f.check(b, shape); err != nil {
			return weight, bias, err
		}
	}
	read := func(shape []int, start func(*sum) []float64) lazy {
		return lazy{"F32", shape, func() (safetensors.Tensor, error) {
			s := newSum(f.tensors[name].shape)
			values := start(s)
			for _, b := range all {
				if err := f.add(s, b); err != nil {
					return safetensors.Tensor{}, err
				}
			}
			data := make([]float32, len(values))
			for i, v := range values {
				data[i] = float32(v)
			}
			return safetensors.FromFloat32s(data, shape...), nil
		}}
	}
	weight = read(shape, func(s *sum) []float64 {
		s.weight = make([]float64, elementsOf(shape))
		return s.weight
	})
	return weight, read(shape[:1], func(s *sum) []float64 { return s.bias }), nil
}

// check returns an error unless the tensors of a branch fit a layer, and marks them as used.
func (f *folding) check(b branch, shape []int) error {
	need := func(name string, fits func(t []int) bool) error {
		t, ok := f.tensors[name]
		if !ok {
			return fmt.Errorf("tensor %q is missing", name)
		}
		if !fits(t.shape) {
			return fmt.Errorf("tensor %q has shape %v, which does not fit a layer of shape %v", name, t.shape, shape)
		}
		f.used[name] = true
		return nil
	}
	vector := func(n int) func([]int) bool {
		return func(t []int) bool { return len(t) > 0 && t[0] == n && elementsOf(t) == n }
	}
	var names []string
	for _, norm := range []string{b.norm, b.before} {
		if norm != "" {
			names = append(names, norm+".weight", norm+".bias", norm+".running_mean", norm+".running_var")
		}
	}
	if b.scale != "" {
		names = append(names, b.scale)
	}
	size := shape[0]
	if b.before != "" {
		size = shape[1]
	}
	for _, name := range names {
		if err := need(name, vector(size)); err != nil {
			return err
		}
	}
	if b.conv == "" {
		return nil
	}
	if bias := b.conv + ".bias"; b.biased || f.first(bias) != "" {
		if err := need(bias, vector(shape[0])); err != nil {
			return err
		}
	}
	return need(b.conv+".weight", func(t []int) bool {
		return len(t) == len(shape) && t[0] == shape[0] && t[1] == shape[1] &&
			(len(t) == 2 || centered(t[2], shape[2]) && centered(t[3], shape[3]))
	})
}

// centered reports whether a kernel can be in the center of a larger one.
func centered(size, large int) bool { return size >= 1 && size <= large && (large-size)%2 == 0 }

func elementsOf(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// values reads a tensor.
func (f *folding) values(name string) ([]float64, error) {
	t, err := f.tensors[name].read()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	data, err := t.Float32s()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out, nil
}

// affine is y = factor·x + offset for each channel.
type affine struct{ factor, offset []float64 }

// batchNormEps is what batch norms add to the variance.
const batchNormEps = 1e-5

// norm returns the batch norm of n channels under a prefix as factors and offsets; without a
// prefix, they change nothing.
func (f *folding) norm(prefix string, n int) (a affine, err error) {
	a.factor, a.offset = slices.Repeat([]float64{1}, n), make([]float64, n)
	if prefix == "" {
		return a, nil
	}
	var parts [4][]float64
	for i, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		if parts[i], err = f.values(prefix + "." + name); err != nil {
			return a, err
		}
	}
	for i := range n {
		a.factor[i] = parts[0][i] / math.Sqrt(parts[3][i]+batchNormEps)
		a.offset[i] = parts[1][i] - parts[2][i]*a.factor[i]
	}
	return a, nil
}

// add adds a branch to a layer.
func (f *folding) add(s *sum, b branch) error {
	after, err := f.norm(b.norm, s.out)
	if err != nil {
		return err
	}
	if b.scale != "" {
		scale, err := f.values(b.scale)
		if err != nil {
			return err
		}
		for i, v := range scale {
			after.factor[i] *= v
			after.offset[i] *= v
		}
	}
	if b.minus {
		for i := range after.factor {
			after.factor[i], after.offset[i] = -after.factor[i], -after.offset[i]
		}
	}
	part, err := f.convolution(s, b)
	if err != nil {
		return err
	}
	for o, factor := range after.factor {
		s.bias[o] += factor*part.bias[o] + after.offset[o]
		if s.weight != nil {
			s.addKernels(o, factor, part)
		}
	}
	return nil
}

// addKernels adds the kernels of output channel o of another convolution, in the center of those
// of s.
func (s *sum) addKernels(o int, factor float64, part *sum) {
	size, large := part.height*part.width, s.height*s.width
	to := s.weight[o*s.in*large : (o+1)*s.in*large]
	from := part.weight[o*part.in*size : (o+1)*part.in*size]
	if size == large {
		for i, v := range from {
			to[i] += factor * v
		}
		return
	}
	top, left := (s.height-part.height)/2, (s.width-part.width)/2
	for i, v := range from {
		in, y, x := i/size, i/part.width%part.height, i%part.width
		to[(in*s.height+y+top)*s.width+x+left] += factor * v
	}
}

// convolution reads the convolution of a branch of s, without its norm. It has no weight if
// none is needed.
func (f *folding) convolution(s *sum, b branch) (*sum, error) {
	if b.conv == "" {
		one := newSum([]int{s.out, s.in})
		one.weight = make([]float64, one.out*one.in)
		for o := range one.out {
			one.weight[o*one.in+o%one.in] = 1
		}
		return one, nil
	}
	part := newSum(f.tensors[b.conv+".weight"].shape)
	var err error
	if s.weight != nil || b.before != "" {
		if part.weight, err = f.values(b.conv + ".weight"); err != nil {
			return nil, err
		}
	}
	if bias := f.first(b.conv + ".bias"); bias != "" {
		if part.bias, err = f.values(bias); err != nil {
			return nil, err
		}
	}
	if b.before == "" {
		return part, nil
	}
	before, err := f.norm(b.before, part.in)
	if err != nil {
		return nil, err
	}
	for i := range part.weight {
		part.bias[i/part.in] += part.weight[i] * before.offset[i%part.in]
		part.weight[i] *= before.factor[i%part.in]
	}
	return part, nil
}
