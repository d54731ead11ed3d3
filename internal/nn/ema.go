package nn

import "github.com/clipcue/clipcue/internal/compute"

// EMA is the exponential moving average of parameters over training, as in
// Polyak & Juditsky (1992) and, with this warm-up, TensorFlow's
// ExponentialMovingAverage.
type EMA struct {
	params *Params
	other  []compute.Matrix // the averages, or while swapped the parameters
	decay  float64
}

// NewEMA returns averages that start at the current values. The closer decay, 0 ≤
// decay < 1, is to 1, the longer the average.
func NewEMA(p *Params, decay float64) *EMA {
	a := &EMA{params: p, decay: decay}
	for _, q := range p.List {
		m := p.Device.New(q.Value.Rows, q.Value.Cols)
		p.Device.Copy(m, q.Value)
		a.other = append(a.other, m)
	}
	return a
}

// Update adds the values after the given step, 1 for the first, to the averages. The
// decay is smaller in the first steps, so that the initial values lose their weight.
func (a *EMA) Update(step int) {
	keep := min(a.decay, float64(1+step)/float64(10+step))
	d := a.params.Device
	for i, q := range a.params.List {
		mark := d.Mark()
		share := d.Temp(q.Value.Rows, q.Value.Cols)
		d.Copy(share, q.Value)
		d.Scale(share, float32(1-keep))
		d.Scale(a.other[i], float32(keep))
		d.Add(a.other[i], share)
		d.Release(mark)
	}
}

// Swap exchanges the parameters' values and the averages without rounding. A second
// call restores them.
func (a *EMA) Swap() {
	d := a.params.Device
	for i, q := range a.params.List {
		mark := d.Mark()
		kept := d.Temp(q.Value.Rows, q.Value.Cols)
		d.Copy(kept, q.Value)
		d.Copy(q.Value, a.other[i])
		d.Copy(a.other[i], kept)
		d.Release(mark)
	}
	a.params.Changed()
}

// Averages calls f for each parameter with its average (its value while they are
// swapped), to save or restore it.
func (a *EMA) Averages(f func(p *Param, m compute.Matrix)) {
	for i, q := range a.params.List {
		f(q, a.other[i])
	}
}
