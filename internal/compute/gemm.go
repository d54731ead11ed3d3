package compute

import "fmt"

// nr is the width of a panel: so many columns of the product are made at once.
const nr = 4

// panels hold a matrix B [k,n] as ceil(n/nr) panels of [k][nr], the last padded
// with zeros, so that the inner loop reads it in order.
type panels struct {
	n, k int
	data []float32
}

func panelFloats(n, k int) int { return (n + nr - 1) / nr * nr * k }

// packTransposed fills p with B = wᵀ for w [n,k].
func (c *CPU) packTransposed(p *panels, w Matrix) {
	p.n, p.k = w.Rows, w.Cols
	c.blocks((p.n+nr-1)/nr, 4, func(_, from, to int) {
		for j := from; j < to; j++ {
			panel := p.data[j*nr*p.k : (j+1)*nr*p.k]
			for r := range nr {
				if j*nr+r >= p.n {
					for i := r; i < len(panel); i += nr {
						panel[i] = 0
					}
					continue
				}
				for i, v := range w.row(j*nr + r) {
					panel[i*nr+r] = v
				}
			}
		}
	})
}

// packPlain fills p with B = b for b [k,n].
func (c *CPU) packPlain(p *panels, b Matrix) {
	p.n, p.k = b.Cols, b.Rows
	c.blocks((p.n+nr-1)/nr, 4, func(_, from, to int) {
		for j := from; j < to; j++ {
			panel := p.data[j*nr*p.k : (j+1)*nr*p.k]
			width := min(nr, p.n-j*nr)
			for i := range p.k {
				d := panel[i*nr : (i+1)*nr]
				clear(d[copy(d, b.row(i)[j*nr:j*nr+width]):])
			}
		}
	})
}

func (c *CPU) Pack(w Matrix, forms Form) *Weight {
	p := &Weight{Out: w.Rows, In: w.Cols, forms: forms}
	if forms&Forward != 0 {
		p.forward.data = make([]float32, panelFloats(w.Rows, w.Cols))
	}
	if forms&Backward != 0 {
		p.backward.data = make([]float32, panelFloats(w.Cols, w.Rows))
	}
	c.Repack(p, w)
	return p
}

func (c *CPU) Repack(dst *Weight, w Matrix) {
	if w.Rows != dst.Out || w.Cols != dst.In {
		panic("compute: repack with another shape")
	}
	if dst.forms&Forward != 0 {
		c.packTransposed(&dst.forward, w)
	}
	if dst.forms&Backward != 0 {
		c.packPlain(&dst.backward, w)
	}
}

// after is what happens to a tile of the product before it is stored.
type after struct {
	Epilogue
	alpha float32
}

func (c *CPU) Linear(y, x Matrix, w *Weight, e Epilogue) {
	if w.forms&Forward == 0 {
		panic("compute: weight is not packed for Linear")
	}
	c.gemm(y, x, &w.forward, after{e, 1})
}

func (c *CPU) InputGrad(dx, dy Matrix, w *Weight, accumulate bool) {
	if w.forms&Backward == 0 {
		panic("compute: weight is not packed for InputGrad")
	}
	c.gemm(dx, dy, &w.backward, afterFor(dx, 1, accumulate))
}

func afterFor(dst Matrix, alpha float32, accumulate bool) after {
	a := after{alpha: alpha}
	if accumulate {
		a.Residual = dst
	}
	return a
}

func (c *CPU) MulNT(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	p := panels{data: c.arena.alloc(panelFloats(b.Rows, b.Cols))}
	c.packTransposed(&p, b)
	c.gemm(dst, a, &p, afterFor(dst, alpha, accumulate))
}

func (c *CPU) MulNN(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	p := panels{data: c.arena.alloc(panelFloats(b.Cols, b.Rows))}
	c.packPlain(&p, b)
	c.gemm(dst, a, &p, afterFor(dst, alpha, accumulate))
}

