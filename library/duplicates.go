package library

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/progress"
)

// Duplicates are videos, or parts of them, that a library holds more than once.
type Duplicates struct {
	Exact []Copies `json:"exact"` // the same files
	Near  []Near   `json:"near"`  // the same pictures, in order of time
}

// Copies are files of the same content.
type Copies struct {
	SHA256 string   `json:"sha256"`
	Bytes  int64    `json:"bytes"` // of each
	Videos []string `json:"videos"`
}

// Near is a pair of videos that share pictures, and the parts that they share, the
// longest first.
type Near struct {
	A     string   `json:"a"`
	B     string   `json:"b"`
	Parts []Shared `json:"parts"`
}

// Shared is a part of two videos that shows the same, in seconds. How exact the
// times are depends on the library's hop.
type Shared struct {
	StartA     float64 `json:"start_a"`
	EndA       float64 `json:"end_a"`
	StartB     float64 `json:"start_b"`
	EndB       float64 `json:"end_b"`
	Similarity float64 `json:"similarity"` // the mean over the moments
	Moments    int     `json:"moments"`    // that match
}

// DefaultThreshold is how similar moments have to be if nothing is said.
const DefaultThreshold = 0.9

// Duplicates finds what is in the library twice. Two videos are near-duplicates
// where at least two moments in a row of one are as similar as threshold to moments
// in a row of the other, or all moments of the shorter one are. A similarity is
// (c-μ)/(1-μ) for the cosine c and its mean μ over the library: 0 for moments
// picked at random, 1 for the same pictures.
//
// Every moment is compared with every other, block by block: work that grows with
// the square of their number. If a moment matches more than 64 moments, as a black
// picture does, only the most similar are looked at. threads is how many to compute
// on; 0 means all.
func (l *Library) Duplicates(ctx context.Context, threshold float64, threads int, p progress.Func) (*Duplicates, error) {
	if !(threshold > 0 && threshold <= 1) {
		return nil, fmt.Errorf("a similarity of %g is not above 0 and at most 1", threshold)
	}
	if err := verify(ctx, l.db, "videos", "moments"); err != nil {
		return nil, explain(l.dir, err)
	}
	d := &Duplicates{Exact: []Copies{}, Near: []Near{}}
	exact, err := l.copies(ctx, d)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	moments, err := l.ordered(ctx)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	// By the mean of all, the mean cosine of two moments at random is its square.
	mean, err := l.mean()
	if err != nil {
		return nil, err
	}
	usual := compute.Dot(mean, mean)
	pairs := map[[2]int64][]match{}
	if err := l.compare(ctx, moments, threshold*(1-usual)+usual, threads, p, func(a, b int, cosine float64) {
		pair := [2]int64{moments[a].video, moments[b].video}
		pairs[pair] = append(pairs[pair], match{a, b, stretch(cosine, usual)})
	}); err != nil {
		return nil, explain(l.dir, err)
	}
	for pair, matches := range pairs {
		a, b := moments[matches[0].a], moments[matches[0].b]
		if exact[pair[0]] != "" && exact[pair[0]] == exact[pair[1]] {
			continue
		}
		if parts := l.parts(moments, matches); len(parts) > 0 {
			d.Near = append(d.Near, Near{a.path, b.path, parts})
		}
	}
	slices.SortFunc(d.Near, func(a, b Near) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return d, nil
}

// copies lists files of the same content, and returns the content of the videos
// that have some.
func (l *Library) copies(ctx context.Context, d *Duplicates) (map[int64]string, error) {
	of := map[int64]string{}
	var id int64
	var c Copies
	var path string
	err := each(ctx, l.db, `SELECT id, sha256, size, path FROM videos WHERE sha256 IN
		(SELECT sha256 FROM videos GROUP BY sha256 HAVING count(*) > 1) ORDER BY sha256, path`, nil,
		[]any{&id, &c.SHA256, &c.Bytes, &path}, func() error {
			of[id] = c.SHA256
			if n := len(d.Exact); n == 0 || d.Exact[n-1].SHA256 != c.SHA256 {
				d.Exact = append(d.Exact, c)
			}
			last := &d.Exact[len(d.Exact)-1]
			last.Videos = append(last.Videos, path)
			return nil
		})
	slices.SortFunc(d.Exact, func(a, b Copies) int { return cmp.Compare(a.Videos[0], b.Videos[0]) })
	return of, err
}

// placed is a moment in its video.
type placed struct {
	id, video  int64
	path       string
	start, end float64
	of         int // moments that the video has
}

// ordered lists all moments, those of a video together and in order of time.
func (l *Library) ordered(ctx context.Context) ([]placed, error) {
	var out []placed
	var m placed
	err := each(ctx, l.db, `SELECT moments.id, video, path, start, "end" FROM moments JOIN videos ON videos.id = video
		WHERE (SELECT generation FROM settings) = ? ORDER BY path, start`, []any{l.generation},
		[]any{&m.id, &m.video, &m.path, &m.start, &m.end}, func() error {
			out = append(out, m)
			return nil
		})
	for from := 0; from < len(out); {
		to := from
		for to < len(out) && out[to].video == out[from].video {
			to++
		}
		for i := from; i < to; i++ {
			out[i].of = to - from
		}
		from = to
	}
	return out, err
}

const (
	block    = 2048 // moments that are compared with as many at once
	bestOf   = 64   // matches of a moment that are looked at
	keepMost = 4 * bestOf
)

type match struct {
	a, b       int // moments
	similarity float64
}

// compare calls found with the pairs of moments of different videos, a before b,
// whose cosine is not below least, at most bestOf of each a.
func (l *Library) compare(ctx context.Context, moments []placed, least float64, threads int, p progress.Func, found func(a, b int, cosine float64)) error {
	n, e := len(moments), l.settings.Width
	bar := p.Start("compare", int64(n)*int64(n+1)/2, "pairs")
	defer bar.Finish()
	device := compute.NewCPU(threads)
	read := func(from int) (compute.Matrix, error) {
		to := min(from+block, n)
		ids := make([]int64, 0, to-from)
		for _, m := range moments[from:to] {
			ids = append(ids, m.id)
		}
		x, err := l.vectors.Get(ctx, ids)
		if err != nil {
			return compute.Matrix{}, err
		}
		y := device.Temp(to-from, e)
		device.Upload(y, x)
		return y, nil
	}
	cosines := make([]float32, block*block)
	few := float32(least - 1e-6) // what is below is passed over quickly
	for i := 0; i < n; i += block {
		matches := make([][]match, min(block, n-i))
		for j := i; j < n; j += block {
			if err := ctx.Err(); err != nil {
				return err
			}
			mark := device.Mark()
			a, err := read(i)
			if err != nil {
				return err
			}
			b := a
			if j != i {
				if b, err = read(j); err != nil {
					return err
				}
			}
			y := device.Temp(a.Rows, b.Rows)
			device.MulNT(y, a, b, 1, false)
			device.Download(cosines[:a.Rows*b.Rows], y)
			for row := range a.Rows {
				for col, c := range cosines[row*b.Rows : (row+1)*b.Rows] {
					if c < few || float64(c) < least || j+col <= i+row || moments[i+row].video == moments[j+col].video {
						continue
					}
					if matches[row] = append(matches[row], match{i + row, j + col, float64(c)}); len(matches[row]) == keepMost {
						matches[row] = best(matches[row])
					}
				}
			}
			device.Release(mark)
			if pairs := int64(a.Rows) * int64(b.Rows); j == i {
				bar.Add((pairs + int64(a.Rows)) / 2)
			} else {
				bar.Add(pairs)
			}
		}
		for _, row := range matches {
			for _, m := range best(row) {
				found(m.a, m.b, m.similarity)
			}
		}
	}
	return nil
}

// best are the most similar matches.
func best(m []match) []match {
	slices.SortFunc(m, func(x, y match) int { return cmp.Or(cmp.Compare(y.similarity, x.similarity), cmp.Compare(x.b, y.b)) })
	return m[:min(len(m), bestOf)]
}

// parts puts matches of two videos together: those of moments in a row that lie the
// same time apart. A moment belongs to one part at most.
func (l *Library) parts(moments []placed, matches []match) []Shared {
	hop := l.settings.Hop
	apart := func(m match) float64 { return math.Round((moments[m.b].start - moments[m.a].start) / hop) }
	slices.SortFunc(matches, func(x, y match) int {
		return cmp.Or(cmp.Compare(apart(x), apart(y)), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	var runs []Shared
	for from := 0; from < len(matches); {
		first := matches[from]
		sum, to := 0., from
		for ; to < len(matches) && apart(matches[to]) == apart(first); to++ {
			// One moment between two may fail to match.
			if to > from && moments[matches[to].a].start-moments[matches[to-1].a].start > 2.5*hop {
				break
			}
			sum += matches[to].similarity
		}
		a, b, n := moments[first.a], moments[first.b], to-from
		if n >= min(2, a.of, b.of) {
			last := matches[to-1]
			runs = append(runs, Shared{a.start, moments[last.a].end, b.start, moments[last.b].end, sum / float64(n), n})
		}
		from = to
	}
	slices.SortStableFunc(runs, func(x, y Shared) int {
		return cmp.Or(cmp.Compare(y.Moments, x.Moments), cmp.Compare(y.Similarity, x.Similarity))
	})
	// Windows overlap, so parts that follow one another may, by as much.
	slack := l.settings.Window - hop
	overlaps := func(s1, e1, s2, e2 float64) bool { return min(e1, e2)-max(s1, s2) > slack+1e-6 }
	var parts []Shared
	for _, r := range runs {
		if !slices.ContainsFunc(parts, func(s Shared) bool {
			return overlaps(r.StartA, r.EndA, s.StartA, s.EndA) || overlaps(r.StartB, r.EndB, s.StartB, s.EndB)
		}) {
			parts = append(parts, r)
		}
	}
	return parts
}
