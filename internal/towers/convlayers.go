package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// layer returns a linear layer with a bias.
func layer(b *nn.Builder, name string, out, in int) *nn.Linear {
	return b.Linear(name+".weight", name+".bias", out, in)
}

// changed returns a builder that reads one tensor through f.
func changed(b *nn.Builder, name string, f func([]float32) []float32) *nn.Builder {
	c := *b
	c.Source = func(n string) []float32 {
		if n == name {
			return f(b.Source(n))
		}
		return b.Source(n)
	}
	return &c
}

// part returns a builder that reads the rows from..to-1 of a layer's rows.
func part(b *nn.Builder, name string, from, to, rows int) *nn.Builder {
	cut := func(x []float32) []float32 { return x[len(x)/rows*from : len(x)/rows*to] }
	return changed(changed(b, name+".weight", cut), name+".bias", cut)
}

// order is the order of the output channels of a depthwise convolution: entry i is the index
// in files of channel i. Channels that are computed from the same inputs are next to each other
// in files; here the first output of every input comes first, then the second ones.
type order []int

func newOrder(in, out int) order {
	o := make(order, out)
	for i := range o {
		o[i] = i%in*(out/in) + i/in
	}
	return o
}

// columns returns a builder that reads a tensor [n,len(o)] with its columns in this order.
func (o order) columns(b *nn.Builder, name string) *nn.Builder {
	return changed(b, name, func(x []float32) []float32 {
		y := make([]float32, len(x))
		for i := range y {
			y[i] = x[i/len(o)*len(o)+o[i%len(o)]]
		}
		return y
	})
}

// rows returns a builder that reads a tensor [len(o),n] with its rows in this order.
func (o order) rows(b *nn.Builder, name string) *nn.Builder {
	return changed(b, name, func(x []float32) []float32 {
		n, y := len(x)/len(o), make([]float32, 0, len(x))
		for _, from := range o {
			y = append(y, x[from*n:(from+1)*n]...)
		}
		return y
	})
}

// spatial is a depthwise convolution: each input channel is the input of channels/inputs
// output channels.
type spatial struct {
	device           compute.Device
	window           compute.Window
	inputs, channels int
	order            order
	taps, bias       compute.Matrix // [kernel²,channels], [1,channels]
}

// newSpatial returns the convolution of the tensors name.weight [out,1,kernel,kernel], or
// [out,1,1,kernel] of lines, and name.bias [out].
func newSpatial(b *nn.Builder, name string, w compute.Window, in, out int) *spatial {
	s := &spatial{device: b.Device, window: w, inputs: in, channels: out, order: newOrder(in, out)}
	weight, n := s.order.rows(b, name+".weight").Source(name+".weight"), w.Area(w.Kernel)
	taps := make([]float32, len(weight))
	for i, v := range weight {
		taps[i%n*out+i/n] = v
	}
	s.taps, s.bias = b.Device.New(n, out), b.Device.New(1, out)
	b.Device.Upload(s.taps, taps)
	b.Device.Upload(s.bias, s.order.rows(b, name+".bias").Source(name+".bias"))
	return s
}

func (s *spatial) forward(y, x compute.Matrix, act compute.Activation) {
	for from := 0; from < s.channels; from += s.inputs {
		to := from + s.inputs
		s.device.Depthwise(y.ColRange(from, to), x, s.taps.ColRange(from, to), s.bias.ColRange(from, to), s.window, act)
	}
}

// excitation multiplies the channels of an image by factors that depend on their means
// (Hu et al. 2018).
type excitation struct {
	device          compute.Device
	squeeze, expand *nn.Linear
	hidden          int
}

// newExcitation returns nil if hidden is 0.
func newExcitation(b *nn.Builder, name string, channels, hidden int, o order) *excitation {
	if hidden == 0 {
		return nil
	}
	exact := *b
	exact.Forms = compute.Forward
	squeeze, expand := name+".se.fc1", name+".se.fc2"
	return &excitation{device: b.Device, hidden: hidden,
		squeeze: layer(o.columns(&exact, squeeze+".weight"), squeeze, hidden, channels),
		expand:  layer(o.rows(o.rows(&exact, expand+".weight"), expand+".bias"), expand, channels, hidden)}
}

// forward writes x = act(x·factors) for the rows x of n images.
func (e *excitation) forward(x compute.Matrix, n int, act compute.Activation) {
	d := e.device
	defer d.Release(d.Mark())
	mean, hidden, gates := d.Temp(n, x.Cols), d.Temp(n, e.hidden), d.Temp(n, x.Cols)
	d.Mean(mean, x, parts(x.Rows, n))
	e.squeeze.Forward(hidden, mean, compute.Identity, compute.Matrix{})
	d.Rectify(hidden)
	e.expand.Forward(gates, hidden, compute.Identity, compute.Matrix{})
	d.Gate(x, x, gates, act)
}
