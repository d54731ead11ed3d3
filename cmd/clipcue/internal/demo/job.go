package demo

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// job is one training and its test.
type job struct {
	way
	problem
	dir   string
	data  recognition.Data
	steps int
	top1  *float64
	// without is the accuracy of the same model without its examples; nil if it is not
	// measured.
	without *float64
}

// plan returns a study's table and the jobs that fill it.
func (s *study) plan(o Options, from *source) (*Table, []*job, error) {
	problems, err := s.problems(o, from)
	if err != nil {
		return nil, nil, err
	}
	first := problems[0]
	t := &Table{Title: s.title, Chance: 1 / float64(len(first.test.Classes)), Note: fmt.Sprintf(
		"%s %d takes of %d classes to learn from, %d of %d to test on.", s.note, len(first.train.Videos), len(first.train.Classes), len(first.test.Videos), len(first.test.Classes))}
	steps := o.Steps
	if s.short {
		steps = o.ShortSteps
	}
	var jobs []*job
	for _, w := range s.ways {
		r, without := &Row{Name: w.title}, &Row{Name: w.without}
		here := problems
		if w.preset == "" && first.test == problems[len(problems)-1].test {
			here = problems[:1] // nothing is random
		}
		r.Each = make([]float64, len(here))
		for i, p := range here {
			jobs = append(jobs, &job{way: w, problem: p, dir: filepath.Join(o.Dir, "runs", s.name, w.name, p.name), data: from.data, steps: steps, top1: &r.Each[i]})
		}
		if w.without != "" {
			without.Each = make([]float64, len(here))
			for i, j := range jobs[len(jobs)-len(here):] {
				j.without = &without.Each[i]
			}
			t.Rows = append(t.Rows, without)
		}
		t.Rows = append(t.Rows, r)
	}
	return t, jobs, nil
}

// run runs one job per thread at a time: such small trainings gain little from several
// threads each.
func (o Options) run(ctx context.Context, work []*job) error {
	bar := o.Progress.Start("learn", int64(len(work)), "runs")
	defer bar.Finish()
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *job)
	group.Go(func() error {
		defer crash.Recover()
		defer close(jobs)
		for _, j := range work {
			select {
			case jobs <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range o.Threads {
		group.Go(func() error {
			defer crash.Recover()
			m, err := tiny.Load(clip.Options{Towers: clip.TextTower, Threads: 1})
			if err != nil {
				return err
			}
			for j := range jobs {
				if err := o.do(ctx, m, j); err != nil {
					return fmt.Errorf("%s: %w", j.dir, err)
				}
				bar.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}

// do trains and evaluates one job.
func (o Options) do(ctx context.Context, m *clip.Model, j *job) error {
	if j.preset == "" {
		r, err := recognition.Baseline(ctx, m, j.test.Classes, []string{template})
		if err != nil {
			return err
		}
		c, err := recognition.Preset(adapter.PresetPaper)
		if err != nil {
			return err
		}
		return j.measure(ctx, r, c, j.top1)
	}
	c, err := recognition.Preset(j.preset)
	if err != nil {
		return err
	}
	j.settings(&c)
	run := recognition.Run{Run: train.Run{Dir: j.dir, Resume: true, Note: j.data, Log: slog.New(slog.DiscardHandler)},
		Sets: recognition.Sets{Train: j.train}, Backbone: m, BackbonePath: tiny.Name}
	if j.dir == o.shown() { // its accuracy as it went is in the report
		c.Train.EvalEvery, run.Test = 0, j.test
	}
	if _, err := recognition.Train(ctx, c, run); err != nil {
		return err
	}
	f, err := adapter.ReadFile(filepath.Join(j.dir, train.BestFile))
	if err != nil {
		return err
	}
	for _, top1 := range []*float64{j.top1, j.without} {
		if top1 == nil {
			continue
		}
		if top1 == j.without {
			f.Settings = nil // which refer to the examples
		}
		r, err := recognition.New(f, m)
		if err != nil {
			return err
		}
		if err := j.measure(ctx, r, c, top1); err != nil {
			return err
		}
	}
	return nil
}

// measure stores the accuracy of a recognizer on the job's test takes.
func (j *job) measure(ctx context.Context, r *recognition.Recognizer, c recognition.Config, top1 *float64) error {
	result, err := r.Evaluate(ctx, j.test, c.Eval)
	if err != nil {
		return err
	}
	*top1 = result.Top1
	return nil
}

// settings returns settings for videos this simple and trainings this short.
func (j *job) settings(c *recognition.Config) {
	c.Batch = 32
	c.Train.Steps, c.Train.LearningRate, c.Train.Schedule, c.Train.Seed = j.steps, 3e-3, "cosine", j.seed
	c.Train.Warmup = j.steps / 20
	c.Train.SaveEvery, c.Train.EvalEvery = j.steps, j.steps
	c.AnchorTemplates = []string{template}
	j.change(c)
}
