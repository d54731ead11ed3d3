package compute

import (
	"math"
	"unsafe"
)

// generic holds the kernels in plain Go: the portable implementation and the reference for
// the tests of the others.
var generic = &kernels{
	name: "generic",
	rows: 2, cols: 4, lanes: 4, depth: 768,
	tiles:         [][]func(*tile){nil, {nil, genericTile1, genericTile2}},
	finish:        [activations]func(*tile){QuickGELU: finishQuickGELU, GELU: finishGELU, TanhGELU: finishTanhGELU, SiLU: finishSiLU},
	activateGrad:  [activations]func(dx, dy, x []float32){QuickGELU: quickGELUGrad, GELU: geluGrad, TanhGELU: tanhGELUGrad, SiLU: siluGrad},
	softmax:       genericSoftmax,
	softmaxGrad:   genericSoftmaxGrad,
	layerNorm:     genericLayerNorm,
	layerNormGrad: genericLayerNormGrad,
	normParamGrad: genericNormParamGrad,
	axpy:          genericAxpy,
	scale:         genericScale,
	dot:           genericDot,
	adamw:         genericAdamW,
	transpose:     genericTranspose,
	transposed:    16,
	ints:          &intKernels{rows: 2, cols: 4, lanes: 4, tiles: [][]func(*tile){nil, {nil, genericIntTile1, genericIntTile2}}, extent: genericExtent, quantize: genericQuantize, byteDots: genericByteDots},
	resample:      genericResample,
	peak:          genericPeak,
	vector:        1,
}

// floatsAt returns the n elements that start at an offset in bytes from p.
func floatsAt(p unsafe.Pointer, offset uintptr, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(p, offset)), n)
}

func genericTile1(t *tile) {
	a := floatsAt(t.a, 0, t.k)
	genericTile(t, a, a, 1)
}

func genericTile2(t *tile) {
	genericTile(t, floatsAt(t.a, 0, t.k), floatsAt(t.a, t.lda, t.k), 2)
}

