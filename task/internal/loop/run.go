// Package loop is the training loop that all tasks share: steps, learning rate,
// checkpoints, resuming, and the metrics file of a run.
package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/train"
)

// Task is what a run trains.
type Task interface {
	// Params are the tensors that the run changes.
	Params() *nn.Params
	// Step adds the gradients of a batch and returns its loss. The batch follows from
	// the step's number, counted from 0.
	Step(step int) (loss float64, err error)
	// Batch describes a step's batch, for an error message.
	Batch(step int) string
	// Evaluate measures the current parameters: the averages, if the run keeps any.
	Evaluate(ctx context.Context) (Evaluation, error)
	// Write writes a model file, with the state of training unless it is nil.
	Write(path string, s *train.State, metrics map[string]any) error
	// Read loads the parameters of a file and returns its state of training.
	Read(path string) (*train.State, error)
}

// Updater is a Task that is called after each update of the parameters, before
// anything else uses them, so that it can keep them within bounds.
type Updater interface{ Updated() }

// Counter is a Task that reports the number and the unit of a step's samples, so that
// progress shows their rate.
type Counter interface{ Samples() (n int, unit string) }

// Evaluation is a measurement during a run.
type Evaluation struct {
	// Score decides which step is the best, higher is better, if Selects is set.
	// Otherwise the latest step is the best.
	Score   float64
	Selects bool
	Metrics map[string]any
}

// Run trains a task in the run folder. config holds all settings, resolved, and is
// written to config.json; a run can only be resumed with an equal one.
func Run(ctx context.Context, about train.Run, config any, c train.Config, task Task) (train.Result, error) {
	if err := c.Check(); err != nil {
		return train.Result{}, err
	}
	r := &run{dir: about.Dir, c: c, task: task, log: cmp.Or(about.Log, slog.Default()), params: task.Params()}
	r.optimizer = nn.NewAdamW(r.params, c.WeightDecay)
	r.optimizer.Beta2 = cmp.Or(c.Beta2, r.optimizer.Beta2)
	r.optimizer.Eps = cmp.Or(c.Eps, r.optimizer.Eps)
	if c.EMADecay > 0 {
		r.average = nn.NewEMA(r.params, c.EMADecay)
	}
	if err := r.open(config, about.Resume); err != nil {
		return train.Result{}, err
	}
	defer r.close()
	bar := about.Progress.Start("train", int64(c.Steps), "steps")
	defer bar.Finish()
	bar.Set(int64(r.state.Step))
	err := r.loop(ctx, func(loss float64) {
		bar.Add(1)
		bar.Note(fmt.Sprintf("loss %.4f%s", loss, r.rate()))
	})
	return train.Result{Steps: r.state.Step, BestStep: r.state.BestStep, Metrics: r.state.Metrics}, err
}

// run is the state of a run in progress.
type run struct {
	dir       string
	c         train.Config
	task      Task
	log       *slog.Logger
	params    *nn.Params
	optimizer *nn.AdamW
	average   *nn.EMA // nil for none
	pace      float64 // moving average of the seconds per step
	timed     int     // number of steps in pace
	state     train.State
	unsaved   bool // whether the state has changed since it was saved
	metrics   *record
	lock      *os.File // the folder
}

// open prepares the folder and restores the last checkpoint if there is one.
func (r *run) open(config any, resume bool) (err error) {
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := r.enter(); err != nil {
		return err
	}
	last := filepath.Join(r.dir, train.LastFile)
	for _, path := range []string{last, filepath.Join(r.dir, train.BestFile)} { // before hours of training
		if err := atomicfile.CheckModel(path); err != nil {
			return err
		}
	}
	_, err = os.Stat(last)
	there := err == nil
	if there && !resume {
		return &train.ExistsError{Dir: r.dir}
	}
	if there {
		if err := sameConfig(filepath.Join(r.dir, train.ConfigFile), config); err != nil {
			return err
		}
		state, err := r.task.Read(last)
		if err != nil {
			return err
		}
		if err := r.restore(state); err != nil {
			return fmt.Errorf("%s: %w", last, err)
		}
		r.log.Info("resuming", "run", r.dir, "step", r.state.Step, "steps", r.c.Steps)
	} else if err := writeConfig(filepath.Join(r.dir, train.ConfigFile), config); err != nil {
		return err
	}
	r.metrics, err = openRecord(filepath.Join(r.dir, train.MetricsFile), r.state.Step)
	return err
}

// enter locks the folder and removes what killed runs left in it.
func (r *run) enter() (err error) {
	if r.lock, err = os.Open(r.dir); err != nil {
		return err
	}
	switch alone, err := filelock.Try(r.lock); {
	case err != nil:
		return fmt.Errorf("%s: %w", r.dir, err)
	case !alone:
		return fmt.Errorf("%s: %w", r.dir, train.ErrBusy)
	}
	return atomicfile.RemoveLeftovers(r.dir)
}

// close ends the use of the folder. What the run wrote is complete already.
func (r *run) close() {
	if r.metrics != nil {
		r.metrics.Close()
	}
	if r.lock != nil {
		r.lock.Close()
	}
}

func (r *run) loop(ctx context.Context, done func(loss float64)) error {
	for {
		// An interrupted evaluation is repeated on resuming.
		if s := r.state.Step; s > 0 && (s == r.c.Steps || s%r.c.EvalEvery == 0) && !r.metrics.evaluated(s) {
			if err := r.evaluate(ctx); err != nil && errors.Is(err, ctx.Err()) {
				return r.interrupted(ctx)
			} else if err != nil {
				return err
			}
		}
		end := r.state.Step == r.c.Steps
		if r.unsaved && (end || r.state.Step%r.c.SaveEvery == 0) {
			if err := r.save(); err != nil {
				return err
			}
		}
		switch {
		case end:
			return nil
		case ctx.Err() != nil:
			return r.interrupted(ctx)
		}
		loss, err := r.step()
		if err != nil {
			return err
		}
		done(loss)
	}
}

