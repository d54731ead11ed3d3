package compute

import (
	"fmt"
	"runtime"
)

// hiddenFloats is the approximate number of elements of an MLP's hidden layer that a worker
// computes at once, so that they stay in its L2 cache.
const hiddenFloats = 1 << 17

// minStrip is the number of rows below which strips cost more for reading the weights than
// they save.
const minStrip = 32

func (c *CPU) MLP(y, x Matrix, up, down *Weight, first, second Epilogue) {
	if up.Out != down.In {
		panic(fmt.Sprintf("compute: an MLP of products to %d and from %d", up.Out, down.In))
	}
	a, b := up.Packed.(*packedWeight), down.Packed.(*packedWeight)
	rows := max(minStrip, hiddenFloats/up.Out)
	if (a.forms|b.forms)&ForwardInt8 != 0 || x.Rows < minStrip*c.threads {
		c.linearMLP(y, x, up, down, first, second, rows*c.threads)
		return
	}
	c.job = job{product: second.product(y, y, b.forward), before: first.product(x, x, a.forward)}
	// The hidden layer has no memory of its own; each strip is in that of its worker.
	hidden := view{Rows: x.Rows, Cols: up.Out}
	c.job.before.y, c.job.product.x = hidden, hidden
	c.job.product.check()
	c.job.before.check()
	c.job.strips = ceil(ceil(x.Rows, rows), c.threads) * c.threads
	c.job.splits = 1
	c.parallel(c.job.strips, func(c *CPU, w *worker, item int) {
		from, to, _, _ := c.shareOf(item, 1)
		w.mlp(c, from, to)
	})
	runtime.KeepAlive(up)
	runtime.KeepAlive(down)
}

// mlp computes the rows from..to-1 of the job's MLP.
func (w *worker) mlp(c *CPU, from, to int) {
	if from >= to {
		return
	}
	first, second := &w.products[0], &w.products[1]
	*first, *second = c.job.before, c.job.product
	n, width := to-from, first.b.n
	rest := w.scratch(matrixFloats(n, width))
	hidden := rest.matrix(n, width)
	first.x, first.y = first.x.rows(from, to), hidden
	w.multiply(c.kernels, first, 0, n, 0, ceil(first.b.n, c.kernels.cols))
	second.x, second.y = hidden, second.y.rows(from, to)
	if !second.residual.isZero() {
		second.residual = second.residual.rows(from, to)
	}
	w.multiply(c.kernels, second, 0, n, 0, ceil(second.b.n, c.kernels.cols))
}

// linearMLP is MLP by products of up to the given number of rows.
func (c *CPU) linearMLP(y, x Matrix, up, down *Weight, first, second Epilogue, rows int) {
	defer c.Release(c.Mark())
	hidden := c.Temp(min(rows, x.Rows), up.Out)
	for from := 0; from < x.Rows; from += rows {
		to := min(x.Rows, from+rows)
		hidden, part := hidden.RowRange(0, to-from), second
		if !part.Residual.IsZero() {
			part.Residual = part.Residual.RowRange(from, to)
		}
		c.Linear(hidden, x.RowRange(from, to), up, first)
		c.Linear(y.RowRange(from, to), hidden, down, part)
	}
}
