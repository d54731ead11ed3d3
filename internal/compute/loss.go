package compute

import (
	"fmt"
	"math"
)

// softmax writes softmax(x) to y, which may be x, and returns log Σ exp(x).
func softmax(y, x []float32) float64 {
	largest := float32(math.Inf(-1))
	for _, v := range x {
		largest = max(largest, v)
	}
	var sum float64
	for i, v := range x {
		e := math.Exp(float64(v - largest))
		sum += e
		y[i] = float32(e)
	}
	for i := range y {
		y[i] = float32(float64(y[i]) / sum)
	}
	return float64(largest) + math.Log(sum)
}

func (c *CPU) Softmax(y, x Matrix) {
	need(y, x)
	c.job = job{y: y.open(), x: x.open()}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.softmax(c.job.y.row(i), c.job.x.row(i), 1)
		}
	})
}

func (c *CPU) CrossEntropy(dlogits, logits Matrix, target []int32) float64 {
	if len(target) != logits.Rows || logits.Rows == 0 {
		panic(fmt.Sprintf("compute: %d targets for %d rows of logits", len(target), logits.Rows))
	}
	defer c.Release(c.Mark())
	p := dlogits
	if p.IsZero() {
		p = c.Temp(logits.Rows, logits.Cols)
	}
	need(p, logits)
	var loss float64
	scale := 1 / float32(logits.Rows)
	in, out := logits.open(), p.open()
	for i, t := range target {
		x, row := in.row(i), out.row(i)
		right := float64(x[t])
		loss += softmax(row, x) - right
		row[t]--
		for j := range row {
			row[j] *= scale
		}
	}
	return loss / float64(logits.Rows)
}
