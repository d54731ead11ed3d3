package clip

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// Closeness describes how well the features of two models agree.
type Closeness struct {
	Images Cosines `json:"images"`
	Texts  Cosines `json:"texts"`
}

// Cosines summarizes the cosines between pairs of features.
type Cosines struct {
	Mean   float64 `json:"mean"`
	Lowest float64 `json:"lowest"`
}

// Compare returns how close the features of two models of the same sizes are, on
// images of random colored waves and on a few sentences. Towers that one of them lacks are
// not compared.
func Compare(ctx context.Context, a, b *Model) (*Closeness, error) {
	if a.config.Embed != b.config.Embed || a.config.ImageSize != b.config.ImageSize {
		return nil, fmt.Errorf("models of different sizes cannot be compared: %d and %d values, images of %d and %d pixels",
			a.config.Embed, b.config.Embed, a.config.ImageSize, b.config.ImageSize)
	}
	var out Closeness
	images := testImages(16, a.config.ImageSize)
	for _, side := range []struct {
		tower  Tower
		into   *Cosines
		encode func(m *Model) ([]float32, error)
	}{
		{ImageTower, &out.Images, func(m *Model) ([]float32, error) { return m.EncodeImages(ctx, images) }},
		{TextTower, &out.Texts, func(m *Model) ([]float32, error) { return m.EncodeTexts(ctx, Templates, true) }},
	} {
		if !a.Has(side.tower) || !b.Has(side.tower) {
			continue
		}
		x, err := side.encode(a)
		if err != nil {
			return nil, err
		}
		y, err := side.encode(b)
		if err != nil {
			return nil, err
		}
		*side.into = cosines(x, y, a.config.Embed)
	}
	return &out, nil
}

func cosines(x, y []float32, e int) Cosines {
	c := Cosines{Lowest: 1}
	n := len(x) / e
	for i := range n {
		var xy, xx, yy float64
		for j := i * e; j < (i+1)*e; j++ {
			xy += float64(x[j]) * float64(y[j])
			xx += float64(x[j]) * float64(x[j])
			yy += float64(y[j]) * float64(y[j])
		}
		v := xy / math.Sqrt(xx*yy)
		c.Mean += v / float64(n)
		c.Lowest = min(c.Lowest, v)
	}
	return c
}

// testImages returns n images of side×side RGB bytes with detail at every scale.
func testImages(n, side int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, 0, n*3*side*side)
	for range n {
		var waves [3][4]float64
		for c := range waves {
			for k := range waves[c] {
				waves[c][k] = rng.Float64() * 40
			}
		}
		for y := range side {
			for x := range side {
				for c := range waves {
					w := waves[c]
					v := 127 + 80*math.Sin(w[0]*float64(x)/float64(side)+w[1])*math.Cos(w[2]*float64(y)/float64(side)+w[3]) + 20*rng.NormFloat64()
					out = append(out, byte(max(0, min(255, v))))
				}
			}
		}
	}
	return out
}
