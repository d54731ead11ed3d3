package compute

func (c *CPU) Multiply(dst, src Matrix) {
	need(dst, src)
	c.job = job{y: dst.open(), x: src.open()}
	c.blocks(dst.Rows, grainFor(dst.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			y, x := c.job.y.row(i), c.job.x.row(i)
			x = x[:len(y)]
			for j := range y {
				y[j] *= x[j]
			}
		}
	})
}

func (c *CPU) Rotate(x, table Matrix, rows []int32) {
	if table.Cols < 1 || x.Cols%table.Cols != 0 || rows != nil && len(rows) != x.Rows {
		panic("compute: rotation of a matrix of an incompatible shape")
	}
	c.job = job{y: x.open(), u: table.open(), from: rows}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			row, turn := j.y.row(i), j.u.row(at(j.from, i)%j.u.Rows)
			w := len(turn) / 2
			for ; len(row) > 0; row = row[2*w:] {
				rotate(row[:2*w], turn[:w], turn[w:])
			}
		}
	})
}

// rotate turns pairs of elements of x.
func rotate(x, cosines, sines []float32) {
	sines = sines[:len(cosines)]
	x = x[:2*len(cosines)]
	for k, c := range cosines {
		s, u, v := sines[k], x[2*k], x[2*k+1]
		x[2*k], x[2*k+1] = u*c-v*s, u*s+v*c
	}
}
