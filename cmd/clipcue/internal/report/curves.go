package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
)

// Curves returns two charts from a run's metrics.jsonl: the loss, and the fractions
// that were measured during the run. Incomplete lines of an interrupted run are
// skipped. on describes the data of the measurements, such as "on test videos".
func Curves(path, on string) ([]Chart, error) {
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var loss []Point
	shares := map[string][]Point{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l struct {
			Step       float64        `json:"step"`
			Loss       *float64       `json:"loss"`
			Evaluation map[string]any `json:"evaluation"`
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		if l.Loss != nil {
			loss = append(loss, Point{l.Step, *l.Loss})
		}
		for name, v := range l.Evaluation {
			if y, ok := v.(float64); ok {
				shares[name] = append(shares[name], Point{l.Step, y})
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var charts []Chart
	if len(loss) > 0 {
		charts = append(charts, Chart{Title: "Training loss", X: "step", Series: lossSeries(loss)})
	}
	c := Chart{Title: strings.TrimSpace("Accuracy " + on), X: "step", Percent: true}
	for _, m := range measures {
		if p := shares[m.name]; len(p) > 0 {
			c.Series = append(c.Series, Series{Name: m.title, Points: p, Dots: true})
		}
	}
	if len(c.Series) > 0 {
		charts = append(charts, c)
	}
	return charts, nil
}

// lossSeries returns the loss, and its running mean if there are enough values.
func lossSeries(loss []Point) []Series {
	n := len(loss) / 25
	if n < 2 {
		return []Series{{Name: "loss", Points: loss}}
	}
	mean := make([]Point, len(loss))
	sum := 0.0
	for i, p := range loss {
		sum += p.Y
		if i >= n {
			sum -= loss[i-n].Y
		}
		mean[i] = Point{p.X, sum / float64(min(i+1, n))}
	}
	return []Series{{Name: "each step", Points: loss, Faint: true}, {Name: fmt.Sprintf("mean of %d", n), Points: mean}}
}
