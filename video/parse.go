package video

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSampling reads what [Sampling.String] writes: "fps=2", "frames=16" or
// "all".
func ParseSampling(text string) (Sampling, error) {
	if text == "all" {
		return EveryFrame(), nil
	}
	name, number, _ := strings.Cut(text, "=")
	kind, known := map[string]samplingKind{"fps": rate, "frames": count}[name]
	value, err := strconv.ParseFloat(number, 64)
	s := Sampling{kind, value}
	if !known || err != nil || s.Validate() != nil {
		return Sampling{}, fmt.Errorf("%q is no sampling: it is fps=RATE, frames=NUMBER or all", text)
	}
	return s, nil
}
