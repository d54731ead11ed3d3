package compute

import (
	"fmt"
	"runtime"
	"unsafe"
)

// panels holds a matrix B [k,n] in panels that are as wide as a tile. A panel's k
// rows are contiguous, so the inner loop reads memory in order. The content beyond
// column n in the last panel is undefined.
type panels struct {
	n, k   int
	stride int // floats from panel to panel
	data   []float32
}

func ceil(a, b int) int { return (a + b - 1) / b }

// panelFloats returns the number of floats in the panels of B [k,n].
func (k *kernels) panelFloats(n, depth int) int { return ceil(n, k.cols) * k.cols * depth }

func (k *kernels) panels(data []float32, n, depth int) panels {
	return panels{n: n, k: depth, stride: k.cols * depth, data: data}
}

// putColumns copies the rows of m to the columns at, at+1, … of B.
func (k *kernels) putColumns(b *panels, at int, m view) {
	for r := 0; r < m.Rows; {
		panel, column := (at+r)/k.cols, (at+r)%k.cols
		n := min(k.transposed, k.cols-column, m.Rows-r)
		k.transpose(&b.data[panel*b.stride+column], uintptr(k.cols)*4, (*float32)(m.at(r, 0)), m.pitch(), n, m.Cols)
		r += n
	}
}

// putRows copies the rows of m to the rows at, at+1, … of B, in the panels from..to-1.
func (k *kernels) putRows(b *panels, at int, m view, from, to int) {
	for panel := from; panel < to; panel++ {
		j0, j1 := panel*k.cols, min((panel+1)*k.cols, m.Cols)
		d := b.data[panel*b.stride+at*k.cols:]
		for r := range m.Rows {
			copy(d[r*k.cols:], m.row(r)[j0:j1])
		}
	}
}

// packTransposed fills b with B = wᵀ for w [n,k].
func (c *CPU) packTransposed(b panels, w Matrix) {
	c.job = job{panels: b, x: w.open()}
	c.blocks(ceil(b.n, c.kernels.cols), 1, func(c *CPU, _ *worker, item int) {
		j, width := &c.job, c.kernels.cols
		from, to := c.part(item)
		j0, j1 := from*width, min(to*width, j.x.Rows)
		c.kernels.putColumns(&j.panels, j0, j.x.rows(j0, j1))
	})
}

// packPlain fills b with B = x for x [k,n].
func (c *CPU) packPlain(b panels, x Matrix) {
	c.job = job{panels: b, x: x.open()}
	c.blocks(ceil(b.n, c.kernels.cols), 1, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		c.kernels.putRows(&c.job.panels, 0, c.job.x, from, to)
	})
}

// packedWeight is the CPU's representation of a [Weight].
type packedWeight struct {
	forms             Form
	forward, backward panels
	ints              *intPanels
}

func (c *CPU) Pack(w Matrix, forms Form) *Weight {
	k := c.kernels
	packed := &packedWeight{forms: forms}
	p := &Weight{Out: w.Rows, In: w.Cols, Packed: packed}
	pack := func(n, depth int) panels {
		b := newBlock(k.panelFloats(n, depth))
		runtime.AddCleanup(p, block.free, b)
		return k.panels(b.floats, n, depth)
	}
	if forms&ForwardInt8 != 0 {
		packed.ints = c.newIntPanels(p, w.Rows, w.Cols)
	}
	if forms&Forward != 0 {
		packed.forward = pack(w.Rows, w.Cols)
	}
	if forms&Backward != 0 {
		packed.backward = pack(w.Cols, w.Rows)
	}
	c.Repack(p, w)
	return p
}

func (c *CPU) Repack(dst *Weight, w Matrix) {
	if w.Rows != dst.Out || w.Cols != dst.In {
		panic("compute: repack with a different shape")
	}
	p := dst.Packed.(*packedWeight)
	if p.forms&ForwardInt8 != 0 {
		c.packInts(p.ints, w)
	}
	if p.forms&Forward != 0 {
		c.packTransposed(p.forward, w)
	}
	if p.forms&Backward != 0 {
		c.packPlain(p.backward, w)
	}
	runtime.KeepAlive(dst) // keeps the panels alive
}

func (c *CPU) Linear(y, x Matrix, w *Weight, e Epilogue) {
	switch p := w.Packed.(*packedWeight); {
	case p.forms&ForwardInt8 != 0:
		c.linearInts(y, x, p.ints, e)
	case p.forms&Forward != 0:
		c.multiply(e.product(y, x, p.forward))
	default:
		panic("compute: weight is not packed for Linear")
	}
	runtime.KeepAlive(w)
}

func (c *CPU) InputGrad(dx, dy Matrix, w *Weight, accumulate bool) {
	p := w.Packed.(*packedWeight)
	if p.forms&Backward == 0 {
		panic("compute: weight is not packed for InputGrad")
	}
	c.multiply(onto(dx, accumulate).product(dx, dy, p.backward))
	runtime.KeepAlive(w)
}

