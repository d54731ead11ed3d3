package nn

import "github.com/clipcue/clipcue/internal/compute"

// Projection is y = x·p + bias with p [In,Out], the layout of CLIP's final projections. Without p,
// y is x.
type Projection struct {
	device      compute.Device
	p, grad     compute.Matrix // grad is zero when frozen
	bias, dbias compute.Matrix // zero if there is none
}

// Projection returns a projection of the tensors name [in,out] and bias [out]; either may be "".
func (b *Builder) Projection(name, bias string, in, out int) *Projection {
	p := &Projection{device: b.Device}
	if name != "" {
		p.p, p.grad = b.Table(name, in, out)
	}
	if bias != "" {
		p.bias, p.dbias = b.Vector(bias, out)
	}
	return p
}

// Forward writes y [n,Out] for x [n,In].
func (p *Projection) Forward(y, x compute.Matrix) {
	if p.p.IsZero() {
		p.device.Copy(y, x)
	} else {
		p.device.MulNN(y, x, p.p, 1, false)
	}
	if !p.bias.IsZero() {
		p.device.AddCycle(y, p.bias)
	}
}

// Backward writes dx [n,In]; x is the input of Forward.
func (p *Projection) Backward(dx, dy, x compute.Matrix) {
	if !p.grad.IsZero() {
		p.device.MulTN(p.grad, x, dy, 1, true)
	}
	if !p.dbias.IsZero() {
		p.device.SumRows(p.dbias, dy)
	}
	if p.p.IsZero() {
		p.device.Copy(dx, dy)
		return
	}
	p.device.MulNT(dx, dy, p.p, 1, false)
}
