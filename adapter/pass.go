package adapter

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// Pass is a forward pass with everything that its backward pass needs. It holds the
// backbone's lock until Release.
type Pass struct {
	// video [B,E] and text [C,E] are the embeddings, logits [B,C] their cosines
	// divided by the temperature. B counts windows, or segments of them.
	video, text, logits compute.Matrix
	dlogits             compute.Matrix // the gradient of logits, set by Loss
	labeled             int            // rows that Loss had targets for

	adapter    *Adapter
	classes    *Classes
	similarity nn.Similarity
	textTape   towers.TextTape
	videoTape  videoTape
	mark       compute.Mark

	// Gradients of the anchors, zero without.
	anchorText, anchorVideo compute.Matrix
}

// Forward encodes windows of frame features [B,T,E] and classes, and compares them. The
// temporal Transformer's residual applies to the windows in kept only; the others are
// the mean of their frames, as in stochastic depth (Huang et al. 2016). nil keeps it
// for all. Release must be called.
func (a *Adapter) Forward(features []float32, c *Classes, kept []int32) (*Pass, error) {
	return a.forward(features, nil, c, kept)
}

func (a *Adapter) forward(features []float32, ranges []compute.Range, c *Classes, kept []int32) (*Pass, error) {
	each := a.config.Frames * a.model.Config().Embed
	n := len(features) / each
	if ranges != nil {
		n = len(ranges)
	}
	switch {
	case len(features) == 0 || len(features)%each != 0:
		return nil, fmt.Errorf("windows for this adapter are [%d,%d], got %d values", a.config.Frames, each/a.config.Frames, len(features))
	case c == nil || a.towers.Text == nil:
		return nil, errors.New("no classes to compare with")
	}
	for _, i := range kept {
		if i < 0 || int(i) >= n {
			return nil, fmt.Errorf("row %d keeps the residual, but there are %d rows", i, n)
		}
	}
	a.towers.Lock()
	d, e := a.device, a.model.Config().Embed
	// Because of the lock, there is only one pass at a time, which uses the same memory.
	p := &a.pass
	p.adapter, p.classes, p.mark = a, c, d.Mark()
	p.anchorText, p.anchorVideo = compute.Matrix{}, compute.Matrix{}
	p.videoTape.kept = kept
	x := d.Temp(len(features)/e, e)
	d.Upload(x, features)
	p.video = d.Temp(n, e)
	a.encodeVideo(p.video, x, ranges, &p.videoTape)
	p.text = d.Temp(c.sequences.Texts(), e)
	a.encodeText(p.text, c, &p.textTape)
	p.similarity = *nn.NewSimilarity(d, p.video, p.text, a.scale())
	p.logits = p.similarity.Logits
	return p, nil
}

// Backward adds the gradients of the losses since Forward, Loss, UniformLoss and the
// anchors, to those of all learned tensors.
func (p *Pass) Backward() {
	d := p.adapter.device
	defer d.Release(d.Mark())
	dvideo, dtext := d.Temp(p.video.Rows, p.video.Cols), d.Temp(p.text.Rows, p.text.Cols)
	p.similarity.Backward(dvideo, dtext, p.dlogits)
	p.back(dvideo, dtext)
}

// back adds gradients to all learned tensors, given the gradients of both sides'
// embeddings, to which it adds those of the anchors.
func (p *Pass) back(dvideo, dtext compute.Matrix) {
	d := p.adapter.device
	if !p.anchorText.IsZero() {
		d.Add(dtext, p.anchorText)
	}
	if !p.anchorVideo.IsZero() {
		d.Add(dvideo, p.anchorVideo)
	}
	p.adapter.backText(dtext, p.classes, &p.textTape)
	p.adapter.backVideo(dvideo, &p.videoTape)
}

// Loss returns the cross entropy of the first len(target) windows against target,
// the class of each: the mean over these windows. The gradient of the others is 0
// unless UniformLoss follows.
func (p *Pass) Loss(target []int32) (float64, error) {
	d, n := p.adapter.device, len(target)
	if n > p.logits.Rows {
		return 0, fmt.Errorf("%d targets for %d windows", n, p.logits.Rows)
	}
	for i, class := range target {
		if class < 0 || int(class) >= p.logits.Cols {
			return 0, fmt.Errorf("target %d is class %d of %d", i, class, p.logits.Cols)
		}
	}
	p.dlogits, p.labeled = d.Temp(p.logits.Rows, p.logits.Cols), n
	if n < p.logits.Rows {
		d.Zero(p.dlogits.RowRange(n, p.logits.Rows))
	}
	return d.CrossEntropy(p.dlogits.RowRange(0, n), p.logits.RowRange(0, n), target), nil
}

// UniformLoss returns the loss of the windows that Loss had no target for: weight times
// the mean of their cross entropies against a distribution that is the same for all
// classes (Hendrycks et al. 2019). Without such windows it is 0.
func (p *Pass) UniformLoss(weight float64) float64 {
	n := p.logits.Rows
	if p.labeled == n {
		return 0
	}
	return nn.UniformLoss(p.adapter.device, p.dlogits.RowRange(p.labeled, n), p.logits.RowRange(p.labeled, n), weight)
}

// Release ends the pass.
func (p *Pass) Release() {
	p.adapter.device.Release(p.mark)
	p.adapter.towers.Unlock()
}
