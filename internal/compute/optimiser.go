package compute

import "math"

func (c *CPU) AdamW(param, grad, m, v Matrix, s AdamWStep) {
	need(param, grad)
	correct1 := 1 - math.Pow(s.Beta1, float64(s.Step))
	correct2 := math.Sqrt(1 - math.Pow(s.Beta2, float64(s.Step)))
	keep := float32(1 - s.Rate*s.Decay)
	rate := float32(s.Rate / correct1)
	b1, b2 := float32(s.Beta1), float32(s.Beta2)
	r1, r2 := float32(1-s.Beta1), float32(1-s.Beta2)
	root, eps := float32(correct2), float32(s.Eps)
	c.blocks(param.Rows, grainFor(param.Cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			p, g, m1, m2 := param.row(i), grad.row(i), m.row(i), v.row(i)
			for j, d := range g {
				m1[j] = b1*m1[j] + r1*d
				m2[j] = b2*m2[j] + r2*d*d
				p[j] = p[j]*keep - rate*m1[j]/(float32(math.Sqrt(float64(m2[j])))/root+eps)
			}
		}
	})
}

func (c *CPU) Dot(a, b Matrix) float64 {
	need(a, b)
	var sum float64
	for i := range a.Rows {
		y := b.row(i)
		for j, v := range a.row(i) {
			sum += float64(v) * float64(y[j])
		}
	}
	return sum
}
