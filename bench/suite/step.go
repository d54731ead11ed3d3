package suite

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/nn"
)

// The paper's training step has 51 classes, as HMDB51 does, and 64 windows.
const (
	stepClasses = 51
	stepWindows = 64
	stepRate    = 1e-4
	stepDecay   = 0.01
)

// Step is the paper's training step on random features: 51 classes between
// 16+X+16 prompt vectors, 64 windows of 16 frames, one temporal layer.
type Step struct {
	Adapter  *adapter.Adapter
	Names    []string
	Features []float32 // [64,16,E]
	Target   []int32   // [64]

	classes   *adapter.Classes
	optimizer *nn.AdamW
}

// NewStep returns a step on a model with a text tower.
func NewStep(m *clip.Model) (*Step, error) {
	a, err := adapter.New(m, adapter.DefaultConfig(), 1)
	if err != nil {
		return nil, err
	}
	s := &Step{Adapter: a, Names: classNames(stepClasses), optimizer: nn.NewAdamW(bridge.Params(a), stepDecay)}
	if s.classes, err = a.Classes(s.Names); err != nil {
		return nil, err
	}
	s.Features = make([]float32, stepWindows*a.Config().Frames*m.Config().Embed)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range s.Features {
		s.Features[i] = float32(rng.NormFloat64())
	}
	s.Target = make([]int32, stepWindows)
	for i := range s.Target {
		s.Target[i] = int32(i % stepClasses)
	}
	return s, nil
}

// Run executes one step and returns the loss before the update.
func (s *Step) Run() (float64, error) {
	bridge.Params(s.Adapter).ZeroGrad()
	p, err := s.Adapter.Forward(s.Features, s.classes, nil)
	if err != nil {
		return 0, err
	}
	loss, err := p.Loss(s.Target)
	if err != nil {
		p.Release()
		return 0, err
	}
	p.Backward()
	p.Release()
	s.optimizer.Update(stepRate)
	return loss, nil
}

// Train measures the paper's training step, with the model's text tower.
func (b *Bench) Train(ctx context.Context, m *clip.Model) (Result, error) {
	s, err := NewStep(m)
	if err != nil {
		return Result{}, err
	}
	c := s.Adapter.Config()
	own := make([]int, len(s.Names))
	for i, name := range s.Names {
		own[i] = len(m.Tokenizer().Encode(name)) + c.Postfix + 1
	}
	return b.measure(ctx, work{
		name:  "train",
		sizes: fmt.Sprintf("%d classes, %d+X+%d, %d windows of %d frames", len(s.Names), c.Prefix, c.Postfix, stepWindows, c.Frames),
		unit:  "steps", items: 1,
		flops: stepFlops(m.Config(), 1+c.Prefix, own, stepWindows, c.Frames, c.TemporalLayers),
		run:   func() error { _, err := s.Run(); return err },
	})
}