// genericTile multiplies two rows, of which only the first rows are used, by a panel of four
// columns.
func genericTile(t *tile, x, y []float32, rows int) {
	const width = 4
	var sums [2][width]float32
	if t.from != nil {
		for r := range rows {
			copy(sums[r][:], floatsAt(t.from, uintptr(r*width*4), width))
		}
	}
	a0, a1, a2, a3 := sums[0][0], sums[0][1], sums[0][2], sums[0][3]
	b0, b1, b2, b3 := sums[1][0], sums[1][1], sums[1][2], sums[1][3]
	panel := floatsAt(t.b, 0, t.k*width)
	y = y[:len(x)]
	for k, u := range x {
		p := (*[width]float32)(panel)
		v := y[k]
		a0 += u * p[0]
		a1 += u * p[1]
		a2 += u * p[2]
		a3 += u * p[3]
		b0 += v * p[0]
		b1 += v * p[1]
		b2 += v * p[2]
		b3 += v * p[3]
		panel = panel[width:]
	}
	sums = [2][width]float32{{a0, a1, a2, a3}, {b0, b1, b2, b3}}
	for r := range rows {
		if t.to != nil {
			copy(floatsAt(t.to, uintptr(r*width*4), width), sums[r][:])
			continue
		}
		c := floatsAt(t.c, uintptr(r)*t.ldc, t.cols)
		for j := range c {
			v := sums[r][j] * t.alpha
			if t.bias != nil {
				v += floatsAt(t.bias, 0, t.cols)[j]
			}
			if t.r != nil {
				v += floatsAt(t.r, uintptr(r)*t.ldr, t.cols)[j]
			}
			c[j] = v
		}
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func quickGELU(x float32) float32 { return x * sigmoid(1.702*x) }

func gelu(x float32) float32 {
	return float32(0.5 * float64(x) * (1 + math.Erf(float64(x)/math.Sqrt2)))
}

// GELU's approximation by tanh is x·sigmoid(tanhLinear·x + tanhCubic·x³).
const (
	tanhLinear = 1.5957691216057308
	tanhCubic  = 0.044715 * tanhLinear
)

func tanhGELU(x float32) float32 { return x * sigmoid(x*(tanhLinear+tanhCubic*x*x)) }

func silu(x float32) float32 { return x * sigmoid(x) }

func finishQuickGELU(t *tile) { finish(t, quickGELU) }
func finishGELU(t *tile)      { finish(t, gelu) }
func finishTanhGELU(t *tile)  { finish(t, tanhGELU) }
func finishSiLU(t *tile)      { finish(t, silu) }

func finish(t *tile, act func(float32) float32) {
	for r := range uintptr(t.rows) {
		a, c := floatsAt(t.a, r*t.lda, t.cols), floatsAt(t.c, r*t.ldc, t.cols)
		for j, v := range a {
			v = act(v)
			if t.r != nil {
				v += floatsAt(t.r, r*t.ldr, t.cols)[j]
			}
			c[j] = v
		}
	}
}

func quickGELUGrad(dx, dy, x []float32) {
	for i := range dx {
		s := sigmoid(1.702 * x[i])
		dx[i] = dy[i] * s * (1 + 1.702*x[i]*(1-s))
	}
}

func tanhGELUGrad(dx, dy, x []float32) {
	for i := range dx {
		v := x[i]
		s := sigmoid(v * (tanhLinear + tanhCubic*v*v))
		dx[i] = dy[i] * s * (1 + v*(tanhLinear+3*tanhCubic*v*v)*(1-s))
	}
}

func siluGrad(dx, dy, x []float32) {
	for i := range dx {
		s := sigmoid(x[i])
		dx[i] = dy[i] * s * (1 + x[i]*(1-s))
	}
}

func geluGrad(dx, dy, x []float32) {
	for i := range dx {
		v := float64(x[i])
		dx[i] = dy[i] * float32(0.5*(1+math.Erf(v/math.Sqrt2))+v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	}
}

func genericSoftmax(y, x []float32, scale float32) {
	largest := float32(math.Inf(-1))
	for _, v := range x {
		largest = max(largest, v)
	}
	var sum float64
	for i, v := range x {
		e := math.Exp(float64(v-largest) * float64(scale))
		sum += e
		y[i] = float32(e)
	}
	for i := range y {
		y[i] = float32(float64(y[i]) / sum)
	}
}

func genericSoftmaxGrad(dx, p, dp []float32, scale float32) {
	var mean float32
	for i, v := range p {
		mean += v * dp[i]
	}
	for i := range dx {
		dx[i] = scale * p[i] * (dp[i] - mean)
	}
}

// moments returns the mean of a row and the reciprocal of its standard deviation.
func moments(x []float32, eps float32) (mean, inverse float32) {
	var sum, square float64
	for _, v := range x {
		sum += float64(v)
	}
	m := sum / float64(len(x))
	for _, v := range x {
		d := float64(v) - m
		square += d * d
	}
	return float32(m), float32(1 / math.Sqrt(square/float64(len(x))+float64(eps)))
}

func genericLayerNorm(y, x, gamma, beta []float32, eps float32) {
	mean, inverse := moments(x, eps)
	for j, v := range x {
		y[j] = (v-mean)*inverse*gamma[j] + beta[j]
	}
}

func genericLayerNormGrad(dx, dy, x, gamma, stats []float32, eps, keep float32) {
	mean, inverse := moments(x, eps)
	stats[0], stats[1] = mean, inverse
	// With z = normalized x and h = dy·gamma:
	// dx = inverse·(h - mean(h) - z·mean(h·z)).
	var h, hz float64
	for j, v := range x {
		t := float64(dy[j] * gamma[j])
		h += t
		hz += t * float64((v-mean)*inverse)
	}
	mh, mhz := float32(h/float64(len(x))), float32(hz/float64(len(x)))
	for j, v := range x {
		t := inverse * (dy[j]*gamma[j] - mh - (v-mean)*inverse*mhz)
		if keep != 0 {
			t += dx[j]
		}
		dx[j] = t
	}
}

func genericNormParamGrad(dgamma, dbeta, dy, x []float32, mean, inverse float32) {
	for j := range dgamma {
		dgamma[j] += dy[j] * (x[j] - mean) * inverse
		dbeta[j] += dy[j]
	}
}

func genericAxpy(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}

func genericScale(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = a * x[i]
	}
}

func genericDot(x, y []float32) (sum float64) {
	x = x[:len(x)&^15]
	y = y[:len(x)]
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

func genericAdamW(p, d, m, v []float32, s *adamw) {
	for j, g := range d[:len(p)] {
		m[j] = s.keep1*m[j] + s.take1*g
		v[j] = s.keep2*v[j] + s.take2*g*g
		p[j] = p[j]*s.decay - s.rate*m[j]/(float32(math.Sqrt(float64(v[j])))*s.root+s.eps)
	}
}

func genericTranspose(dst *float32, ldd uintptr, src *float32, lds uintptr, rows, cols int) {
	for r := range rows {
		row := floatsAt(unsafe.Pointer(src), uintptr(r)*lds, cols)
		for c, v := range row {
			*(*float32)(unsafe.Add(unsafe.Pointer(dst), uintptr(c)*ldd+uintptr(r)*4)) = v
		}
	}
}

func genericIntTile1(t *tile) { genericIntTile(t, 1) }
func genericIntTile2(t *tile) { genericIntTile(t, 2) }

// genericIntTile multiplies rows of levels by a panel of four columns.
func genericIntTile(t *tile, rows int) {
	const width, group = 4, 4
	b := unsafe.Slice((*int8)(t.b), t.k*width*group)
	for r := range uintptr(rows) {
		var sums [width]int32
		for k, level := range unsafe.Slice((*uint8)(unsafe.Add(t.a, r*t.lda)), t.k*group) {
			p := b[k/group*width*group+k%group:]
			for j := range sums {
				sums[j] += int32(level) * int32(p[j*group])
			}
		}
		levels := floatsAt(t.levels, r*8, 2)
		c := floatsAt(t.c, r*t.ldc, t.cols)
		for j := range c {
			v := float32(sums[j])*floatsAt(t.scales, 0, t.cols)[j]*levels[0] + levels[1]*floatsAt(t.offsets, 0, t.cols)[j]
			if t.bias != nil {
				v += floatsAt(t.bias, 0, t.cols)[j]
			}
			if t.r != nil {
				v += floatsAt(t.r, r*t.ldr, t.cols)[j]
			}
			c[j] = v
		}
	}
}

func genericExtent(lohi, x []float32) {
	low, high := x[0], x[0]
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	lohi[0], lohi[1] = low, high
}

func genericQuantize(q []byte, x []float32, low, inverse float32) {
	for i, v := range x[:len(x)&^15] {
		q[i] = level(v, low, inverse)
	}
}

func genericByteDots(dst []int32, rows []byte, at []int32, query []int8, _ int64) {
	for i := range dst {
		row := rows[int(at[i])*len(query):][:len(query)]
		var sum int32
		for j, q := range query {
			sum += (int32(row[j]) - 128) * int32(q)
		}
		dst[i] = sum
	}
}

func genericPeak(n int) {
	var sums [12]float32
	for range n {
		for i := range sums {
			sums[i] += sums[i] * float32(n)
		}
	}
}
