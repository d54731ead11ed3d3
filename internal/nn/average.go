package nn

import "github.com/clipcue/clipcue/internal/compute"

// Average is the exponential moving average of all parameters over the steps
// (Polyak & Juditsky 1992, with a decay). The first steps are forgotten sooner:
// step t keeps min(Decay, (1+t)/(10+t)) of what was.
type Average struct {
	params *Params
	values []compute.Matrix
	Decay  float64
	Step   int // steps taken in
}

// NewAverage begins at the parameters' present values.
func NewAverage(p *Params, decay float64) *Average {
	a := &Average{params: p, Decay: decay}
	for _, q := range p.List {
		v := p.Device.New(q.Value.Rows, q.Value.Cols)
		p.Device.Copy(v, q.Value)
		a.values = append(a.values, v)
	}
	return a
}

// Update takes in the parameters' present values.
func (a *Average) Update() {
	d := a.params.Device
	keep := min(a.Decay, float64(1+a.Step)/float64(10+a.Step))
	a.Step++
	for i, q := range a.params.List {
		mark := d.Mark()
		x := d.Temp(q.Value.Rows, q.Value.Cols)
		d.Copy(x, q.Value)
		d.Scale(x, float32(1-keep))
		d.Scale(a.values[i], float32(keep))
		d.Add(a.values[i], x)
		d.Release(mark)
	}
}

// Swap exchanges the average and the parameters' values, bit for bit; a second
// Swap undoes the first.
func (a *Average) Swap() {
	d := a.params.Device
	for i, q := range a.params.List {
		mark := d.Mark()
		x := d.Temp(q.Value.Rows, q.Value.Cols)
		d.Copy(x, q.Value)
		d.Copy(q.Value, a.values[i])
		d.Copy(a.values[i], x)
		d.Release(mark)
	}
	a.params.Changed()
}

// Values calls f for each parameter with its average, for saving and restoring.
func (a *Average) Values(f func(p *Param, average compute.Matrix)) {
	for i, q := range a.params.List {
		f(q, a.values[i])
	}
}
