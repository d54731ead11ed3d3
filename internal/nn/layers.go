package nn

import "github.com/clipcue/clipcue/internal/compute"

// Source returns the initial values of a tensor by name. The names and shapes have
// been checked before.
type Source func(name string) []float32

// Builder creates layers from named tensors. Their parameters are added to Params;
// if Params is nil, the layers are frozen.
type Builder struct {
	Device compute.Device
	Source Source
	Params *Params
	// Forms are the products that frozen weights are packed for; learnable ones
	// are packed for both. With ForwardInt8 blocks are smoothed first.
	Forms compute.Form
}

func (b *Builder) forms() compute.Form {
	if b.Params != nil {
		return compute.Forward | compute.Backward
	}
	return b.Forms
}

// Linear is y = act(x·wᵀ + bias) + residual with w [Out,In].
type Linear struct {
	device          compute.Device
	weight          *compute.Weight
	bias            compute.Matrix // zero if there is none
	gradW, gradBias compute.Matrix // zero when frozen
}

// Linear returns a layer of the tensors weight [out,in] and bias [out]; bias may
// be "".
func (b *Builder) Linear(weight, bias string, out, in int) *Linear {
	return b.linears(weight, bias, in, out)[0]
}

// linears returns one layer per out, of consecutive rows of one weight and bias.
func (b *Builder) linears(weight, bias string, in int, outs ...int) []*Linear {
	total := 0
	for _, o := range outs {
		total += o
	}
	var w, wg, c, cg compute.Matrix
	if b.Params != nil {
		p := b.Params.Add(weight, b.Source(weight), total, in)
		w, wg = p.Value, p.Grad
		if bias != "" {
			p = b.Params.Add(bias, b.Source(bias), total)
			c, cg = p.Value, p.Grad
		}
	} else {
		defer b.Device.Release(b.Device.Mark())
		w = b.Device.Temp(total, in)
		b.Device.Upload(w, b.Source(weight))
		if bias != "" {
			c = b.Device.New(1, total)
			b.Device.Upload(c, b.Source(bias))
		}
	}
	layers, at := make([]*Linear, len(outs)), 0
	for i, o := range outs {
		rows := w.RowRange(at, at+o)
		l := &Linear{device: b.Device, weight: b.Device.Pack(rows, b.forms())}
		if bias != "" {
			l.bias = c.ColRange(at, at+o)
		}
		if b.Params != nil {
			l.gradW = wg.RowRange(at, at+o)
			if bias != "" {
				l.gradBias = cg.ColRange(at, at+o)
			}
			b.Params.OnChange(func() { b.Device.Repack(l.weight, rows) })
		}
		layers[i], at = l, at+o
	}
	return layers
}

// Trainable reports whether the layer's weights are learned. Backward then needs the
// layer's input.
func (l *Linear) Trainable() bool { return !l.gradW.IsZero() }

// Forward writes y [n,Out].
func (l *Linear) Forward(y, x compute.Matrix, act compute.Activation, residual compute.Matrix) {
	l.device.Linear(y, x, l.weight, compute.Epilogue{Bias: l.bias, Act: act, Residual: residual})
}

// MLP writes y = down(act(up(x))) + residual for two layers.
func MLP(y, x compute.Matrix, up, down *Linear, act compute.Activation, residual compute.Matrix) {
	up.device.MLP(y, x, up.weight, down.weight, compute.Epilogue{Bias: up.bias, Act: act}, compute.Epilogue{Bias: down.bias, Residual: residual})
}

// Backward writes dx = dy·w, added to dx if accumulate and not at all if dx is
// zero, and adds to the gradients of the weights when they are learned; x is the
// input of Forward.
func (l *Linear) Backward(dx, dy, x compute.Matrix, accumulate bool) {
	if l.Trainable() {
		l.device.MulTN(l.gradW, dy, x, 1, true)
		if !l.gradBias.IsZero() {
			l.device.SumRows(l.gradBias, dy)
		}
	}
	if !dx.IsZero() {
		l.device.InputGrad(dx, dy, l.weight, accumulate)
	}
}

// LayerNorm normalizes each row and scales it by gamma and beta [D].
type LayerNorm struct {
	device        compute.Device
	eps           float32
	gamma, beta   compute.Matrix
	dgamma, dbeta compute.Matrix // zero when frozen
}

// LayerNorm returns a norm over rows of width d from name.weight and name.bias.
func (b *Builder) LayerNorm(name string, d int, eps float32) *LayerNorm {
	n := &LayerNorm{device: b.Device, eps: eps}
	n.gamma, n.dgamma = b.Vector(name+".weight", d)
	n.beta, n.dbeta = b.Vector(name+".bias", d)
	return n
}

// Vector returns the tensor name [d] as one row, and its gradient if it is learned.
func (b *Builder) Vector(name string, d int) (value, grad compute.Matrix) {
	return b.table(name, 1, d, d)
}

// Table returns the tensor name [rows,cols], and its gradient if it is learned.
func (b *Builder) Table(name string, rows, cols int) (value, grad compute.Matrix) {
	return b.table(name, rows, cols, rows, cols)
}

func (b *Builder) table(name string, rows, cols int, shape ...int) (value, grad compute.Matrix) {
	if b.Params != nil {
		p := b.Params.Add(name, b.Source(name), shape...)
		return p.Value, p.Grad
	}
	value = b.Device.New(rows, cols)
	b.Device.Upload(value, b.Source(name))
	return value, compute.Matrix{}
}

// Forward writes y [n,D].
func (n *LayerNorm) Forward(y, x compute.Matrix) {
	n.device.LayerNorm(y, x, n.gamma, n.beta, n.eps)
}

// Backward writes dx, added to dx if accumulate; x is the input of Forward.
func (n *LayerNorm) Backward(dx, dy, x compute.Matrix, accumulate bool) {
	n.device.LayerNormGrad(dx, dy, x, n.gamma, n.eps, accumulate, n.dgamma, n.dbeta)
}
