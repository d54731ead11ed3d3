package compute

func at(list []int32, i int) int {
	if list == nil {
		return i
	}
	return int(list[i])
}

// pairs is how many row pairs two lists name.
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

func (c *CPU) Gather(dst Matrix, to []int32, src Matrix, from []int32) {
	c.blocks(pairs(dst, to, src, from), grainFor(src.Cols), func(_, a, b int) {
		for i := a; i < b; i++ {
			copy(dst.row(at(to, i)), src.row(at(from, i)))
		}
	})
}

func (c *CPU) ScatterAdd(dst Matrix, to []int32, src Matrix, from []int32) {
	n := pairs(dst, to, src, from)
	// Rows may repeat: workers share out the columns.
	c.blocks(src.Cols, max(16, 4096/max(n, 1)), func(_, a, b int) {
		for i := range n {
			axpy(dst.row(at(to, i))[a:b], 1, src.row(at(from, i))[a:b])
		}
	})
}

func (c *CPU) Add(dst, src Matrix) {
	need(dst, src)
	c.blocks(dst.Rows, grainFor(dst.Cols), func(_, a, b int) {
		for i := a; i < b; i++ {
			axpy(dst.row(i), 1, src.row(i))
		}
	})
}

func (c *CPU) AddCycle(dst, src Matrix) {
	c.blocks(dst.Rows, grainFor(dst.Cols), func(_, a, b int) {
		for i := a; i < b; i++ {
			axpy(dst.row(i), 1, src.row(i%src.Rows))
		}
	})
}

func (c *CPU) AddCycleGrad(src, dst Matrix) {
	c.blocks(src.Rows, 1, func(_, a, b int) {
		for r := a; r < b; r++ {
			for i := r; i < dst.Rows; i += src.Rows {
				axpy(src.row(r), 1, dst.row(i))
			}
		}
	})
}

func (c *CPU) Scale(dst Matrix, by float32) {
	c.blocks(dst.Rows, grainFor(dst.Cols), func(_, a, b int) {
		for i := a; i < b; i++ {
			row := dst.row(i)
			for j := range row {
				row[j] *= by
			}
		}
	})
}

func (c *CPU) Mean(dst, src Matrix, ranges []Range) {
	c.blocks(len(ranges), 1, func(_, a, b int) {
		for i := a; i < b; i++ {
			r, d := ranges[i], dst.row(i)
			clear(d)
			for j := r.From; j < r.To; j++ {
				axpy(d, 1, src.row(j))
			}
			for j := range d {
				d[j] /= float32(r.To - r.From)
			}
		}
	})
}

func (c *CPU) MeanGrad(dsrc, ddst Matrix, ranges []Range) {
	// Ranges may overlap: workers share out the columns.
	c.blocks(dsrc.Cols, 16, func(_, a, b int) {
		for i, r := range ranges {
			for j := r.From; j < r.To; j++ {
				axpy(dsrc.row(j)[a:b], 1/float32(r.To-r.From), ddst.row(i)[a:b])
			}
		}
	})
}
