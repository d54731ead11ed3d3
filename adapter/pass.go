package adapter

import (
	"math/rand/v2"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Pass is a forward pass that is kept for its backward pass. It holds the
// backbone's lock until Release.
type Pass struct {
	// Video [B,E] and Text [C,E] are the embeddings, Logits [B,C] their cosines
	// over the temperature. B counts windows, or segments of them.
	Video, Text, Logits compute.Matrix

	adapter    *Adapter
	classes    *Classes
	similarity nn.Similarity
	text       clip.TextTape
	video      videoTape
	mark       compute.Mark

	// Gradients of the anchors, zero without.
	anchorText, anchorVideo compute.Matrix
}

// Forward encodes windows of frame features [B,T,E] and classes and compares
// them. Release must be called.
func (a *Adapter) Forward(features []float32, c *Classes) *Pass {
	return a.ForwardKeeping(features, c, nil)
}

// ForwardKeeping is Forward with the temporal Transformer's residual for some
// windows alone; the others are the mean of their frames, as in stochastic depth
// (Huang et al. 2016). nil keeps it for all.
func (a *Adapter) ForwardKeeping(features []float32, c *Classes, kept []int32) *Pass {
	return a.forward(features, nil, c, kept)
}

func (a *Adapter) forward(features []float32, ranges []compute.Range, c *Classes, kept []int32) *Pass {
	a.model.Lock()
	d, e := a.device, a.model.Config().Embed
	// The lock makes it the only pass, so one keeps the memory for all.
	p := &a.pass
	p.adapter, p.classes, p.mark = a, c, d.Mark()
	p.anchorText, p.anchorVideo = compute.Matrix{}, compute.Matrix{}
	p.video.kept = kept
	rows := len(features) / e
	x, n := d.Temp(rows, e), rows/a.config.Frames
	if ranges != nil {
		n = len(ranges)
	}
	d.Upload(x, features)
	p.Video = d.Temp(n, e)
	a.encodeVideo(p.Video, x, ranges, &p.video)
	p.Text = d.Temp(len(c.sequences.Lengths), e)
	a.encodeText(p.Text, c, &p.text)
	p.similarity = *nn.NewSimilarity(d, p.Video, p.Text, a.scale())
	p.Logits = p.similarity.Logits
	return p
}

// Keep draws which of n windows [Adapter.ForwardKeeping] keeps the residual of, where
// each loses it with probability drop; nil for all.
func Keep(n int, drop float64, rng *rand.Rand) []int32 {
	if drop == 0 {
		return nil
	}
	kept := []int32{}
	for i := range n {
		if rng.Float64() >= drop {
			kept = append(kept, int32(i))
		}
	}
	return kept
}

// Backward adds to the gradients of all learned tensors for dlogits [B,C] and the
// anchors.
func (p *Pass) Backward(dlogits compute.Matrix) {
	d := p.adapter.device
	defer d.Release(d.Mark())
	dvideo, dtext := d.Temp(p.Video.Rows, p.Video.Cols), d.Temp(p.Text.Rows, p.Text.Cols)
	p.similarity.Backward(dvideo, dtext, dlogits)
	p.back(dvideo, dtext)
}

// back adds to the gradients of all learned tensors for those of both sides'
// embeddings, to which it adds the anchors'.
func (p *Pass) back(dvideo, dtext compute.Matrix) {
	d := p.adapter.device
	if !p.anchorText.IsZero() {
		d.Add(dtext, p.anchorText)
	}
	if !p.anchorVideo.IsZero() {
		d.Add(dvideo, p.anchorVideo)
	}
	p.adapter.backText(dtext, p.classes, &p.text)
	p.adapter.backVideo(dvideo, &p.video)
}

// Loss is the cross entropy against target [B], the mean over the windows, with
// its gradient dlogits [B,C], valid until Release.
func (p *Pass) Loss(target []int32) (loss float64, dlogits compute.Matrix) {
	d := p.adapter.device
	dlogits = d.Temp(p.Logits.Rows, p.Logits.Cols)
	return d.CrossEntropy(dlogits, p.Logits, target), dlogits
}

// Release ends the pass.
func (p *Pass) Release() {
	p.adapter.device.Release(p.mark)
	p.adapter.model.Unlock()
}
