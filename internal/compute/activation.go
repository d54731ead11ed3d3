package compute

import "math"

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func activate(x float32, act Activation) float32 {
	switch act {
	case QuickGELU:
		return x * sigmoid(1.702*x)
	case GELU:
		return float32(0.5 * float64(x) * (1 + math.Erf(float64(x)/math.Sqrt2)))
	}
	return x
}

// slope is the derivative of activate.
func slope(x float32, act Activation) float32 {
	switch act {
	case QuickGELU:
		s := sigmoid(1.702 * x)
		return s * (1 + 1.702*x*(1-s))
	case GELU:
		v := float64(x)
		return float32(0.5*(1+math.Erf(v/math.Sqrt2)) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	}
	return 1
}

func (c *CPU) Activate(y, x Matrix, act Activation) {
	need(y, x)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d := y.row(i)
			for j, v := range x.row(i) {
				d[j] = activate(v, act)
			}
		}
	})
}

func (c *CPU) ActivateGrad(dx, dy, x Matrix, act Activation) {
	need(dx, dy)
	need(dx, x)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d, g := dx.row(i), dy.row(i)
			for j, v := range x.row(i) {
				d[j] = g[j] * slope(v, act)
			}
		}
	})
}
