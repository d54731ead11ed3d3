package server

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clipcue/clipcue/library"
)

// printable returns a name for JSON: file names need not be UTF-8.
func printable(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// address returns the address of a thumbnail. Thumbnails of a number can change only when
// the library is re-indexed, which gives the video a new number or the library a new
// generation.
func (x *snapshot) address(p library.Picture) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	generation, _, _ := strings.Cut(x.revision.Moments, " ")
	return fmt.Sprintf("%s/videos/%d/thumbnails/%d?v=%s", prefix, p.Video, p.Number, generation)
}

// ofResult describes a result of a search, without Changed: it is kept for later requests.
func (x *snapshot) ofResult(r library.Result) Moment {
	name, folder := x.place(r.Video)
	return Moment{Video: r.Picture().Video, Name: printable(name), Folder: printable(folder), Start: r.Start, End: r.End, Best: r.Best,
		Thumbnail: x.address(r.Picture()), Score: r.Score, Cosine: r.Cosine, Missing: r.Missing, Blank: r.Blank}
}

// compared returns moments with Changed as it is now, and whether one has changed.
func (x *snapshot) compared(moments []Moment) (out []Moment, changed bool) {
	now := map[int64]bool{} // by video
	for _, m := range moments {
		if _, known := now[m.Video]; !known {
			_, err := x.unchanged(m.Video)
			now[m.Video] = errors.Is(err, library.ErrChanged)
		}
		m.Changed = now[m.Video]
		out, changed = append(out, m), changed || m.Changed
	}
	return out, changed
}

// ofSuggestion describes a moment that a label scores.
func (x *snapshot) ofSuggestion(g library.Suggestion) Moment {
	name, folder := x.place(g.Video)
	m := Moment{Video: g.Picture.Video, Name: printable(name), Folder: printable(folder), Start: g.Start, End: g.End, Best: g.Start,
		Thumbnail: x.address(g.Picture), Score: logistic(g.Score)}
	if v := x.byID[m.Video]; v != nil {
		m.Missing, m.Changed = v.Missing, v.Unchanged() != nil
	}
	return m
}

func (x *snapshot) ofSuggestions(all []library.Suggestion) []Moment {
	out := []Moment{}
	for _, g := range all {
		out = append(out, x.ofSuggestion(g))
	}
	return out
}

// logistic returns the probability for a log-odds.
func logistic(score float64) float64 { return 1 / (1 + math.Exp(-score)) }
