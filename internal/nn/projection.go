package nn

import "github.com/clipcue/clipcue/internal/compute"

// Projection is y = x·p with p [In,Out], the layout of CLIP's final projections.
type Projection struct {
	device  compute.Device
	p, grad compute.Matrix // grad is zero when frozen
}

// Projection returns a projection of the tensor name [in,out].
func (b *Builder) Projection(name string, in, out int) *Projection {
	p := &Projection{device: b.Device}
	p.p, p.grad = b.Table(name, in, out)
	return p
}

// Forward writes y [n,Out] for x [n,In].
func (p *Projection) Forward(y, x compute.Matrix) { p.device.MulNN(y, x, p.p, 1, false) }

// Backward writes dx [n,In]; x is the input of Forward.
func (p *Projection) Backward(dx, dy, x compute.Matrix) {
	if !p.grad.IsZero() {
		p.device.MulTN(p.grad, x, dy, 1, true)
	}
	p.device.MulNT(dx, dy, p.p, 1, false)
}
