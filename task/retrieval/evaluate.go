package retrieval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/internal/bridge"
)

// Evaluation selects what is measured in addition to the ranks by similarity.
type Evaluation struct {
	// DualSoftmax also ranks by the dual softmax. It needs all queries of the test set
	// at once, so it does not apply to single queries.
	DualSoftmax bool
	// QueryBank holds texts from outside the test set, with which QB-Norm corrects videos
	// that are found too often; nil for none.
	QueryBank []string
}

// Result holds the recall of a retriever on a set.
type Result struct {
	Videos    int `json:"videos"`    // that were embedded
	Captions  int `json:"captions"`  // of these
	Missing   int `json:"missing"`   // captions of videos without features
	Truncated int `json:"truncated"` // captions that were too long for the model
	// Rows holds one entry per ranking method; the first is similarity alone.
	Rows []Row `json:"rows"`

	set           *Set
	texts, videos []float32
	width         int
	tau           float64
	ofVideos      []int // ranks by similarity
}

// Row is the result of one ranking method.
type Row struct {
	Name        string  `json:"name"`
	TextToVideo Recall  `json:"text_to_video"`
	VideoToText *Recall `json:"video_to_text,omitempty"` // by the best of its captions
}

// The names of rows.
const (
	RowCosine      = "similarity"
	RowDualSoftmax = "dual softmax, uses the whole test set"
	RowQueryBank   = "query bank"
)

// Evaluate returns the recall of a retriever on a set, from the rank of each caption's video
// among all videos and of each video's best caption among all captions.
func (r *Retriever) Evaluate(ctx context.Context, s *Set, e Evaluation) (*Result, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	out := &Result{Videos: len(s.Videos), Captions: len(s.Captions), Missing: len(s.Missing),
		set: s, width: r.model.Config().Embed, tau: r.Temperature()}
	var err error
	if out.texts, out.Truncated, err = r.texts(ctx, s.Texts()); err != nil {
		return nil, err
	}
	if out.videos, err = r.embed(ctx, s); err != nil {
		return nil, err
	}
	p := r.pairing(out.texts, out.videos)
	for _, c := range s.Captions {
		p.video = append(p.video, c.Video)
	}
	row := func(name string, byText, byVideo score) ([]int, error) {
		ofTexts, ofVideos, err := p.ranks(ctx, byText, byVideo)
		if err != nil {
			return nil, err
		}
		row := Row{Name: name, TextToVideo: recall(ofTexts)}
		if byVideo != nil {
			v := recall(ofVideos)
			row.VideoToText = &v
		}
		out.Rows = append(out.Rows, row)
		return ofVideos, nil
	}
	if out.ofVideos, err = row(RowCosine, plain, plain); err != nil {
		return nil, err
	}
	if e.DualSoftmax {
		byText, byVideo, err := p.dualSoftmax(ctx, out.tau)
		if err != nil {
			return nil, err
		}
		if _, err := row(RowDualSoftmax, byText, byVideo); err != nil {
			return nil, err
		}
	}
	if e.QueryBank != nil {
		bank, err := r.EncodeTexts(ctx, e.QueryBank)
		if err != nil {
			return nil, fmt.Errorf("query bank: %w", err)
		}
		byText, err := p.queryBank(ctx, r.pairing(bank, out.videos))
		if err != nil {
			return nil, err
		}
		if _, err := row(RowQueryBank, byText, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// check returns an error unless the set has at least two videos to choose from.
func (s *Set) check() error {
	switch {
	case s == nil || len(s.Videos) == 0:
		return errors.New("the set has no videos")
	case slices.ContainsFunc(s.Captions, func(c Caption) bool { return c.Video < 0 || c.Video >= len(s.Videos) }):
		return errors.New("a caption refers to a video outside the set")
	case len(s.Videos) < 2:
		return fmt.Errorf("retrieval needs at least two videos, but the set has only %s", s.Videos[0].ID)
	}
	return nil
}

// embed returns the embeddings [V,E] of a set's videos.
func (r *Retriever) embed(ctx context.Context, s *Set) ([]float32, error) {
	const chunk = 64 // videos at once
	var out []float32
	for from := 0; from < len(s.Videos); from += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var windows []float32
		for _, v := range s.Videos[from:min(from+chunk, len(s.Videos))] {
			q, first, last, err := s.source.Segment(v.ID, v.Start, v.End)
			if err != nil {
				return nil, err
			}
			windows = r.window(windows, q, first, last)
		}
		y, err := r.videos(ctx, windows)
		if err != nil {
			return nil, err
		}
		out = append(out, y...)
	}
	return out, nil
}

// pairing returns the similarities of embeddings of unit length, texts [n,E] and videos
// [m,E].
func (r *Retriever) pairing(texts, videos []float32) *pairing {
	e, t := r.model.Config().Embed, bridge.Towers(r.model)
	d := t.Device
	return &pairing{texts: len(texts) / e, videos: len(videos) / e, piece: func(dst []float32, t0, t1, v0, v1 int) {
		t.Lock()
		defer t.Unlock()
		defer d.Release(d.Mark())
		a, b, y := d.Temp(t1-t0, e), d.Temp(v1-v0, e), d.Temp(t1-t0, v1-v0)
		d.Upload(a, texts[t0*e:t1*e])
		d.Upload(b, videos[v0*e:v1*e])
		d.MulNT(y, a, b, 1, false)
		d.Download(dst, y)
	}}
}

// Example is a video with the captions that are ranked first for it.
type Example struct {
	Video   Video
	Caption string // its own caption with the best rank
	Rank    int    // of Caption
	Top     []ScoredCaption
}

// ScoredCaption is a caption with its probability among all captions.
type ScoredCaption struct {
	Caption string
	Score   float64
}

// Examples returns up to n videos, sorted by decreasing rank, each with the given number of
// captions that are ranked first. If possible, half of the videos have the caption of
// another video at rank 1.
func (r *Result) Examples(n, few int) []Example {
	n, few = max(n, 0), max(few, 0)
	order := make([]int, len(r.ofVideos))
	for i := range order {
		order[i] = i
	}
	// Correct ones keep the order of the set.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.ofVideos[b], r.ofVideos[a]) })
	wrong := slices.IndexFunc(order, func(v int) bool { return r.ofVideos[v] == 1 })
	if wrong < 0 {
		wrong = len(order)
	}
	k := min(wrong, max(n/2, n-(len(order)-wrong)))
	var out []Example
	for _, v := range append(slices.Clone(order[:k]), order[wrong:min(wrong+n-k, len(order))]...) {
		out = append(out, r.example(v, few))
	}
	return out
}

func (r *Result) example(video, few int) Example {
	e := r.width
	scores, order := make([]float64, len(r.set.Captions)), make([]int, len(r.set.Captions))
	norm := logSum{largest: math.Inf(-1)}
	for t := range scores {
		for j, v := range r.videos[video*e : (video+1)*e] {
			scores[t] += float64(v * r.texts[t*e+j])
		}
		norm.add(scores[t] / r.tau)
		order[t] = t
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	own := slices.IndexFunc(order, func(t int) bool { return r.set.Captions[t].Video == video })
	x := Example{Video: r.set.Videos[video], Caption: r.set.Captions[order[own]].Text, Rank: r.ofVideos[video]}
	for _, t := range order[:min(few, len(order))] {
		x.Top = append(x.Top, ScoredCaption{r.set.Captions[t].Text, math.Exp(scores[t]/r.tau - norm.value())})
	}
	return x
}
