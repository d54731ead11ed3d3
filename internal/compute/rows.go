package compute

func at(list []int32, i int) int {
	if list == nil {
		return i
	}
	return int(list[i])
}

// pairs returns the number of row pairs in two lists.
func pairs(dst Matrix, to []int32, src Matrix, from []int32) int {
	switch {
	case to != nil && from != nil && len(to) != len(from):
		panic("compute: row lists of different lengths")
	case to != nil:
		return len(to)
	case from != nil:
		return len(from)
	}
	return src.Rows
}

func (c *CPU) Copy(dst, src Matrix) {
	need(dst, src)
	c.Gather(dst, nil, src, nil)
}

func (c *CPU) Zero(dst Matrix) {
	c.job = job{y: dst.open()}
	c.blocks(dst.Rows, grainFor(dst.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			clear(c.job.y.row(i))
		}
	})
}

func (c *CPU) Gather(dst Matrix, to []int32, src Matrix, from []int32) {
	c.job = job{y: dst.open(), x: src.open(), to: to, from: from}
	c.blocks(pairs(dst, to, src, from), grainFor(src.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		a, b := c.part(item)
		for i := a; i < b; i++ {
			copy(j.y.row(at(j.to, i)), j.x.row(at(j.from, i)))
		}
	})
}

func (c *CPU) ScatterAdd(dst Matrix, to []int32, src Matrix, from []int32) {
	n := pairs(dst, to, src, from)
	c.job = job{y: dst.open(), x: src.open(), to: to, from: from, size: n}
	// Rows may repeat, so the columns are divided between the workers.
	c.blocks(src.Cols, max(64, 16384/max(n, 1)), func(c *CPU, _ *worker, item int) {
		j := &c.job
		a, b := c.part(item)
		for i := range j.size {
			c.kernels.axpy(j.y.row(at(j.to, i))[a:b], j.x.row(at(j.from, i))[a:b], 1)
		}
	})
}

func (c *CPU) Add(dst, src Matrix) {
	need(dst, src)
	c.AddCycle(dst, src)
}

func (c *CPU) AddCycle(dst, src Matrix) {
	c.job = job{y: dst.open(), x: src.open()}
	c.blocks(dst.Rows, grainFor(dst.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.axpy(c.job.y.row(i), c.job.x.row(i%c.job.x.Rows), 1)
		}
	})
}

func (c *CPU) AddCycleGrad(src, dst Matrix) {
	c.job = job{y: src.open(), x: dst.open()}
	c.blocks(src.Rows, 1, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for r := from; r < to; r++ {
			for i := r; i < c.job.x.Rows; i += c.job.y.Rows {
				c.kernels.axpy(c.job.y.row(r), c.job.x.row(i), 1)
			}
		}
	})
}

func (c *CPU) Scale(dst Matrix, by float32) {
	c.job = job{y: dst.open(), scale: by}
	c.blocks(dst.Rows, grainFor(dst.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.scale(c.job.y.row(i), c.job.y.row(i), c.job.scale)
		}
	})
}

func (c *CPU) Mean(dst, src Matrix, ranges []Range) {
	c.job = job{y: dst.open(), x: src.open(), ranges: ranges}
	c.blocks(len(ranges), 1, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			r, d := c.job.ranges[i], c.job.y.row(i)
			clear(d)
			for j := r.From; j < r.To; j++ {
				c.kernels.axpy(d, c.job.x.row(j), 1)
			}
			c.kernels.scale(d, d, 1/float32(r.To-r.From))
		}
	})
}

func (c *CPU) MeanGrad(dsrc, ddst Matrix, ranges []Range) {
	c.job = job{y: dsrc.open(), x: ddst.open(), ranges: ranges}
	// Ranges may overlap, so the columns are divided between the workers.
	c.blocks(dsrc.Cols, 64, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i, r := range c.job.ranges {
			for j := r.From; j < r.To; j++ {
				c.kernels.axpy(c.job.y.row(j)[from:to], c.job.x.row(i)[from:to], 1/float32(r.To-r.From))
			}
		}
	})
}
