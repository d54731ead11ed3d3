package library

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// Duplicates are videos, or parts of them, that are in a library more than once.
type Duplicates struct {
	Exact []ExactDuplicate `json:"exact"` // the same files
	Near  []NearDuplicate  `json:"near"`  // the same frames, in order of time
	// Changed are the duplicates that are left out, because their files have changed since
	// they were indexed.
	Changed []string `json:"changed"`
}

// ExactDuplicate is a set of files with the same content. Of links to one file, it has one path.
type ExactDuplicate struct {
	SHA256 string   `json:"sha256"`
	Bytes  int64    `json:"bytes"` // of each
	Videos []string `json:"videos"`
}

// NearDuplicate is a pair of videos that have frames in common, and the parts in which they
// do, the longest first.
type NearDuplicate struct {
	A     string       `json:"a"`
	B     string       `json:"b"`
	Parts []SharedPart `json:"parts"`
}

// SharedPart is a part of two videos that shows the same. The times are as exact as the
// library's hop.
type SharedPart struct {
	A          video.Span `json:"a"`
	B          video.Span `json:"b"`
	Similarity float64    `json:"similarity"` // mean over the moments
	Moments    int        `json:"moments"`    // number of moments that match
}

// DefaultThreshold is the default of `clipcue duplicates --min-similarity`.
const DefaultThreshold = 0.9

