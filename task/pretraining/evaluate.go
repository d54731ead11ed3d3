package pretraining

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/video"
)

// Result holds the metrics of a model on held-out pairs. Shares are from 0 to 1.
type Result struct {
	Pairs  int `json:"pairs"`  // evaluated
	Failed int `json:"failed"` // unreadable
	// Retrieval: how often the nearest caption in a group is that of the image, and the
	// nearest image that of the caption. Equal captions, and all captions of an image, count
	// as correct for each other.
	ImageToText float64 `json:"image_to_text"`
	TextToImage float64 `json:"text_to_image"`
	Group       int     `json:"group"` // pairs in a group
	// ZeroShot is the share of the labeled images that are classified correctly among all
	// labels, by name alone.
	ZeroShot float64 `json:"zero_shot"`
	Labeled  int     `json:"labeled"`
	Labels   int     `json:"labels"`
}

// Evaluate returns the metrics of a model on pairs spread evenly over each set. Images are
// classified among the labels of all sets. It calls failed, if not nil, for pairs that cannot
// be read. The shares of a set without readable pairs are 0.
func Evaluate(ctx context.Context, m *clip.Model, sets []EvalSet, e Evaluation, failed func(name string, err error)) ([]Result, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	embedded := make([]*embedded, len(sets))
	var labels []string
	for i, s := range sets {
		var err error
		if embedded[i], err = embed(ctx, m, s.Pairs, min(e.Pairs, s.Pairs.Len()), failed); err != nil {
			return nil, err
		}
		for _, l := range embedded[i].labels {
			if l != "" {
				labels = append(labels, l)
			}
		}
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	var classes []float32
	if len(labels) > 0 {
		var err error
		// Truncated, as the training captions were.
		if classes, err = m.EncodeClasses(ctx, labels, e.Templates, true); err != nil {
			return nil, err
		}
	}
	out := make([]Result, len(sets))
	for i, s := range embedded {
		r := Result{Pairs: len(s.captions), Failed: s.failed, Group: min(e.Group, len(s.captions)), Labels: len(labels)}
		s.retrieve(&r)
		s.name(&r, labels, classes)
		out[i] = r
	}
	return out, nil
}

// embedded is a set of pairs as normalized features [n,width].
type embedded struct {
	width                   int
	images, texts           []float32
	names, captions, labels []string
	failed                  int
}

// embed reads and encodes n pairs, spread evenly, because files may be sorted by label.
func embed(ctx context.Context, m *clip.Model, p Pairs, n int, failed func(string, error)) (*embedded, error) {
	out := &embedded{width: m.Config().Embed}
	number := func(i int) int { return i * p.Len() / n }
	const chunk = 64
	pairs, errs := make([]Pair, chunk), make([]error, chunk)
	resizers := make([]video.Resizer, runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+chunk, n)
		var workers sync.WaitGroup
		for w := range resizers {
			workers.Go(func() {
				defer crash.Recover()
				for i := from + w; i < to; i += len(resizers) {
					pairs[i-from], errs[i-from] = read(p, number(i), m.Config(), &resizers[w])
				}
			})
		}
		workers.Wait()
		var rgb []byte
		var captions []string
		for i := range to - from {
			if errs[i] != nil {
				if out.failed++; failed != nil {
					failed(p.Name(number(from+i)), errs[i])
				}
				continue
			}
			rgb = append(rgb, pairs[i].Image.Pix...)
			captions = append(captions, pairs[i].Caption)
			out.names = append(out.names, p.Name(number(from+i)))
			out.labels = append(out.labels, pairs[i].Label)
		}
		if len(captions) == 0 {
			continue
		}
		images, err := m.EncodeImages(ctx, rgb)
		if err != nil {
			return nil, err
		}
		texts, err := m.EncodeTexts(ctx, captions, true)
		if err != nil {
			return nil, err
		}
		out.captions = append(out.captions, captions...)
		out.images, out.texts = append(out.images, images...), append(out.texts, texts...)
	}
	clip.Normalize(out.images, out.width)
	clip.Normalize(out.texts, out.width)
	for _, x := range [][]float32{out.images, out.texts} {
		if slices.ContainsFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }) {
			return nil, errors.New("the model's features are not finite numbers")
		}
	}
	return out, nil
}

// read reads a pair and resizes its image to the size of the model.
func read(p Pairs, i int, c clip.Config, r *video.Resizer) (Pair, error) {
	pair, err := p.Pair(i)
	if err != nil {
		return pair, err
	}
	if pair.Caption == "" {
		return pair, errors.New("its caption is empty")
	}
	f, err := r.Resize(pair.Image, c.ImageSize, c.Fit)
	f.Pix = slices.Clone(f.Pix)
	pair.Image = f
	return pair, err
}

// retrieve compares the pairs within random groups, which are the same in every call. Pairs
// beyond the last complete group are not used.
func (s *embedded) retrieve(r *Result) {
	if r.Group == 0 {
		return
	}
	belong := func(i, j int) bool { return s.captions[i] == s.captions[j] || s.names[i] == s.names[j] }
	n := len(s.captions) / r.Group * r.Group
	order := rand.New(rand.NewPCG(0, 0)).Perm(len(s.captions))
	images, texts := 0, 0
	for from := 0; from < n; from += r.Group {
		group := order[from : from+r.Group]
		for _, i := range group {
			if j := nearest(s.image(i), group, s.text); j >= 0 && belong(i, j) {
				images++
			}
			if j := nearest(s.text(i), group, s.image); j >= 0 && belong(i, j) {
				texts++
			}
		}
	}
	r.ImageToText, r.TextToImage = float64(images)/float64(n), float64(texts)/float64(n)
}

// name classifies each image by the embeddings [C,width] of the labels.
func (s *embedded) name(r *Result, labels []string, classes []float32) {
	all := make([]int, len(labels))
	for i := range all {
		all[i] = i
	}
	right := 0
	for i, l := range s.labels {
		if l == "" {
			continue
		}
		r.Labeled++
		if j := nearest(s.image(i), all, func(j int) []float32 { return classes[j*s.width:][:s.width] }); j >= 0 && labels[j] == l {
			right++
		}
	}
	r.ZeroShot = float64(right) / float64(max(r.Labeled, 1))
}

func (s *embedded) image(i int) []float32 { return s.images[i*s.width:][:s.width] }
func (s *embedded) text(i int) []float32  { return s.texts[i*s.width:][:s.width] }

// nearest returns the row with the largest dot product with x, or -1 if all products are
// NaN.
func nearest(x []float32, among []int, row func(i int) []float32) int {
	best, at := math.Inf(-1), -1
	for _, i := range among {
		var sum float64
		for k, v := range row(i) {
			sum += float64(v) * float64(x[k])
		}
		if sum > best {
			best, at = sum, i
		}
	}
	return at
}
