package adapter

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/nn"
)

// Texts lays out texts as [Adapter.Classes] does names, but truncates those that do
// not fit between the prompt vectors; truncated is their number. A text without any
// token is an error.
func (a *Adapter) Texts(texts []string) (c *Classes, truncated int, err error) {
	tok := a.model.Tokenizer()
	if tok == nil {
		return nil, 0, clip.ErrNoTower
	}
	if len(texts) == 0 {
		return nil, 0, errors.New("no texts")
	}
	tokens, room := make([][]int, len(texts)), a.room()
	for i, s := range texts {
		ids := tok.Encode(s)
		if len(ids) == 0 {
			return nil, 0, fmt.Errorf("text %d, %q, has no tokens", i+1, s)
		}
		if len(ids) > room {
			ids = ids[:room]
			truncated++
		}
		tokens[i] = ids
	}
	return a.layOut(tokens, tok), truncated, nil
}

// EncodeTexts returns the embeddings [n,E] of prompted texts, not normalized, and how
// many were truncated.
func (a *Adapter) EncodeTexts(ctx context.Context, texts []string) (embeddings []float32, truncated int, err error) {
	const batch = 64 // texts per pass
	e := a.model.Config().Embed
	for from := 0; from < len(texts) || from == 0; from += batch {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		c, n, err := a.Texts(texts[from:min(from+batch, len(texts))])
		if err != nil {
			return nil, 0, err
		}
		truncated += n
		a.towers.Lock()
		mark := a.device.Mark()
		y := a.device.Temp(c.sequences.Texts(), e)
		a.encodeText(y, c, nil)
		out := make([]float32, y.Rows*e)
		a.device.Download(out, y)
		a.device.Release(mark)
		a.towers.Unlock()
		embeddings = append(embeddings, out...)
	}
	return embeddings, truncated, nil
}

// ContrastiveLoss returns the loss of retrieval over windows and texts that belong
// together row by row: the mean of the cross entropies of each window against all
// texts and of each text against all windows (Ju et al., section 3.3). It adds the
// gradients, including those of the anchors, to all learned tensors.
//
// same are lists of keys, one per row, such as the videos and the texts: rows that share
// a key are not negatives of each other. Different numbers of windows, texts or keys are an
// error; an empty list of keys is ignored.
func (p *Pass) ContrastiveLoss(same ...[]string) (float64, error) {
	if p.video.Rows != p.text.Rows {
		return 0, fmt.Errorf("pairs of %d windows and %d texts", p.video.Rows, p.text.Rows)
	}
	for _, keys := range same {
		if n := len(keys); n > 0 && n != p.text.Rows {
			return 0, fmt.Errorf("%d keys for %d pairs", n, p.text.Rows)
		}
	}
	a, d := p.adapter, p.adapter.device
	defer d.Release(d.Mark())
	dvideo, dtext := d.Temp(p.video.Rows, p.video.Cols), d.Temp(p.text.Rows, p.text.Cols)
	loss, dscale := nn.ContrastiveLoss(d, dvideo, dtext, p.video, p.text, a.scale(), nn.PairMask(d, same...))
	if a.logScale != nil {
		var g [1]float32
		d.Download(g[:], a.logScale.Grad)
		g[0] += float32(dscale)
		d.Upload(a.logScale.Grad, g[:])
	}
	p.back(dvideo, dtext)
	return loss, nil
}

// Temperature returns the current τ.
func (a *Adapter) Temperature() float64 {
	if a.logScale == nil {
		return a.config.Temperature
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	return 1 / float64(a.scale())
}

// LimitTemperature limits a learned τ to at least 0.01, CLIP's own limit.
func (a *Adapter) LimitTemperature() {
	if a.logScale == nil {
		return
	}
	if lowest := 0.01; a.Temperature() < lowest {
		a.device.Upload(a.logScale.Value, []float32{float32(-math.Log(lowest))})
	}
}
