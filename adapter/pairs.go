package adapter

import (
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/nn"
)

// Texts lays out sentences as [Adapter.Classes] does names, but cuts those
// that do not fit between the prompt vectors; cut is how many. A sentence
// without any token is an error.
func (a *Adapter) Texts(sentences []string) (c *Classes, cut int, err error) {
	tok := a.model.Tokenizer()
	if tok == nil {
		return nil, 0, clip.ErrNoTower
	}
	if len(sentences) == 0 {
		return nil, 0, errors.New("no sentences were given")
	}
	tokens, room := make([][]int, len(sentences)), a.room()
	for i, s := range sentences {
		ids := tok.Encode(s)
		if len(ids) == 0 {
			return nil, 0, fmt.Errorf("sentence %d, %q, has no tokens", i+1, s)
		}
		if len(ids) > room {
			ids = ids[:room]
			cut++
		}
		tokens[i] = ids
	}
	return a.layOut(tokens, tok.SOT(), tok.EOT()), cut, nil
}

// EncodeTexts returns the embeddings [n,E] of prompted sentences, not
// normalized, and how many had to be cut.
func (a *Adapter) EncodeTexts(sentences []string) (embeddings []float32, cut int, err error) {
	const most = 64 // sentences a pass
	e := a.model.Config().Embed
	for from := 0; from < len(sentences) || from == 0; from += most {
		c, n, err := a.Texts(sentences[from:min(from+most, len(sentences))])
		if err != nil {
			return nil, 0, err
		}
		cut += n
		a.towers.Lock()
		mark := a.device.Mark()
		y := a.device.Temp(len(c.sequences.Lengths), e)
		a.encodeText(y, c, nil)
		out := make([]float32, y.Rows*e)
		a.device.Download(out, y)
		a.device.Release(mark)
		a.towers.Unlock()
		embeddings = append(embeddings, out...)
	}
	return embeddings, cut, nil
}

// ContrastiveLoss is the loss of retrieval over windows and sentences that belong together
// row by row: the mean of the cross entropies of each window against all
// sentences and of each sentence against all windows (Ju et al., section 3.3). It
// adds to the gradients of all learned tensors, the anchors' included.
//
// same are keys of the rows, such as the videos and the sentences' text: rows with
// one key in common are not one another's negatives.
func (p *Pass) ContrastiveLoss(same ...[]string) float64 {
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
	return loss
}

// Temperature is τ as it is.
func (a *Adapter) Temperature() float64 {
	if a.logScale == nil {
		return a.config.Temperature
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	return 1 / float64(a.scale())
}

// ClipTemperature brings a τ that is learned back to at least 0.01, where CLIP
// stops.
func (a *Adapter) ClipTemperature() {
	if a.logScale == nil {
		return
	}
	if least := 0.01; a.Temperature() < least {
		a.device.Upload(a.logScale.Value, []float32{float32(-math.Log(least))})
	}
}
