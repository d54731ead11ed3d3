package label

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/clipcue/clipcue/internal/compute"
)

// Frames are the features [n,E] of the frames of a moment, and their increasing times.
type Frames struct {
	Features   []float32
	Times      []float64
	Start, End float64 // of the moment
}

// Directions are the directions of the embedding space in which the frames of an archive
// change most within a moment. Motions are described in them.
type Directions struct {
	rows  [][]float32 // [D,E], orthonormal; those that change most first
	still float64     // the median energy of a moment
	scale [blocks][]float64
}

const (
	// tracked is the greatest number of directions, and crossed that of directions of which
	// descriptors have products.
	tracked, crossed = 64, 20
	// measuredFrames is the number of frames that directions are learned from, and described
	// the number of moments that their scales are.
	measuredFrames, described = 4096, 1024
)

// LearnDirections returns the directions of some moments of an archive for embeddings of
// width E.
func LearnDirections(embed int, moments []Frames) *Directions {
	d := &Directions{rows: principal(changes(embed, moments), min(tracked, embed))}
	var tracks []*track
	var energies []float64
	for _, i := range evenly(len(moments), described) {
		if t := d.track(d.Project(moments[i].Features), moments[i].Times, moments[i].Start, moments[i].End); t != nil {
			tracks, energies = append(tracks, t), append(energies, t.energy)
		}
	}
	if len(tracks) > 0 {
		slices.Sort(energies)
		d.still = stat.Quantile(0.5, stat.Empirical, energies, nil)
	}
	var parts [blocks][][]float64
	for _, t := range tracks {
		for k, part := range t.describe(d.still) {
			parts[k] = append(parts[k], part)
		}
	}
	for k := range d.scale {
		d.scale[k] = scales(d.sizes()[k], parts[k], k > 0)
		floats.Scale(weights[k], d.scale[k])
	}
	return d
}

// weights are those of the parts of a descriptor. With more weight on the order of frames, fewer
// marks teach the motions that it shows, and more marks are needed for the others.
var weights = [blocks]float64{2, 1, 1, 1}

// shrink is the standard deviation that is added to that of each element, relative to that of
// all. Without it, elements that hardly vary would weigh as much as the others.
const shrink = 0.3

// scales returns what the elements of a part of descriptors are multiplied by. Their mean
// square distance from the mean is 1 then. If equal, it is nearly the same for all elements.
func scales(n int, rows [][]float64, equal bool) []float64 {
	out, sds := make([]float64, n), make([]float64, n)
	column := make([]float64, len(rows))
	all := 0.
	for j := range sds {
		for i, row := range rows {
			column[i] = row[j]
		}
		if len(rows) > 0 {
			sds[j] = stat.PopStdDev(column, nil)
		}
		all += sds[j] * sds[j]
	}
	all = math.Sqrt(all / float64(n))
	total := 0.
	for j, sd := range sds {
		out[j] = 1
		if equal && all > 0 {
			out[j] = 1 / (sd + shrink*all)
		}
		total += out[j] * sd * out[j] * sd
	}
	if total > 1e-12 {
		floats.Scale(1/math.Sqrt(total), out)
	}
	return out
}

// evenly returns at most limit of the numbers below n.
func evenly(n, limit int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return spread(all, limit)
}

// changes returns normalized frames of moments, relative to their means, one per row.
func changes(embed int, moments []Frames) *mat.Dense {
	var rows []float64
	mean := make([]float64, embed)
	for _, i := range evenly(len(moments), measuredFrames/8) {
		x := slices.Clone(moments[i].Features)
		for r := 0; r < len(x); r += embed {
			row := x[r:][:embed]
			scale := float32(1 / max(math.Sqrt(compute.Dot(row, row)), 1e-12))
			for j := range row {
				row[j] *= scale
			}
		}
		clear(mean)
		n := len(x) / embed
		for j, v := range x {
			mean[j%embed] += float64(v) / float64(n)
		}
		for _, f := range evenly(n, 8) {
			for j, v := range x[f*embed:][:embed] {
				rows = append(rows, float64(v)-mean[j])
			}
		}
	}
	if len(rows) == 0 {
		rows = make([]float64, embed)
	}
	return mat.NewDense(len(rows)/embed, embed, rows)
}

// Project returns the coordinates [n,D] of frames [n,E], each scaled to length 1, along the
// directions. [Directions.Describe] needs only these.
func (d *Directions) Project(features []float32) []float32 {
	embed := len(d.rows[0])
	out := make([]float32, 0, len(features)/embed*len(d.rows))
	for i := 0; i < len(features); i += embed {
		x := features[i:][:embed]
		length := max(math.Sqrt(compute.Dot(x, x)), 1e-12)
		for _, row := range d.rows {
			out = append(out, float32(compute.Dot(row, x)/length))
		}
	}
	return out
}

// Width returns the number of elements of a motion descriptor.
func (d *Directions) Width() int {
	n := 0
	for _, size := range d.sizes() {
		n += size
	}
	return n
}

// sizes returns the number of elements of each part of a descriptor.
func (d *Directions) sizes() [blocks]int {
	crosses := min(crossed, len(d.rows))
	products := crosses * (crosses + 1) / 2
	return [blocks]int{orders * len(d.rows), products, products, products}
}

// Describe returns the motion descriptor of the frames of a moment, of which
// [Directions.Project] returned the coordinates. It holds, for changes of the frames relative
// to their mean:
//
//   - the first two cosine coefficients over time of each direction: what is different at the
//     end of a moment;
//   - the signed areas between two directions: which of them follows the other. These do not
//     depend on the phase at which a rotation starts;
//   - the covariances of directions: what varies, in whatever order;
//   - the covariances of their differences over time: what varies fast.
//
// All but the first are relative to the energy of the changes. The descriptor needs about
// four frames; from sixteen frames on, their rate hardly matters, and it does not depend on
// the duration. With fewer than two frames it is zero.
func (d *Directions) Describe(coordinates []float32, times []float64, start, end float64) []float32 {
	t := d.track(coordinates, times, start, end)
	if t == nil {
		return make([]float32, d.Width())
	}
	out := make([]float32, 0, d.Width())
	for k, block := range t.describe(d.still) {
		for j, v := range block {
			out = append(out, float32(d.scale[k][j]*v))
		}
	}
	return out
}
