package sentencepiece

import (
	"strings"
	"testing"
)

// Replacements that follow each other multiply the length of a text.
func TestGrowthOfReplacements(t *testing.T) {
	a := "a"
	longer := part{Type: "Replace", Pattern: &pattern{String: &a}, Content: strings.Repeat(a, 50)}
	for n, tooMuch := range map[int]bool{0: false, 1: false, 2: true, 12: true} {
		p := &part{Type: "Sequence"}
		for range n {
			p.Normalizers = append(p.Normalizers, longer)
		}
		if got := p.growth() > maxGrowth; got != tooMuch {
			t.Errorf("%d replacements by 50 times the text: growth %g", n, p.growth())
		}
	}
}
