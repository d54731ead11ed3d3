package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Chart is a set of curves over one x axis.
type Chart struct {
	Title   string
	X       string // what the axis counts, such as "step"
	Percent bool   // the values are shares, shown as percent from 0 to 100
	Series  []Series
}

// Series is one curve. Values that are not finite are left out.
type Series struct {
	Name   string
	Points []Point
	Faint  bool // thin and pale, for what is noisy
	Dots   bool // every point shows, for what was measured now and then
}

// Point is one value of a series.
type Point struct{ X, Y float64 }

// Last returns the last value of a series for the legend.
func (c Chart) Last(s Series) string {
	switch n := len(s.Points); {
	case n == 0 || s.Faint:
		return ""
	case c.Percent:
		return percent(s.Points[n-1].Y)
	default:
		return fmt.Sprintf("%.3f", s.Points[n-1].Y)
	}
}

// The chart is drawn in these placeholder colors, which are then replaced by the CSS
// variables of the page's style, so that it follows light and dark mode. The palette
// has as many colors as the style has variables --s0, --s1 …
var (
	rule    = color.RGBA{1, 0, 0, 255}
	palette = 6
	theme   = func() *strings.Replacer {
		pairs := []string{"#010000", "var(--rule)"}
		for i := range palette {
			pairs = append(pairs, fmt.Sprintf("#0200%02X", i), fmt.Sprintf("var(--s%d)", i))
		}
		return strings.NewReplacer(pairs...)
	}()
)

func ink(series int) color.Color { return color.RGBA{2, 0, byte(series % palette), 255} }

// Color returns the index of a series' color. A faint curve has the color of the
// next series, which shows the same values smoothed.
func (c Chart) Color(series int) int {
	n := 0
	for _, s := range c.Series[:series] {
		if !s.Faint {
			n++
		}
	}
	return n % palette
}

const (
	chartWidth, chartHeight = 460, 240 // points; the page scales them
	mostPoints              = 400      // of a curve; more are averaged
)

// SVG returns the curves as an SVG element. The page adds the title and the legend.
func (c Chart) SVG() (template.HTML, error) {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text = c.X
	p.X.Min, p.Y.Min, p.Y.Max = 0, 0, 0
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color, grid.Horizontal.Width = nil, rule, 0.8
	p.Add(grid)
	for i, s := range c.Series {
		if err := c.add(p, i, s); err != nil {
			return "", err
		}
	}
	p.X.Min, p.Y.Min = min(0, p.X.Min), min(0, p.Y.Min)
	p.Y.Max *= 1.05
	if c.Percent {
		p.Y.Max = 102 // so that a point at 100 is whole
	}
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 12}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans, sans
		a.LineStyle.Color, a.Tick.LineStyle.Color = rule, rule
		a.Tick.Marker, a.Tick.Length, a.Padding = majorTicks{}, 0, 2
	}
	if c.Percent {
		p.Y.Tick.Marker = percentTicks
	}
	canvas := vgsvg.New(chartWidth, chartHeight)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", err
	}
	// Inside HTML, an SVG element needs no header, no name spaces and no size.
	_, body, ok := strings.Cut(b.String(), "<g")
	if !ok {
		return "", fmt.Errorf("chart %q: the drawing is empty", c.Title)
	}
	head := fmt.Sprintf(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.Title))
	return template.HTML(head + "<g" + theme.Replace(body)), nil
}

func (c Chart) add(p *plot.Plot, i int, s Series) error {
	var xy plotter.XYs
	for _, v := range thin(s.Points) {
		if c.Percent {
			v.Y *= 100
		}
		xy = append(xy, plotter.XY(v))
	}
	if len(xy) == 0 {
		return nil
	}
	color := ink(c.Color(i))
	line, err := plotter.NewLine(xy)
	if err != nil {
		return err
	}
	line.Color, line.Width = color, 2
	if s.Faint {
		line.Width = 0.4
	}
	p.Add(line)
	if s.Dots || len(xy) == 1 {
		dots, err := plotter.NewScatter(xy)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: color, Radius: vg.Length(3), Shape: draw.CircleGlyph{}}
		p.Add(dots)
	}
	return nil
}

// thin drops values that are not finite and averages neighbors until there are
// at most mostPoints.
func thin(points []Point) []Point {
	var finite []Point
	for _, p := range points {
		if sum := p.X + p.Y; !math.IsNaN(sum) && !math.IsInf(sum, 0) {
			finite = append(finite, p)
		}
	}
	n := (len(finite) + mostPoints - 1) / mostPoints
	if n <= 1 {
		return finite
	}
	var out []Point
	for len(finite) > 0 {
		part := finite[:min(n, len(finite))]
		finite = finite[len(part):]
		var mean Point
		for _, p := range part {
			mean.X += p.X / float64(len(part))
			mean.Y += p.Y / float64(len(part))
		}
		out = append(out, mean)
	}
	return out
}

var percentTicks = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"}, {Value: 75, Label: "75"}, {Value: 100, Label: "100 %"}}

// majorTicks returns the labeled ticks, without trailing zeros.
type majorTicks struct{}

func (majorTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for _, t := range (plot.DefaultTicks{}).Ticks(low, high) {
		if !t.IsMinor() {
			if strings.Contains(t.Label, ".") {
				t.Label = strings.TrimSuffix(strings.TrimRight(t.Label, "0"), ".")
			}
			out = append(out, t)
		}
	}
	return out
}