// onto returns the epilogue that adds a product to dst if accumulate is set.
func onto(dst Matrix, accumulate bool) (e Epilogue) {
	if accumulate {
		e.Residual = dst
	}
	return e
}

// tempPanels returns panels in temporary memory.
func (c *CPU) tempPanels(n, depth int) panels {
	size := c.kernels.panelFloats(n, depth)
	b, at := c.memory.arena.alloc(size)
	return c.kernels.panels(b.floats[at:at+size:at+size], n, depth)
}

func (c *CPU) MulNT(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	if a.Rows == 1 && dst.Rows == 1 {
		// A search: b is long and read once, so packing it would cost more than the
		// product. cᵀ = b·aᵀ reads it in place.
		column := dst
		column.Rows, column.Cols, column.stride = dst.Cols, 1, 1
		p := c.tempPanels(1, a.Cols)
		c.packTransposed(p, a)
		product := onto(column, accumulate).product(column, b, p)
		product.alpha = alpha
		c.multiply(product)
		return
	}
	p := c.tempPanels(b.Rows, b.Cols)
	c.packTransposed(p, b)
	product := onto(dst, accumulate).product(dst, a, p)
	product.alpha = alpha
	c.multiply(product)
}

func (c *CPU) MulNN(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	p := c.tempPanels(b.Cols, b.Rows)
	c.packPlain(p, b)
	product := onto(dst, accumulate).product(dst, a, p)
	product.alpha = alpha
	c.multiply(product)
}

func (c *CPU) MulTN(dst, a, b Matrix, alpha float32, accumulate bool) {
	defer c.Release(c.Mark())
	t := c.Temp(a.Cols, a.Rows)
	c.job = job{y: t.open(), x: a.open()}
	c.blocks(ceil(a.Rows, c.kernels.transposed), 4, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		step := c.kernels.transposed
		from, to = from*step, min(to*step, c.job.x.Rows)
		c.kernels.transposeTo(c.job.y.cols(from, to), c.job.x.rows(from, to))
	})
	c.MulNN(dst, t, b, alpha, accumulate)
}

// transposeTo writes dst = srcᵀ.
func (k *kernels) transposeTo(dst, src view) {
	for r := 0; r < src.Rows; r += k.transposed {
		n := min(k.transposed, src.Rows-r)
		k.transpose((*float32)(dst.at(0, r)), dst.pitch(), (*float32)(src.at(r, 0)), src.pitch(), n, src.Cols)
	}
}

// product is y [m,n] = act(alpha·x [m,k]·B + bias) + residual.
type product struct {
	y, x           view
	b              panels
	alpha          float32
	act            Activation
	bias, residual view // without memory for none
}

// product returns y = act(x·B + bias) + residual.
func (e Epilogue) product(y, x Matrix, b panels) product {
	return product{y: y.open(), x: x.open(), b: b, alpha: 1, act: e.Act, bias: e.Bias.open(), residual: e.Residual.open()}
}

func (p *product) check() {
	if p.y.Rows != p.x.Rows || p.x.Cols != p.b.k || p.y.Cols != p.b.n {
		panic(fmt.Sprintf("compute: product [%d,%d]·[%d,%d] to [%d,%d]", p.x.Rows, p.x.Cols, p.b.k, p.b.n, p.y.Rows, p.y.Cols))
	}
	if r := p.residual; !r.isZero() && (r.Rows != p.y.Rows || r.Cols != p.y.Cols) {
		panic(fmt.Sprintf("compute: shapes [%d,%d] and [%d,%d] differ", p.y.Rows, p.y.Cols, r.Rows, r.Cols))
	}
	if !p.bias.isZero() && p.bias.Cols != p.b.n {
		panic("compute: the width of the bias differs")
	}
}

// A product is divided into enough items for the workers to finish at nearly the
// same time, but not into items so small that claiming them dominates.
const (
	itemsPerThread = 16
	itemProducts   = 4 << 20
)

// multiply spreads a product over the workers by strips of rows and, where these
// are few, by columns.
func (c *CPU) multiply(p product) {
	p.check()
	if p.y.Rows == 0 || p.y.Cols == 0 {
		return
	}
	c.job = job{product: p}
	c.share(c.kernels.cols, p.b.k)
	c.parallel(c.job.strips*c.job.splits, func(c *CPU, w *worker, item int) {
		i0, i1, j0, j1 := c.shareOf(item, c.kernels.cols)
		w.multiply(c.kernels, &c.job.product, i0, i1, j0, j1)
	})
}

// share chooses the number of row strips and of column splits for the job's
// product, with panels of cols columns.
func (c *CPU) share(cols, depth int) {
	p := &c.job.product
	rows := c.kernels.rows
	tiles, columns := ceil(p.x.Rows, rows), ceil(p.b.n, cols)
	strips, splits := ceil(tiles*rows, max(rows, c.strip.rowsFor(depth))), 1
	if c.threads > 1 {
		items := min(itemsPerThread*c.threads, p.x.Rows*p.b.n*depth/itemProducts)
		if strips > c.threads {
			strips = ceil(strips, c.threads) * c.threads
		}
		if strips < items {
			splits = min(ceil(items, strips), ceil(columns, 2))
		}
		if strips*splits < c.threads {
			strips = min(c.threads, items)
		}
		strips = max(1, min(strips, tiles))
	}
	c.job.strips, c.job.splits = strips, splits
}

