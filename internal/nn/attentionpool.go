package nn

import "github.com/clipcue/clipcue/internal/compute"

// PoolConfig holds the sizes of an attention pool.
type PoolConfig struct {
	In           int // width of the rows
	Width, Heads int
	MLP          int // width of the hidden layer; 0 means no MLP
	Act          compute.Activation
	Eps          float32
}

// AttentionPool makes one row of many: a learned query attends to them, and an MLP follows.
//
//	x = out(attention(q of probe, k, v of the rows))
//	x = x + c_proj(act(c_fc(layernorm(x))))
//
// Nothing can be learned in it.
type AttentionPool struct {
	device   compute.Device
	size     PoolConfig
	query    compute.Matrix // [1,Width], projected
	kv, out  *Linear
	norm     *LayerNorm // nil without an MLP, like fc and proj
	fc, proj *Linear
	attends  compute.AttentionShape
}

// PoolTensors lists the tensors of an attention pool under name with their shapes.
func PoolTensors(name string, s PoolConfig, f func(name string, shape ...int)) {
	f(name+".probe", s.Width)
	f(name+".q.weight", s.Width, s.Width)
	f(name+".q.bias", s.Width)
	f(name+".kv.weight", 2*s.Width, s.In)
	f(name+".kv.bias", 2*s.Width)
	f(name+".out.weight", s.Width, s.Width)
	f(name+".out.bias", s.Width)
	if s.MLP == 0 {
		return
	}
	f(name+".layernorm.weight", s.Width)
	f(name+".layernorm.bias", s.Width)
	f(name+".mlp.c_fc.weight", s.MLP, s.Width)
	f(name+".mlp.c_fc.bias", s.MLP)
	f(name+".mlp.c_proj.weight", s.Width, s.MLP)
	f(name+".mlp.c_proj.bias", s.Width)
}

// AttentionPool returns a pool of the tensors under name.
func (b *Builder) AttentionPool(name string, s PoolConfig) *AttentionPool {
	linear := func(part string, out, in int) *Linear {
		return b.Linear(name+part+".weight", name+part+".bias", out, in)
	}
	d := b.Device
	p := &AttentionPool{device: d, size: s, query: d.New(1, s.Width), kv: linear(".kv", 2*s.Width, s.In), out: linear(".out", s.Width, s.Width)}
	if s.MLP > 0 {
		p.norm = b.LayerNorm(name+".layernorm", s.Width, s.Eps)
		p.fc, p.proj = linear(".mlp.c_fc", s.MLP, s.Width), linear(".mlp.c_proj", s.Width, s.MLP)
	}
	// The query is the same for all images.
	exact := *b
	exact.Forms = compute.Forward
	probe, _ := b.Vector(name+".probe", s.Width)
	exact.Linear(name+".q.weight", name+".q.bias", s.Width, s.Width).Forward(p.query, probe, compute.Identity, compute.Matrix{})
	return p
}

// Forward writes y [n,Width] for x [rows,In]; s has a segment with one query for each row of y.
func (p *AttentionPool) Forward(y, x compute.Matrix, s *compute.AttentionShape) {
	d, n := p.device, y.Rows
	defer d.Release(d.Mark())
	q, kv, att := d.Temp(n, p.size.Width), d.Temp(x.Rows, 2*p.size.Width), d.Temp(n, p.size.Width)
	d.Zero(q)
	d.AddCycle(q, p.query)
	p.kv.Forward(kv, x, compute.Identity, compute.Matrix{})
	p.attends = *s
	p.attends.Heads = p.size.Heads
	d.Attention(att, q, kv, &p.attends)
	p.out.Forward(y, att, compute.Identity, compute.Matrix{})
	if p.norm == nil {
		return
	}
	hidden := d.Temp(n, p.size.MLP)
	p.norm.Forward(att, y)
	p.fc.Forward(hidden, att, p.size.Act, compute.Matrix{})
	p.proj.Forward(y, hidden, compute.Identity, y)
}
