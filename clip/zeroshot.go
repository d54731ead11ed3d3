package clip

import (
	"fmt"
	"math"
	"strings"
)

// Templates are hand-written sentences for naming an action; {} stands for the
// name. The first is the one that the paper's baseline uses.
var Templates = []string{
	"a video of a person {}.",
	"a photo of a person {}.",
	"a video of {}.",
	"a clip of {}.",
	"an example of a person {}.",
	"a demonstration of {}.",
}

// EncodeClasses turns class names into L2-normalised embeddings [C,E] without any
// training: each name is put into every template, and the normalised text
// features are averaged (Radford et al. 2021, section 3.1.4).
func (m *Model) EncodeClasses(names, templates []string) ([]float32, error) {
	if len(templates) == 0 {
		templates = Templates[:1]
	}
	e := m.config.Embed
	out := make([]float32, len(names)*e)
	for _, t := range templates {
		if !strings.Contains(t, "{}") {
			return nil, fmt.Errorf("template %q has no {} for the class name", t)
		}
		texts := make([]string, len(names))
		for i, n := range names {
			texts[i] = strings.ReplaceAll(t, "{}", n)
		}
		f, err := m.EncodeTexts(texts, false)
		if err != nil {
			return nil, err
		}
		for i := range names {
			row := f[i*e : (i+1)*e]
			normalize(row)
			for j, v := range row {
				out[i*e+j] += v
			}
		}
	}
	for i := range names {
		normalize(out[i*e : (i+1)*e])
	}
	return out, nil
}

func normalize(x []float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	n := float32(max(math.Sqrt(sum), 1e-12))
	for i := range x {
		x[i] /= n
	}
}
