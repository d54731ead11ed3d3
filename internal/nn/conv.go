package nn

import "github.com/clipcue/clipcue/internal/compute"

// Taps holds the three input rows of each output row of a [Conv]: the row at its
// position and its two neighbors. At the ends of a sequence, the first and the last
// row are repeated.
type Taps struct{ from [3][]int32 }

// NewTaps returns the taps of a convolution over several sequences of rows. stride
// divides their lengths; output row i of a sequence is at its input row stride·i.
func NewTaps(sequences []compute.Range, stride int) *Taps {
	t := &Taps{}
	for _, s := range sequences {
		for i := s.From; i < s.To; i += stride {
			t.from[0] = append(t.from[0], int32(max(i-1, s.From)))
			t.from[1] = append(t.from[1], int32(i))
			t.from[2] = append(t.from[2], int32(min(i+1, s.To-1)))
		}
	}
	return t
}

// Rows returns the number of output rows.
func (t *Taps) Rows() int { return len(t.from[0]) }

// Conv is a convolution over time of three taps, y = w·[x₋₁,x₀,x₁] + bias with w
// [Out,3·In], tap by tap.
type Conv struct {
	linear *Linear
	in     int
}

// Conv returns a convolution of the tensors name.weight [out,3·in] and name.bias
// [out].
func (b *Builder) Conv(name string, out, in int) *Conv {
	return &Conv{linear: b.Linear(name+".weight", name+".bias", out, 3*in), in: in}
}

// Forward writes y [m,Out] for x [n,In] and returns what Backward needs, temporary
// memory of the device.
func (c *Conv) Forward(y, x compute.Matrix, t *Taps) (seen compute.Matrix) {
	d := c.linear.device
	seen = d.Temp(t.Rows(), 3*c.in)
	for k, from := range t.from {
		d.Gather(seen.ColRange(k*c.in, (k+1)*c.in), nil, x, from)
	}
	c.linear.Forward(y, seen, compute.Identity, compute.Matrix{})
	return seen
}

// Backward adds to dx [n,In], unless that is zero, for dy [m,Out], and to the
// gradients of the weights when they are learned; seen is what Forward returned.
func (c *Conv) Backward(dx, dy, seen compute.Matrix, t *Taps) {
	if dx.IsZero() {
		c.linear.Backward(dx, dy, seen, false)
		return
	}
	d := c.linear.device
	defer d.Release(d.Mark())
	dseen := d.Temp(seen.Rows, seen.Cols)
	c.linear.Backward(dseen, dy, seen, false)
	for k, from := range t.from {
		d.ScatterAdd(dx, from, dseen.ColRange(k*c.in, (k+1)*c.in), nil)
	}
}
