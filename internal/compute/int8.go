package compute

import (
	"math"
	"runtime"
	"unsafe"
)

// Levels of activations are 0..maxLevel and those of weights -127..127. Within wordGroups
// groups of four weights of a column, the positive ones at even pairs add up to at most
// maxWord, and so do the negative ones and those at odd pairs. So AVX2 can add their products
// in 16 bits. With fewer levels for activations, weights can have more; these numbers balance
// the errors of both.
const (
	maxLevel   = 180
	wordGroups = 2
	maxWord    = math.MaxInt16 / maxLevel
)

// smallest is the smallest step or scale; below, its reciprocal could overflow.
const smallest = 1e-30

// intPanels holds a weight quantized to int8: signed levels in panels like those
// of float32, in groups of four bytes along k, with a scale for each column (output
// channel). Activations are quantized to unsigned levels, low + step·q, when they
// are multiplied; each row has its own range. Then
//
//	Σ x·w = step·scale·Σ q·level + low·offset, offset = scale·Σ level
//
// with all sums over levels exact.
type intPanels struct {
	n, k            int
	groups          int // of k, in four bytes each; a multiple of 4, padded with zeros
	data            []byte
	scales, offsets []float32 // padded to whole panels
}

// level returns the level of an activation.
func level(x, low, inverse float32) uint8 {
	return uint8(max(0, min(maxLevel, math.RoundToEven(float64((x-low)*inverse)))))
}

func (c *CPU) newIntPanels(owner *Weight, n, k int) *intPanels {
	ints := c.kernels.ints
	p := &intPanels{n: n, k: k, groups: 4 * ceil(k, 16)}
	wide := ceil(n, ints.cols) * ints.cols
	b := newBlock(wide*p.groups + 2*wide)
	runtime.AddCleanup(owner, block.free, b)
	p.data = unsafe.Slice((*byte)(unsafe.Pointer(&b.floats[0])), 4*wide*p.groups)
	p.scales, p.offsets = b.floats[wide*p.groups:][:wide], b.floats[wide*(p.groups+1):][:wide]
	return p
}

// packInts quantizes w [n,k], row by row.
func (c *CPU) packInts(p *intPanels, w Matrix) {
	c.job = job{ints: p, x: w.open()}
	c.blocks(p.n, 16, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.job.ints.putColumn(c.kernels.ints, i, c.job.x.row(i))
		}
	})
}

func (p *intPanels) putColumn(ints *intKernels, column int, w []float32) {
	scale, inverse := weightScale(w), float32(0)
	if scale > 0 {
		inverse = 1 / scale
	}
	d := p.data[(column/ints.cols*p.groups*ints.cols+column%ints.cols)*4:]
	total := 0
	for i, v := range w {
		level := int8(math.RoundToEven(float64(max(-127, min(127, v*inverse)))))
		total += int(level)
		d[i/4*ints.cols*4+i%4] = byte(level)
	}
	p.scales[column] = scale
	p.offsets[column] = scale * float32(total)
}

// weightScale returns the smallest scale with which the levels of a column are in their range
// and their sums within maxWord.
func weightScale(w []float32) float32 {
	const words = wordGroups // each of its 2·words levels may be rounded up by 1/2
	largest, sum := float32(0), float32(0)
	for len(w) > 0 {
		n := min(4*wordGroups, len(w))
		var positive, negative [2]float32
		for i, v := range w[:n] {
			largest = max(largest, v, -v)
			positive[i/2%2] += max(v, 0)
			negative[i/2%2] += max(-v, 0)
		}
		sum = max(sum, positive[0], positive[1], negative[0], negative[1])
		w = w[n:]
	}
	if scale := max(largest/127, sum/(maxWord-words)); !(scale < smallest) {
		return scale
	}
	return 0
}

// linearInts is Linear for an int8 weight.
func (c *CPU) linearInts(y, x Matrix, p *intPanels, e Epilogue) {
	f := e.product(y, x, panels{n: p.n, k: p.k})
	f.check()
	if y.Rows == 0 || y.Cols == 0 {
		return
	}
	defer c.Release(c.Mark())
	// Quantize all rows first; a row of levels takes p.groups float32 values.
	q := c.Temp(x.Rows, p.groups)
	levels := c.Temp(x.Rows, 2) // step and low, one row after the other without a gap
	c.job = job{x: x.open(), u: q.open(), v: levels.open()}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.levels(j.u.row(i), j.v.row(i), j.x.row(i))
		}
	})
	c.job = job{product: f, ints: p, u: q.open(), v: levels.open()}
	c.share(c.kernels.ints.cols, p.groups)
	c.parallel(c.job.strips*c.job.splits, func(c *CPU, w *worker, item int) {
		i0, i1, j0, j1 := c.shareOf(item, c.kernels.ints.cols)
		w.multiplyInts(c, i0, i1, j0, j1)
	})
}

// levels rounds a row x to levels in q and writes its step and low. For a row that is not
// finite, the step is NaN, and so are all results.
func (k *kernels) levels(q, stepLow, x []float32) {
	ints := k.ints
	ints.extent(stepLow, x)
	if sum := k.rowDot(x, x); sum-sum != 0 {
		stepLow[0], stepLow[1] = 0, float32(math.NaN())
	}
	low, size := stepLow[0], stepLow[1]-stepLow[0]
	inverse := float32(0)
	if size > smallest {
		inverse = maxLevel / size
	}
	stepLow[0], stepLow[1] = size/maxLevel, low
	d := unsafe.Slice((*byte)(unsafe.Pointer(&q[0])), 4*len(q))
	ints.quantize(d, x, low, inverse)
	rest := len(x) &^ 15
	for i := rest; i < len(x); i++ {
		d[i] = level(x[i], low, inverse)
	}
	clear(d[len(x):])
}

// multiplyInts computes rows i0..i1-1 of the columns in the panels j0..j1-1.
func (w *worker) multiplyInts(c *CPU, i0, i1, j0, j1 int) {
	k, ints, p, f := c.kernels, c.kernels.ints, c.job.ints, &c.job.product
	if i0 >= i1 {
		return
	}
	tiles := ceil(i1-i0, ints.rows)
	var sums []float32
	if f.act != Identity {
		sums = w.sumsFor(ints.rows * ints.cols)
	}
	bytes := uintptr(p.groups * ints.cols * 4)
	t := &w.tile
	for j := j0; j < j1; j++ {
		column := j * ints.cols
		cols := min(ints.cols, p.n-column)
		kernel := ints.tiles[ceil(cols, ints.lanes)]
		*t = tile{lda: c.job.u.pitch(), k: p.groups, cols: cols, alpha: 1,
			b:      unsafe.Pointer(&p.data[uintptr(j)*bytes]),
			scales: unsafe.Pointer(&p.scales[column]), offsets: unsafe.Pointer(&p.offsets[column])}
		if !f.bias.isZero() {
			t.bias = f.bias.at(0, column)
		}
		for n := range tiles {
			r0, r1 := i0+(i1-i0)*n/tiles, i0+(i1-i0)*(n+1)/tiles
			t.next = uintptr(t.b) + bytes + min(uintptr(n*t.k/4*64), bytes)
			t.a = c.job.u.at(r0, 0)
			t.levels = c.job.v.at(r0, 0)
			w.complete(k, f, kernel[r1-r0], sums, ints.cols, r0, r1, column)
		}
	}
}