// Duplicates finds what is in the library twice. Two videos are near-duplicates where at
// least two moments in a row of one are at least as similar as threshold to moments in a
// row of the other, or all moments of the shorter one are. A similarity is (c-μ)/(1-μ) for
// the cosine c and its mean μ over the library: 0 for random moments, 1 for the same
// frames. Moments most of whose frames are blank are no evidence, see [Result].
//
// Every moment is compared with every other, so the time grows with the square of their
// number. Of the matches of a moment, only the 64 most similar are used. threads is the
// number of threads; 0 means all.
func (l *Library) Duplicates(ctx context.Context, threshold float64, threads int, p progress.Func) (*Duplicates, error) {
	if !(threshold > 0 && threshold <= 1) {
		return nil, fmt.Errorf("threshold must be above 0 and at most 1, got %g", threshold)
	}
	if err := verify(ctx, l.db, "videos", "moments"); err != nil {
		return nil, explain(l.dir, err)
	}
	d := &Duplicates{Exact: []ExactDuplicate{}, Near: []NearDuplicate{}, Changed: []string{}}
	exact, err := l.copies(ctx, d)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	moments, err := l.ordered(ctx)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	// The mean cosine of two random moments is the square of their mean's length.
	mean, err := l.meanEmbedding(ctx)
	if err != nil {
		return nil, err
	}
	usual := compute.Dot(mean, mean)
	pairs := map[[2]int64][]match{}
	c := comparison{l: l, moments: moments, least: threshold*(1-usual) + usual, block: block, threads: threads}
	if err := c.run(ctx, p, func(m match) {
		pair := [2]int64{moments[m.a].video, moments[m.b].video}
		pairs[pair] = append(pairs[pair], match{m.a, m.b, stretch(m.similarity, usual)})
	}); err != nil {
		return nil, explain(l.dir, err)
	}
	for pair, matches := range pairs {
		a, b := moments[matches[0].a], moments[matches[0].b]
		if exact[pair[0]] != "" && exact[pair[0]] == exact[pair[1]] {
			continue
		}
		if parts := l.parts(moments, matches); len(parts) > 0 {
			d.Near = append(d.Near, NearDuplicate{a.path, b.path, parts})
		}
	}
	slices.SortFunc(d.Near, func(a, b NearDuplicate) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return d, l.dropChanged(ctx, d)
}

// dropChanged leaves out videos that have changed since they were indexed: what is equal is
// their old content.
func (l *Library) dropChanged(ctx context.Context, d *Duplicates) error {
	var paths []string
	for _, c := range d.Exact {
		paths = append(paths, c.Videos...)
	}
	for _, n := range d.Near {
		paths = append(paths, n.A, n.B)
	}
	changed, err := l.Changed(ctx, paths)
	d.Changed = slices.AppendSeq(d.Changed, maps.Keys(changed))
	slices.Sort(d.Changed)
	for i := range d.Exact {
		c := &d.Exact[i]
		c.Videos = slices.DeleteFunc(c.Videos, func(path string) bool { return changed[path] })
	}
	d.Exact = slices.DeleteFunc(d.Exact, func(c ExactDuplicate) bool { return len(c.Videos) < 2 })
	d.Near = slices.DeleteFunc(d.Near, func(n NearDuplicate) bool { return changed[n.A] || changed[n.B] })
	return err
}

// copies lists files of the same content, and returns the content of videos that have
// copies.
func (l *Library) copies(ctx context.Context, d *Duplicates) (map[int64]string, error) {
	of := map[int64]string{}
	var id int64
	var c ExactDuplicate
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
	for i := range d.Exact {
		d.Exact[i].Videos = distinctFiles(d.Exact[i].Videos)
	}
	d.Exact = slices.DeleteFunc(d.Exact, func(c ExactDuplicate) bool { return len(c.Videos) < 2 })
	slices.SortFunc(d.Exact, func(a, b ExactDuplicate) int { return cmp.Compare(a.Videos[0], b.Videos[0]) })
	return of, err
}

// distinctFiles returns the paths of different files: of hard and symbolic links to one file, the first path that is
// no symbolic link. Missing files are different.
func distinctFiles(paths []string) (out []string) {
	var files []os.FileInfo
	for _, path := range paths {
		file, _ := os.Stat(path) // nil if it is missing, which is the same as no other file
		i := slices.IndexFunc(files, func(other os.FileInfo) bool { return os.SameFile(file, other) })
		switch {
		case i < 0:
			out, files = append(out, path), append(files, file)
		case isLink(out[i]) && !isLink(path):
			out[i] = path
		}
	}
	return out
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// placed is a moment in its video.
type placed struct {
	id, video  int64
	path       string
	start, end float64
	blank      bool // no evidence
	of         int  // moments of the video that are evidence
}

// ordered lists all moments, those of a video together and in order of time.
func (l *Library) ordered(ctx context.Context) ([]placed, error) {
	var out []placed
	var m placed
	var blank float64
	err := each(ctx, l.db, `SELECT moments.id, video, path, start, "end", coalesce(blank, 0) FROM moments JOIN videos ON videos.id = video
		WHERE (SELECT generation FROM settings) = ? ORDER BY path, start`, []any{l.generation},
		[]any{&m.id, &m.video, &m.path, &m.start, &m.end, &blank}, func() error {
			m.blank = blank > blankShare
			out = append(out, m)
			return nil
		})
	of := map[int64]int{}
	for _, m := range out {
		if !m.blank {
			of[m.video]++
		}
	}
	for i := range out {
		out[i].of = of[out[i].video]
	}
	return out, err
}

// parts merges matches of two videos: those of moments in a row with the same offset. A
// moment belongs to one part at most.
func (l *Library) parts(moments []placed, matches []match) []SharedPart {
	hop := l.settings.Hop
	offset := func(m match) float64 { return math.Round((moments[m.b].start - moments[m.a].start) / hop) }
	slices.SortFunc(matches, func(x, y match) int {
		return cmp.Or(cmp.Compare(offset(x), offset(y)), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	var runs []SharedPart
	for from := 0; from < len(matches); {
		first := matches[from]
		sum, to := 0., from
		for ; to < len(matches) && offset(matches[to]) == offset(first); to++ {
			// One moment between two may fail to match, and blank ones are not compared.
			if to > from && apart(moments, matches[to-1].a, matches[to].a, hop) > 2.5*hop {
				break
			}
			sum += matches[to].similarity
		}
		a, b, n := moments[first.a], moments[first.b], to-from
		if n >= min(2, a.of, b.of) {
			last := matches[to-1]
			runs = append(runs, SharedPart{video.Span{Start: a.start, End: moments[last.a].end}, video.Span{Start: b.start, End: moments[last.b].end}, sum / float64(n), n})
		}
		from = to
	}
	slices.SortStableFunc(runs, func(x, y SharedPart) int {
		return cmp.Or(cmp.Compare(y.Moments, x.Moments), cmp.Compare(y.Similarity, x.Similarity))
	})
	// Windows overlap, so consecutive parts may overlap by as much.
	slack := l.settings.Window - hop
	var parts []SharedPart
	for _, r := range runs {
		if !slices.ContainsFunc(parts, func(s SharedPart) bool {
			return r.A.Overlap(s.A) > slack+1e-6 || r.B.Overlap(s.B) > slack+1e-6
		}) {
			parts = append(parts, r)
		}
	}
	return parts
}

// apart returns the time between the starts of two moments of a video, without the blank
// ones between them.
func apart(moments []placed, from, to int, hop float64) float64 {
	between := moments[to].start - moments[from].start
	for _, m := range moments[min(from+1, to):to] {
		if m.blank {
			between -= hop
		}
	}
	return between
}
