package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// pooling turns the rows after the last block into one row per image: y [n,…] for x.
type pooling interface {
	forward(y, x compute.Matrix, l *layout)
}

// poolings are the ways to pool the rows of an image.
var poolings = map[Pool]func(t *ImageTower, b *nn.Builder) pooling{
	PoolToken:     func(t *ImageTower, _ *nn.Builder) pooling { return tokenPool{t.lnPost} },
	PoolMean:      func(t *ImageTower, _ *nn.Builder) pooling { return meanPool{t} },
	PoolNormMean:  func(t *ImageTower, _ *nn.Builder) pooling { return normMeanPool{t} },
	PoolAttention: newAttentionPool,
}

// tokenPool takes the class rows, which are all of x.
type tokenPool struct{ norm *nn.LayerNorm }

func (p tokenPool) forward(y, x compute.Matrix, _ *layout) { p.norm.Forward(y, x) }

type meanPool struct{ *ImageTower }

func (p meanPool) forward(y, x compute.Matrix, l *layout) {
	defer p.device.Release(p.device.Mark())
	mean := p.device.Temp(y.Rows, x.Cols)
	p.device.Mean(mean, x, l.patches)
	p.lnPost.Forward(y, mean)
}

type normMeanPool struct{ *ImageTower }

func (p normMeanPool) forward(y, x compute.Matrix, l *layout) {
	p.lnPost.Forward(x, x)
	p.device.Mean(y, x, l.patches)
}

type attentionPool struct {
	*ImageTower
	attention *nn.AttentionPool
	after     *nn.LayerNorm // nil if there is none
}

func newAttentionPool(t *ImageTower, b *nn.Builder) pooling {
	p := attentionPool{ImageTower: t, attention: b.AttentionPool(VisionPool, t.size.Image.Attention)}
	if t.size.Image.PoolNorm {
		p.after = b.LayerNorm(VisionPool+".ln_post", t.size.PoolWidth(), t.size.Vision.Eps)
	}
	return p
}

func (p attentionPool) forward(y, x compute.Matrix, l *layout) {
	p.lnPost.Forward(x, x)
	p.attention.Forward(y, x, l.attends.Last)
	if p.after != nil {
		p.after.Forward(y, y)
	}
}
