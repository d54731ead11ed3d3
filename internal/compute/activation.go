package compute

func (c *CPU) Activate(y, x Matrix, act Activation) {
	need(y, x)
	if act == Identity {
		c.Copy(y, x)
		return
	}
	c.job = job{y: y.open(), x: x.open(), act: act}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, w *worker, item int) {
		from, to := c.part(item)
		y, x := c.job.y, c.job.x
		// One row per call: goroutines cannot be preempted in assembly, so calls are short.
		for i := from; i < to && x.Cols > 0; i++ {
			w.finish = tile{a: x.at(i, 0), c: y.at(i, 0), rows: 1, cols: x.Cols}
			c.kernels.finish[c.job.act](&w.finish)
		}
	})
}

func (c *CPU) ActivateGrad(dx, dy, x Matrix, act Activation) {
	need(dx, dy)
	need(dx, x)
	if act == Identity {
		c.Copy(dx, dy)
		return
	}
	c.job = job{y: dx.open(), u: dy.open(), x: x.open(), act: act}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.activateGrad[j.act](j.y.row(i), j.u.row(i), j.x.row(i))
		}
	})
}
