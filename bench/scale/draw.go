package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot of a part's series.
type chart struct {
	file, title, x, y string
	part              string // its name, or with - at the end the beginning of the names of several
	value             func(Point) float64
}

func seconds(p Point) float64      { return p.Seconds }
func milliseconds(p Point) float64 { return 1000 * p.Seconds }

var charts = []chart{
	{"scale-videos", "Extraction of videos of 10 s, 2 frames per second", "videos", "seconds", "videos", seconds},
	{"scale-length", "Extraction of one video, 360p, clipcue-tiny", "seconds of video", "seconds", "length", seconds},
	{"scale-resolution", "Decoding and resizing an hour of H.264", "lines", "core-seconds", "resolution", func(p Point) float64 { return 60 * p.CPU }},
	{"scale-search", "One search in a server", "moments", "milliseconds", "search-", milliseconds},
	{"scale-library", "Commands on a library", "moments", "seconds", "library-", seconds},
	{"scale-localize", "Finding actions in stored features", "minutes of video", "seconds", "localize", seconds},
	{"scale-train", "A training step, by classes", "classes", "seconds", "train", seconds},
	{"scale-evaluate", "Training and evaluation, by videos", "videos", "seconds", "evaluate", seconds},
}

// drawAll writes the plots of results to a folder.
func drawAll(r *Results, dir string) error {
	for _, c := range charts {
		svg, err := c.draw(r)
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		if svg == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, c.file+".svg"), svg, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// points returns the chart's points by series, in order of X.
func (c chart) points(r *Results) (names []string, of map[string]plotter.XYs) {
	of = map[string]plotter.XYs{}
	for part, points := range r.Parts {
		if part != c.part && !(strings.HasSuffix(c.part, "-") && strings.HasPrefix(part, c.part)) {
			continue
		}
		for _, p := range points {
			if y := c.value(p); y > 0 { // others have no logarithm
				of[p.Series] = append(of[p.Series], plotter.XY{X: p.X, Y: y})
			}
		}
	}
	for name, xy := range of {
		names = append(names, name)
		slices.SortFunc(xy, func(a, b plotter.XY) int { return int(a.X - b.X) })
	}
	slices.Sort(names)
	return names, of
}

// inks are the colors of the series; they are readable on white.
var inks = []color.Color{color.RGBA{0, 90, 180, 255}, color.RGBA{200, 70, 0, 255}, color.RGBA{0, 130, 70, 255}, color.RGBA{130, 50, 150, 255}}

// draw returns the chart as SVG, or nil if it has no points. Both axes are logarithmic.
func (c chart) draw(r *Results) ([]byte, error) {
	names, of := c.points(r)
	if len(names) == 0 {
		return nil, nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 11}
	p.Title.TextStyle.Font, p.Legend.TextStyle.Font = sans, sans
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Scale, a.Tick.Marker = plot.LogScale{}, powers{}
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans, sans
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, name := range names {
		line, dots, err := plotter.NewLinePoints(of[name])
		if err != nil {
			return nil, err
		}
		ink := inks[i%len(inks)]
		line.Color, line.Width = ink, 1.5
		dots.GlyphStyle = draw.GlyphStyle{Color: ink, Radius: 2.5, Shape: draw.CircleGlyph{}}
		p.Add(line, dots)
		p.Legend.Add(name, line, dots)
	}
	canvas := vgsvg.New(420*vg.Points(1), 260*vg.Points(1))
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	return b.Bytes(), err
}

// powers returns a tick for each power of ten, and labeled ones at 2 and 5 times them if there are
// few.
type powers struct{}

func (powers) Ticks(low, high float64) (ticks []plot.Tick) {
	wide := high/low > 300
	for power := 1e-9; power <= high; power *= 10 {
		for _, times := range []float64{1, 2, 5} {
			v := power * times
			if v < low*0.999 || v > high*1.001 || times != 1 && wide {
				continue
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
		}
	}
	return ticks
}

// label returns a number without unnecessary digits.
func label(v float64) string {
	switch {
	case v > 9.9e5:
		return fmt.Sprintf("%.3g M", v/1e6)
	case v > 9.9e2:
		return fmt.Sprintf("%.3g k", v/1e3)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
