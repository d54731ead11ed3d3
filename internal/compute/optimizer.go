package compute

import (
	"math"
	"runtime"
)

func (c *CPU) AdamW(param, grad, m, v Matrix, s AdamWStep) {
	need(param, grad)
	correct1 := 1 - math.Pow(s.Beta1, float64(s.Step))
	correct2 := math.Sqrt(1 - math.Pow(s.Beta2, float64(s.Step)))
	c.job = job{y: param.open(), x: grad.open(), u: m.open(), v: v.open(), adamw: adamw{
		keep1: float32(s.Beta1), take1: float32(1 - s.Beta1),
		keep2: float32(s.Beta2), take2: float32(1 - s.Beta2),
		decay: float32(1 - s.LearningRate*s.WeightDecay), rate: float32(s.LearningRate / correct1),
		root: float32(1 / correct2), eps: float32(s.Eps),
	}}
	c.blocks(param.Rows, grainFor(param.Cols), func(c *CPU, _ *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.kernels.adamw(j.y.row(i), j.x.row(i), j.u.row(i), j.v.row(i), &j.adamw)
		}
	})
}

func (c *CPU) Dot(a, b Matrix) float64 {
	need(a, b)
	var sum float64
	x, y := a.open(), b.open()
	for i := range x.Rows {
		sum += c.kernels.rowDot(x.row(i), y.row(i))
	}
	runtime.KeepAlive(c) // keeps the memory alive
	return sum
}
