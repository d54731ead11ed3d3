package compute

import "math"

// moments are a row's mean and the reciprocal of its standard deviation.
func moments(x []float32, eps float32) (mean, inverse float32) {
	var sum, square float64
	for _, v := range x {
		sum += float64(v)
	}
	m := sum / float64(len(x))
	for _, v := range x {
		d := float64(v) - m
		square += d * d
	}
	return float32(m), float32(1 / math.Sqrt(square/float64(len(x))+float64(eps)))
}

func (c *CPU) LayerNorm(y, x, gamma, beta Matrix, eps float32) {
	need(y, x)
	g, b := gamma.row(0), beta.row(0)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d, s := y.row(i), x.row(i)
			mean, inverse := moments(s, eps)
			for j, v := range s {
				d[j] = (v-mean)*inverse*g[j] + b[j]
			}
		}
	})
}

func (c *CPU) LayerNormGrad(dx, dy, x, gamma Matrix, eps float32, accumulate bool, dgamma, dbeta Matrix) {
	need(dx, dy)
	need(dx, x)
	defer c.Release(c.Mark())
	stats := c.Temp(x.Rows, 2)
	g := gamma.row(0)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d, up, s := dx.row(i), dy.row(i), x.row(i)
			mean, inverse := moments(s, eps)
			copy(stats.row(i), []float32{mean, inverse})
			// With n = normalised x and h = dy·gamma:
			// dx = inverse·(h - mean(h) - n·mean(h·n)).
			var h, hn float64
			for j, v := range s {
				t := float64(up[j] * g[j])
				h += t
				hn += t * float64((v-mean)*inverse)
			}
			mh, mhn := float32(h/float64(len(s))), float32(hn/float64(len(s)))
			for j, v := range s {
				t := inverse * (up[j]*g[j] - mh - (v-mean)*inverse*mhn)
				if accumulate {
					t += d[j]
				}
				d[j] = t
			}
		}
	})
	if dgamma.IsZero() {
		return
	}
	dg, db := dgamma.row(0), dbeta.row(0)
	c.blocks(x.Cols, 16, func(_, from, to int) {
		for i := range x.Rows {
			up, s, st := dy.row(i), x.row(i), stats.row(i)
			for j := from; j < to; j++ {
				dg[j] += up[j] * (s[j] - st[0]) * st[1]
				db[j] += up[j]
			}
		}
	})
}

// length is a row's L2 norm, kept away from zero as PyTorch's F.normalize does.
func length(x []float32) float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return float32(max(math.Sqrt(sum), 1e-12))
}

func (c *CPU) Normalize(y, x Matrix) {
	need(y, x)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d, s := y.row(i), x.row(i)
			n := length(s)
			for j, v := range s {
				d[j] = v / n
			}
		}
	})
}

func (c *CPU) NormalizeGrad(dx, dy, x Matrix) {
	need(dx, dy)
	need(dx, x)
	c.blocks(x.Rows, grainFor(x.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			d, up, s := dx.row(i), dy.row(i), x.row(i)
			n := length(s)
			var dot float64
			for j, v := range s {
				dot += float64(up[j]) * float64(v/n)
			}
			for j, v := range s {
				d[j] = (up[j] - float32(dot)*(v/n)) / n
			}
		}
	})
}
