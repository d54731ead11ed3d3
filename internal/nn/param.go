// Package nn contains the layers and losses of Transformers, each with an explicit
// forward and backward pass: linear layers, layer norms, residual attention blocks,
// convolutions, similarity losses, and the optimizer AdamW. Shapes are written as
// [rows,columns]; n is a number of rows (tokens or frames), D a width.
package nn

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
)

// Param is a learnable tensor.
type Param struct {
	Name        string
	Shape       []int // in files; Value is [Shape[0], product of the others], or [1,n] for vectors
	Value, Grad compute.Matrix
	WeightDecay bool // whether weight decay applies
}

// Elements returns the number of elements of a tensor with the given shape.
func Elements(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// Params holds the tensors that an optimizer updates, in a fixed order, and the
// functions to call after their values change.
type Params struct {
	Device  compute.Device
	List    []*Param
	refresh []func()
}

// Add adds a parameter with the given values. Vectors and scalars are stored as one
// row.
func (p *Params) Add(name string, values []float32, shape ...int) *Param {
	rows, cols := 1, len(values)
	if len(shape) > 1 && shape[0] > 0 {
		rows, cols = shape[0], len(values)/shape[0]
	}
	q := &Param{Name: name, Shape: shape, WeightDecay: true,
		Value: p.Device.New(rows, cols), Grad: p.Device.New(rows, cols)}
	p.Device.Upload(q.Value, values)
	p.List = append(p.List, q)
	return q
}

// OnChange registers a function to call after the values change.
func (p *Params) OnChange(f func()) { p.refresh = append(p.refresh, f) }

// Changed calls the functions registered with OnChange.
func (p *Params) Changed() {
	for _, f := range p.refresh {
		f()
	}
}

// ZeroGrad clears all gradients.
func (p *Params) ZeroGrad() {
	for _, q := range p.List {
		p.Device.Zero(q.Grad)
	}
}

// Values returns copies of all values by name.
func (p *Params) Values() map[string][]float32 {
	out := make(map[string][]float32, len(p.List))
	for _, q := range p.List {
		v := make([]float32, q.Value.Rows*q.Value.Cols)
		p.Device.Download(v, q.Value)
		out[q.Name] = v
	}
	return out
}

// Set replaces all values by name. If a name is missing or a size is wrong, it
// returns an error and changes nothing.
func (p *Params) Set(values map[string][]float32) error {
	for _, q := range p.List {
		v, ok := values[q.Name]
		if !ok {
			return fmt.Errorf("tensor %q is missing", q.Name)
		}
		if len(v) != q.Value.Rows*q.Value.Cols {
			return fmt.Errorf("tensor %q has %d values, not %v", q.Name, len(v), q.Shape)
		}
	}
	for _, q := range p.List {
		p.Device.Upload(q.Value, values[q.Name])
	}
	p.Changed()
	return nil
}
