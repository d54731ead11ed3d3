package compute

import "math"

func (c *CPU) LayerNorm(y, x, gamma, beta Matrix, eps float32) {
	need(y, x)
	c.job = job{y: y.open(), x: x.open(), u: gamma.open(), v: beta.open(), eps: eps}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.layerNorm(j.y.row(i), j.x.row(i), j.u.row(0), j.v.row(0), j.eps)
		}
	})
}

func (c *CPU) LayerNormGrad(dx, dy, x, gamma Matrix, eps float32, accumulate bool, dgamma, dbeta Matrix) {
	need(dx, dy)
	need(dx, x)
	defer c.Release(c.Mark())
	stats := c.Temp(x.Rows, 2)
	c.job = job{y: dx.open(), u: dy.open(), x: x.open(), v: gamma.open(), w: stats.open(), eps: eps}
	if accumulate {
		c.job.scale = 1
	}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.layerNormGrad(j.y.row(i), j.u.row(i), j.x.row(i), j.v.row(0), j.w.row(i), j.eps, j.scale)
		}
	})
	if dgamma.IsZero() {
		return
	}
	c.job = job{y: dgamma.open(), v: dbeta.open(), u: dy.open(), x: x.open(), w: stats.open()}
	c.blocks(x.Cols, 128, func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		dg, db := j.y.row(0)[from:to], j.v.row(0)[from:to]
		for i := range j.x.Rows {
			stats := j.w.row(i)
			c.kernels.normParamGrad(dg, db, j.u.row(i)[from:to], j.x.row(i)[from:to], stats[0], stats[1])
		}
	})
}

// rowDot returns the dot product of two rows.
func (k *kernels) rowDot(x, y []float32) float64 {
	sum := k.dot(x, y)
	for i := len(x) &^ 15; i < len(x); i++ {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}

// length returns a row's L2 norm, at least 1e-12 as in PyTorch's F.normalize.
func (k *kernels) length(x []float32) float32 {
	return float32(max(math.Sqrt(k.rowDot(x, x)), 1e-12))
}

func (c *CPU) Normalize(y, x Matrix) {
	need(y, x)
	c.job = job{y: y.open(), x: x.open()}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			x := c.job.x.row(i)
			c.kernels.scale(c.job.y.row(i), x, 1/c.kernels.length(x))
		}
	})
}

func (c *CPU) NormalizeGrad(dx, dy, x Matrix) {
	need(dx, dy)
	need(dx, x)
	c.job = job{y: dx.open(), u: dy.open(), x: x.open()}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			d, up, x := c.job.y.row(i), c.job.u.row(i), c.job.x.row(i)
			// With y = x/n: dx = (dy - (dy·y)·y)/n.
			n := c.kernels.length(x)
			along := c.kernels.rowDot(up, x) / float64(n)
			for j, v := range x {
				d[j] = (up[j] - float32(along)*(v/n)) / n
			}
		}
	})
}