func (c *CPU) MulTN(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	t := c.Temp(a.Cols, a.Rows)
	c.transpose(t, a)
	c.MulNN(dst, t, b, alpha, accumulate)
}

func (c *CPU) transpose(dst, src Matrix) {
	const tile = 16
	c.blocks((src.Cols+tile-1)/tile, 1, func(_, from, to int) {
		for j0 := from * tile; j0 < min(to*tile, src.Cols); j0 += tile {
			for i0 := 0; i0 < src.Rows; i0 += tile {
				for i := i0; i < min(i0+tile, src.Rows); i++ {
					row := src.row(i)
					for j := j0; j < min(j0+tile, src.Cols); j++ {
						dst.data[j*dst.stride+i] = row[j]
					}
				}
			}
		}
	})
}

// gemm writes y [m,n] = act(alpha·x [m,k]·B + bias) + residual.
func (c *CPU) gemm(y, x Matrix, b *panels, a after) {
	if y.Rows != x.Rows || x.Cols != b.k || y.Cols != b.n {
		panic(fmt.Sprintf("compute: product [%d,%d]·[%d,%d] to [%d,%d]", x.Rows, x.Cols, b.k, b.n, y.Rows, y.Cols))
	}
	if !a.Residual.IsZero() {
		need(y, a.Residual)
	}
	if !a.Bias.IsZero() && a.Bias.Cols != b.n {
		panic("compute: bias of another width")
	}
	const rows = 64 // rows of x that stay in the second-level cache
	np := (b.n + nr - 1) / nr
	mb := (x.Rows + rows - 1) / rows
	nb := 1
	for mb*nb < 4*c.threads && nb < (np+7)/8 {
		nb++
	}
	c.parallel(mb*nb, func(_, item int) {
		i0, i1 := x.Rows*(item/nb)/mb, x.Rows*(item/nb+1)/mb
		for j := np * (item % nb) / nb; j < np*(item%nb+1)/nb; j++ {
			panel := b.data[j*nr*b.k : (j+1)*nr*b.k]
			j0, j1 := j*nr, min((j+1)*nr, b.n)
			i := i0
			for ; i+1 < i1; i += 2 {
				var t [2][nr]float32
				tile2(&t, x.row(i), x.row(i+1), panel)
				finish(y.row(i)[j0:j1], &t[0], &a, i, j0)
				finish(y.row(i + 1)[j0:j1], &t[1], &a, i+1, j0)
			}
			if i < i1 {
				var t [2][nr]float32
				tile2(&t, x.row(i), x.row(i), panel)
				finish(y.row(i)[j0:j1], &t[0], &a, i, j0)
			}
		}
	})
}

// tile2 multiplies two rows by a panel.
func tile2(t *[2][nr]float32, a, b, panel []float32) {
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	b = b[:len(a)]
	for k, x := range a {
		p := (*[nr]float32)(panel)
		y := b[k]
		a0 += x * p[0]
		a1 += x * p[1]
		a2 += x * p[2]
		a3 += x * p[3]
		b0 += y * p[0]
		b1 += y * p[1]
		b2 += y * p[2]
		b3 += y * p[3]
		panel = panel[nr:]
	}
	*t = [2][nr]float32{{a0, a1, a2, a3}, {b0, b1, b2, b3}}
}

func finish(dst []float32, t *[nr]float32, a *after, i, j0 int) {
	for j := range dst {
		v := t[j] * a.alpha
		if !a.Bias.IsZero() {
			v += a.Bias.data[j0+j]
		}
		v = activate(v, a.Act)
		if !a.Residual.IsZero() {
			v += a.Residual.row(i)[j0+j]
		}
		dst[j] = v
	}
}

func (c *CPU) SumRows(dst, x Matrix) {
	if dst.Rows != 1 || dst.Cols != x.Cols {
		panic("compute: sum of rows to another width")
	}
	d := dst.row(0)
	c.blocks(x.Cols, 64, func(_, from, to int) {
		for i := range x.Rows {
			for j, v := range x.row(i)[from:to] {
				d[from+j] += v
			}
		}
	})
}