// step executes one step.
func (r *run) step() (loss float64, err error) {
	step, begin := r.state.Step, time.Now()
	r.params.ZeroGrad()
	if loss, err = r.task.Step(step); err != nil {
		return 0, err
	}
	norm := nn.GradNorm(r.params)
	if !finite(loss) || !finite(norm) {
		// The parameters are still those before this step.
		return 0, errors.Join(r.save(), &train.DivergedError{
			Step: step + 1, Loss: loss, GradNorm: norm, Dir: r.dir, Batch: r.task.Batch(step)})
	}
	nn.ClipGrad(r.params, norm, r.c.ClipNorm)
	rate := r.c.RateAt(step)
	r.optimizer.Update(rate)
	if u, ok := r.task.(Updater); ok {
		u.Updated()
	}
	r.state.Step++
	if r.average != nil {
		r.average.Update(r.state.Step)
	}
	r.unsaved = true
	seconds := time.Since(begin).Seconds()
	r.pace += (seconds - r.pace) * max(0.05, 1/float64(r.timed+1))
	r.timed++
	if logEvery := max(1, r.c.Steps/1000); r.state.Step%logEvery == 0 || r.state.Step == r.c.Steps {
		err = r.metrics.add(map[string]any{"step": r.state.Step, "loss": loss, "learning_rate": rate, "grad_norm": norm,
			"seconds": seconds})
	}
	return loss, err
}

// rate describes the samples per second, for the text after the loss.
func (r *run) rate() string {
	c, ok := r.task.(Counter)
	if !ok || r.pace <= 0 {
		return ""
	}
	n, unit := c.Samples()
	return fmt.Sprintf(", %.0f %s/s", float64(n)/r.pace, unit)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// interrupted saves the run where it is.
func (r *run) interrupted(ctx context.Context) error {
	if err := r.save(); err != nil {
		return err
	}
	return &train.InterruptedError{Step: r.state.Step, Steps: r.c.Steps, Dir: r.dir, Err: ctx.Err()}
}

// swap exchanges the weights and their averages, if there are any, and returns a
// function that undoes it.
func (r *run) swap() func() {
	if r.average == nil {
		return func() {}
	}
	r.average.Swap()
	return r.average.Swap
}

// evaluate evaluates the parameters, and writes the best file if this step is the best so far.
func (r *run) evaluate(ctx context.Context) error {
	defer r.swap()()
	e, err := r.task.Evaluate(ctx)
	if err != nil {
		return err
	}
	r.unsaved = true
	if !e.Selects || r.state.BestStep == 0 || e.Score > r.state.BestScore {
		r.state.BestStep, r.state.BestScore, r.state.Metrics = r.state.Step, e.Score, e.Metrics
		if err := r.task.Write(filepath.Join(r.dir, train.BestFile), nil, e.Metrics); err != nil {
			return err
		}
	}
	if len(e.Metrics) > 0 {
		args := []any{"step", r.state.Step}
		for _, k := range sortedKeys(e.Metrics) {
			v := e.Metrics[k]
			if x, ok := v.(float64); ok {
				v = math.Round(x*1e4) / 1e4
			}
			args = append(args, k, v)
		}
		r.log.Info("evaluated", args...)
	}
	return r.metrics.add(map[string]any{"step": r.state.Step, "evaluation": e.Metrics})
}

// save writes the checkpoint. Like the best file it holds the averages as its model,
// so that readers need not know about averaging; the weights are part of the state.
func (r *run) save() error {
	defer r.swap()()
	s := r.state
	s.Optimizer = map[string][]float32{}
	r.optimizer.Moments(func(p *nn.Param, m, v compute.Matrix) {
		s.Optimizer[firstMoment+p.Name] = r.download(m)
		s.Optimizer[secondMoment+p.Name] = r.download(v)
	})
	if r.average != nil {
		r.average.Averages(func(p *nn.Param, m compute.Matrix) { s.Optimizer[weights+p.Name] = r.download(m) })
	}
	r.unsaved = false
	return r.task.Write(filepath.Join(r.dir, train.LastFile), &s, s.Metrics)
}

const (
	firstMoment  = "optimizer.m."
	secondMoment = "optimizer.v."
	weights      = "optimizer.weights." // beside averages
)

func (r *run) download(m compute.Matrix) []float32 {
	v := make([]float32, m.Rows*m.Cols)
	r.params.Device.Download(v, m)
	return v
}

// restore continues from a saved state.
func (r *run) restore(s *train.State) error {
	if s == nil {
		return errors.New("the file has no state of training to resume from")
	}
	if s.Step < 0 || s.Step > r.c.Steps {
		return fmt.Errorf("%d of %d steps are marked as completed", s.Step, r.c.Steps)
	}
	var err error
	restore := func(name string, to compute.Matrix) {
		if data := s.Optimizer[name]; len(data) == to.Rows*to.Cols {
			r.params.Device.Upload(to, data)
		} else {
			err = fmt.Errorf("tensor %q is missing or has another size", name)
		}
	}
	r.optimizer.Moments(func(p *nn.Param, m, v compute.Matrix) {
		restore(firstMoment+p.Name, m)
		restore(secondMoment+p.Name, v)
	})
	if r.average != nil {
		// The task has read the file's model, which are the averages.
		r.average.Averages(func(p *nn.Param, m compute.Matrix) { restore(weights+p.Name, m) })
		r.average.Swap()
	}
	r.state = *s
	r.state.Optimizer = nil
	r.optimizer.Step = s.Step
	return err
}
