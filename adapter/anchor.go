package adapter

import (
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Templates returns the embeddings [C,E] that the backbone by itself gives names,
// averaged over templates, for [Pass.AnchorText]. nil means [clip.Templates].
func (a *Adapter) Templates(names, templates []string) (compute.Matrix, error) {
	if templates == nil {
		templates = clip.Templates
	}
	embeddings, err := a.model.EncodeClasses(names, templates, false)
	if err != nil {
		return compute.Matrix{}, err
	}
	a.model.Lock()
	defer a.model.Unlock()
	y := a.device.New(len(names), a.model.Config().Embed)
	a.device.Upload(y, embeddings)
	return y, nil
}

// AnchorText ties the prompted classes to what the backbone knows of them: it
// returns weight times the mean over the classes of 1 − cosine to the rows of to
// [·,E], which nil takes in order, and adds the gradient in Backward.
func (p *Pass) AnchorText(to compute.Matrix, rows []int32, weight float64) float64 {
	d := p.adapter.device
	p.anchorText = d.Temp(p.Text.Rows, p.Text.Cols)
	defer d.Release(d.Mark())
	target := d.Temp(p.Text.Rows, p.Text.Cols)
	d.Gather(target, nil, to, rows)
	return nn.Anchor(d, p.anchorText, p.Text, target, weight)
}

// AnchorVideo ties the temporal Transformer to the backbone's space: it returns
// weight times the mean over the windows of 1 − cosine of their embedding to the
// mean of their frames, and adds the gradient in Backward.
func (p *Pass) AnchorVideo(weight float64) float64 {
	d := p.adapter.device
	p.anchorVideo = d.Temp(p.Video.Rows, p.Video.Cols)
	return nn.Anchor(d, p.anchorVideo, p.Video, p.video.frames, weight)
}