// shareOf returns an item's rows i0..i1-1 and panels j0..j1-1.
func (c *CPU) shareOf(item, cols int) (i0, i1, j0, j1 int) {
	j := &c.job
	rows, panels := j.product.x.Rows, ceil(j.product.b.n, cols)
	tiles := ceil(rows, c.kernels.rows)
	strip, split := item/j.splits, item%j.splits
	return rows * (tiles * strip / j.strips) / tiles, rows * (tiles * (strip + 1) / j.strips) / tiles,
		panels * split / j.splits, panels * (split + 1) / j.splits
}

// multiply computes rows i0..i1-1 of the columns in the panels j0..j1-1 of p.
//
// The loop order is panel, then a block of k, then tiles: the block of a panel
// stays in the cache for all tiles, and a tile's sums are stored in the worker's
// memory until the next block. Blocks depend only on k, so the bits of a sum depend
// only on its row and column.
func (w *worker) multiply(k *kernels, p *product, i0, i1, j0, j1 int) {
	if i0 >= i1 {
		return
	}
	blocks := max(1, ceil(p.b.k, k.depth))
	depth := (ceil(p.b.k, blocks) + 3) &^ 3
	tiles := ceil(i1-i0, k.rows)
	sums := w.sums
	if blocks > 1 || p.act != Identity {
		sums = w.sumsFor(tiles * k.rows * k.cols)
	}
	t := &w.tile
	for j := j0; j < j1; j++ {
		column := j * k.cols
		cols := min(k.cols, p.b.n-column)
		kernel := k.tiles[ceil(cols, k.lanes)]
		for k0 := 0; ; k0 += depth {
			k1 := min(k0+depth, p.b.k)
			*t = tile{lda: p.x.pitch(), k: k1 - k0, cols: cols, alpha: p.alpha}
			panel := p.b.data[j*p.b.stride+k0*k.cols:]
			t.b = unsafe.Pointer(unsafe.SliceData(panel))
			bytes := uintptr(t.k * k.cols * 4)
			for n := range tiles {
				r0, r1 := i0+(i1-i0)*n/tiles, i0+(i1-i0)*(n+1)/tiles
				// Each tile prefetches its share of the next block.
				t.next = uintptr(t.b) + bytes + min(uintptr(n*t.k/4*64), bytes)
				t.a = p.x.at(r0, k0)
				t.from, t.to, t.bias, t.r = nil, nil, nil, nil
				if k0 > 0 {
					t.from = unsafe.Pointer(&sums[n*k.rows*k.cols])
				}
				if k1 < p.b.k {
					t.to = unsafe.Pointer(&sums[n*k.rows*k.cols])
					kernel[r1-r0](t)
					continue
				}
				if !p.bias.isZero() {
					t.bias = p.bias.at(0, column)
				}
				var own []float32
				if p.act != Identity {
					own = sums[n*k.rows*k.cols:]
				}
				w.complete(k, p, kernel[r1-r0], own, k.cols, r0, r1, column)
			}
			if k1 == p.b.k {
				break
			}
		}
	}
}

// complete runs the kernel for the last block of a tile and writes the result to
// the rows r0..r1-1 of p, starting at column. The caller has set the tile's other
// arguments. With an activation, the tile is first stored in sums, in rows of cols
// columns.
func (w *worker) complete(k *kernels, p *product, kernel func(*tile), sums []float32, cols, r0, r1, column int) {
	t, f := &w.tile, &w.finish
	end := t
	if p.act != Identity {
		t.c, t.ldc = unsafe.Pointer(&sums[0]), uintptr(cols)*4
		*f = tile{a: t.c, lda: t.ldc, rows: r1 - r0, cols: t.cols}
		end = f
	}
	end.c, end.ldc = p.y.at(r0, column), p.y.pitch()
	end.r = nil
	if !p.residual.isZero() {
		end.r, end.ldr = p.residual.at(r0, column), p.residual.pitch()
	}
	kernel(t)
	if p.act != Identity {
		k.finish[p.act](f)
	}
}

// sumsFor returns the worker's memory for a strip's sums.
func (w *worker) sumsFor(n int) []float32 {
	if len(w.sums) < n {
		w.sums = aligned(n)
	}
	return w.sums
}

func (c *CPU) SumRows(dst, x Matrix) {
	if dst.Rows != 1 || dst.Cols != x.Cols {
		panic("compute: the width of the sum differs")
	}
	c.job = job{y: dst.open(), x: x.open()}
	c.blocks(x.Cols, 256, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		d, x := c.job.y.row(0)[from:to], c.job.x
		for i := range x.Rows {
			c.kernels.axpy(d, x.row(i)[from:to], 1)
		}
	})
}
