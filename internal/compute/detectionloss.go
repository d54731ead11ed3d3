package compute

import "math"

func (c *CPU) FocalLoss(dlogits, logits, target Matrix, alpha, gamma, weight float64) float64 {
	need(dlogits, logits)
	need(target, logits)
	var loss float64
	in, want, out := logits.open(), target.open(), dlogits.open()
	for i := range in.Rows {
		x, t, d := in.row(i), want.row(i), out.row(i)
		for j := range x {
			if t[j] < 0 {
				d[j] = 0
				continue
			}
			l, slope := focal(float64(x[j]), float64(t[j]), alpha, gamma)
			loss += l
			d[j] = float32(weight * slope)
		}
	}
	return weight * loss
}

// focal returns the loss of one logit and its derivative. With the cross entropy
// b = -t·log p - (1-t)·log(1-p) and the miss m = |p-t|, the loss is a·m^γ·b and,
// because db/dx = p-t and dp/dx = p(1-p),
//
//	dl/dx = a·(m^γ·(p-t) + γ·m^(γ-1)·sign(p-t)·p(1-p)·b)
func focal(x, t, alpha, gamma float64) (loss, slope float64) {
	a := 1.0
	if alpha > 0 {
		a = alpha*t + (1-alpha)*(1-t)
	}
	p := 1 / (1 + math.Exp(-x))
	// log(1+exp(x)) without overflow.
	b := max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) - t*x
	if gamma == 0 {
		return a * b, a * (p - t)
	}
	m := math.Abs(p - t)
	power := math.Pow(m, gamma)
	return a * power * b, a * (power*(p-t) + gamma*math.Pow(m, gamma-1)*math.Copysign(p*(1-p), p-t)*b)
}

func (c *CPU) IntervalLoss(dlogs, iou, logs, target Matrix, weight float64) float64 {
	need(dlogs, logs)
	need(target, logs)
	if logs.Cols != 2 || iou.Cols != 1 || iou.Rows != logs.Rows {
		panic("compute: intervals need two columns, and their overlap one")
	}
	var loss float64
	in, want, out, overlaps := logs.open(), target.open(), dlogs.open(), iou.open()
	for i := range in.Rows {
		x, t, d := in.row(i), want.row(i), out.row(i)
		left, right := math.Exp(float64(x[0])), math.Exp(float64(x[1]))
		overlap, l, dleft, dright := interval(left, right, float64(t[0]), float64(t[1]))
		loss += l
		overlaps.row(i)[0] = float32(overlap)
		d[0], d[1] = float32(weight*dleft*left), float32(weight*dright*right)
	}
	return weight * loss
}

// interval compares two intervals around a point: from left before it to right
// after it, and from a before it to b after it. With the intersection s, the union u,
// the hull c and the distance ρ of the centers, the loss is 1 - s/u + (ρ/c)².
func interval(left, right, a, b float64) (overlap, loss, dleft, dright float64) {
	s, c := min(left, a)+min(right, b), max(left, a)+max(right, b)
	u := left + right + a + b - s
	rho := ((right - left) - (b - a)) / 2
	overlap = s / u
	away := rho / c
	slope := func(inside, sign float64) float64 {
		// inside is 1 if the end is within the other interval: then s grows with it.
		// Otherwise c and u do.
		ds, dc := inside, 1-inside
		du := 1 - ds
		return -(ds*u-s*du)/(u*u) + 2*away*(sign/2*c-rho*dc)/(c*c)
	}
	return overlap, 1 - overlap + away*away, slope(indicator(left < a), -1), slope(indicator(right < b), 1)
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
