package compute

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The norm of the rest that QuantizeRow returns is an upper bound, and a tight one.
func TestRoundRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for n := range 300 {
		x := make([]float32, n)
		size := math.Pow(10, float64(n%45)-40)
		for i := range x {
			x[i] = float32(rng.NormFloat64() * size)
		}
		row := make([]byte, Int8Stride(n))
		scale, rest := QuantizeRow(row, x)
		square := 0.0
		for i, b := range row {
			v := 0.0
			if i < n {
				v = float64(x[i])
			} else if b != 128 {
				t.Fatalf("%d elements: %d behind the end", n, b)
			}
			d := v - float64(scale)*(float64(b)-128)
			square += d * d
			if b == 0 {
				t.Fatalf("%d elements: level -128", n)
			}
		}
		if norm := math.Sqrt(square); float64(rest) < norm || float64(rest) > norm*1.00001+1e-44 {
			t.Fatalf("%d elements: rest %v, and its norm is %v", n, rest, norm)
		}
	}
}

// Products of bytes are exact with every instruction set and for all rows.
func TestByteDots(t *testing.T) {
	for _, k := range available() {
		rng := rand.New(rand.NewPCG(23, 24))
		for round := range 200 {
			width, rows := Int8Stride(1+rng.IntN(700)), 1+rng.IntN(30)
			data, query := make([]byte, rows*width), make([]byte, width)
			for i := range data {
				data[i] = byte(1 + rng.IntN(255))
				if round%3 == 0 {
					data[i] = 1 + 254*(data[i]&1) // nothing but extremes
				}
			}
			copy(query, data[rng.IntN(rows)*width:])
			at := make([]int32, rng.IntN(12))
			for i := range at {
				at[i] = int32(rng.IntN(rows))
			}
			q := Int8Query{ints: k.ints}
			q.Set(query)
			got := make([]int32, len(at))
			q.Dots(got, data, at)
			for i, r := range at {
				var want int32
				for j, b := range query {
					want += (int32(b) - 128) * (int32(data[int(r)*width+j]) - 128)
				}
				if got[i] != want {
					t.Fatalf("%s, width %d, product %d of %d: %d instead of %d", k.name, width, i, len(at), got[i], want)
				}
			}
		}
	}
}

func BenchmarkByteDots(b *testing.B) {
	for _, k := range available() {
		b.Run(k.name, func(b *testing.B) {
			const width, rows = 512, 256
			data := make([]byte, rows*width)
			at, dst := make([]int32, rows), make([]int32, rows)
			for i := range at {
				at[i] = int32(i)
			}
			q := Int8Query{ints: k.ints}
			q.Set(data[:width])
			b.SetBytes(rows * width)
			for b.Loop() {
				q.Dots(dst, data, at)
			}
		})
	}
}
