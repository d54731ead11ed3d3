package adapter

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Anchor holds class embeddings [C,E] of the backbone alone, to which
// [Pass.AnchorText] ties the prompted classes.
type Anchor struct{ embeddings compute.Matrix }

// Anchor returns the embeddings that the backbone alone gives the named classes,
// averaged over templates; nil templates means [clip.Templates].
func (a *Adapter) Anchor(ctx context.Context, names, templates []string) (*Anchor, error) {
	if templates == nil {
		templates = clip.Templates
	}
	embeddings, err := a.model.EncodeClasses(ctx, names, templates, false)
	if err != nil {
		return nil, err
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	y := a.device.New(len(names), a.model.Config().Embed)
	a.device.Upload(y, embeddings)
	return &Anchor{y}, nil
}

// AnchorText keeps the prompted classes close to the backbone's own embeddings. It returns
// weight times the mean over the classes of 1 − cosine to the given rows of the
// anchor; nil rows means all in order. Backward adds the gradient. An anchor of another
// width, or rows that do not match the pass's classes, are an error.
func (p *Pass) AnchorText(to *Anchor, rows []int32, weight float64) (float64, error) {
	if err := to.check(rows, p.text); err != nil {
		return 0, err
	}
	d := p.adapter.device
	p.anchorText = d.Temp(p.text.Rows, p.text.Cols)
	defer d.Release(d.Mark())
	target := d.Temp(p.text.Rows, p.text.Cols)
	d.Gather(target, nil, to.embeddings, rows)
	return nn.CosineLoss(d, p.anchorText, p.text, target, weight), nil
}

// check returns an error unless rows refer to embeddings for the classes text [C,E].
func (a *Anchor) check(rows []int32, text compute.Matrix) error {
	if a == nil {
		return errors.New("no anchor embeddings")
	}
	n := len(rows)
	if rows == nil {
		n = a.embeddings.Rows
	}
	if n != text.Rows || a.embeddings.Cols != text.Cols {
		return fmt.Errorf("anchor has %d embeddings of width %d for %d classes of width %d", n, a.embeddings.Cols, text.Rows, text.Cols)
	}
	for i, r := range rows {
		if r < 0 || int(r) >= a.embeddings.Rows {
			return fmt.Errorf("class %d is row %d of an anchor with %d embeddings", i, r, a.embeddings.Rows)
		}
	}
	return nil
}

// AnchorVideo ties the temporal Transformer to the backbone's space. It returns weight
// times the mean over the windows of 1 − cosine between their embedding and the mean
// of their frames. Backward adds the gradient.
func (p *Pass) AnchorVideo(weight float64) float64 {
	d := p.adapter.device
	p.anchorVideo = d.Temp(p.video.Rows, p.video.Cols)
	return nn.CosineLoss(d, p.anchorVideo, p.video, p.videoTape.frames, weight)
}
