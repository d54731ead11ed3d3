package loop

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/train"
)

// valley is a task that moves a vector to a target that changes with every step.
type valley struct {
	params    *nn.Params
	cancel    context.CancelFunc
	stop      int         // the step that cancels
	after     [][]float32 // the values before each step
	evaluated [][]float32
}

func newValley() *valley {
	p := &nn.Params{Device: compute.NewCPU(1)}
	p.Add("x", []float32{1, -2, 3}, 3)
	return &valley{params: p, stop: -1}
}

func (v *valley) values() []float32 { return v.params.Values()["x"] }

func (v *valley) Params() *nn.Params { return v.params }

func (v *valley) Step(step int) (float64, error) {
	if step == v.stop {
		v.cancel()
	}
	x := v.values()
	v.after = append(v.after, x)
	grad, loss := make([]float32, len(x)), 0.0
	for i := range x {
		grad[i] = x[i] - float32(math.Sin(float64(7*step+i)))
		loss += float64(grad[i]) * float64(grad[i]) / 2
	}
	v.params.Device.Upload(v.params.List[0].Grad, grad)
	return loss, nil
}

func (v *valley) Batch(int) string { return "nothing" }

func (v *valley) Evaluate(context.Context) (Evaluation, error) {
	v.evaluated = append(v.evaluated, v.values())
	return Evaluation{Metrics: map[string]any{}}, nil
}

// file is the file that a valley writes.
type file struct {
	Values    map[string][]float32
	State     *train.State
	Optimizer map[string][]float32
}

func (v *valley) Write(path string, s *train.State, _ map[string]any) error {
	f := file{Values: v.params.Values(), State: s}
	if s != nil {
		f.Optimizer = s.Optimizer
	}
	return train.WriteCheckpoint(path, "valley", f, nil, nil)
}

func (v *valley) Read(path string) (*train.State, error) {
	var f file
	if _, _, err := train.ReadCheckpoint(path, "valley", &f); err != nil {
		return nil, err
	}
	f.State.Optimizer = f.Optimizer
	return f.State, v.params.Set(f.Values)
}

func (v *valley) run(t *testing.T, dir string, c train.Config, resume bool) error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	v.cancel = cancel
	_, err := Run(ctx, train.Run{Dir: dir, Resume: resume, Log: slog.New(slog.DiscardHandler)}, c, c, v)
	return err
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The moving average of the weights is evaluated and written; training itself is not affected.
func TestAveragesAreEvaluatedAndWritten(t *testing.T) {
	c := train.Config{Steps: 40, LearningRate: 0.1, EvalEvery: 10, SaveEvery: 7}
	plain := newValley()
	if err := plain.run(t, t.TempDir(), c, false); err != nil {
		t.Fatal(err)
	}
	c.EMADecay = 0.8
	averaged, dir := newValley(), t.TempDir()
	if err := averaged.run(t, dir, c, false); err != nil {
		t.Fatal(err)
	}
	weights := append(plain.after, plain.values())
	if got, want := fmt.Sprint(append(averaged.after, averaged.values())), fmt.Sprint(weights); got != want {
		t.Errorf("with averages the weights go another way:\n%s\n%s", got, want)
	}
	mean := []float64{1, -2, 3}
	for step := 1; step <= c.Steps; step++ {
		keep := min(0.8, float64(1+step)/float64(10+step))
		for i := range mean {
			mean[i] = keep*mean[i] + (1-keep)*float64(weights[step][i])
		}
		if step%c.EvalEvery == 0 {
			got := averaged.evaluated[step/c.EvalEvery-1]
			for i := range mean {
				if math.Abs(mean[i]-float64(got[i])) > 1e-5 {
					t.Errorf("after step %d it evaluates %v instead of %v", step, got, mean)
				}
			}
		}
	}
	for _, name := range []string{train.BestFile, train.LastFile} {
		var f file
		if _, _, err := train.ReadCheckpoint(filepath.Join(dir, name), "valley", &f); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(f.Values["x"]), fmt.Sprint(averaged.evaluated[3]); got != want {
			t.Errorf("%s holds %s instead of %s", name, got, want)
		}
	}
}

// A run with averages that is interrupted at any step ends bitwise like an uninterrupted one.
func TestResumingWithAverages(t *testing.T) {
	c := train.Config{Steps: 12, LearningRate: 0.1, EMADecay: 0.9, EvalEvery: 4, SaveEvery: 3}
	whole := t.TempDir()
	if err := newValley().run(t, whole, c, false); err != nil {
		t.Fatal(err)
	}
	for step := range c.Steps - 1 {
		v, dir := newValley(), t.TempDir()
		v.stop = step
		if err := v.run(t, dir, c, false); err == nil {
			t.Fatalf("step %d: it was not interrupted", step)
		}
		if err := newValley().run(t, dir, c, true); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{train.BestFile, train.LastFile} {
			if read(t, dir, name) != read(t, whole, name) {
				t.Errorf("stopped at step %d, %s differs from an uninterrupted run's", step, name)
			}
		}
	}
}

func TestAveragesThatMakeNoSense(t *testing.T) {
	for _, decay := range []float64{-0.1, 1, math.NaN()} {
		if err := (&train.Config{Steps: 1, LearningRate: 1, EMADecay: decay}).Check(); err == nil {
			t.Errorf("decay %v is taken", decay)
		}
	}
}
