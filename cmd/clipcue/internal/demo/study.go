package demo

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// way is a method: changes of a preset's settings. Without a preset, it is the backbone
// with hand-written templates.
type way struct {
	name, title string
	preset      string
	change      func(c *recognition.Config)
}

func prompts(n, layers int) func(*recognition.Config) {
	return func(c *recognition.Config) {
		c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.TemporalLayers = n, n, layers
	}
}

// paperWay returns a row of the paper's tables.
func paperWay(n, layers int) way {
	what := "mean of the frames"
	switch layers {
	case 1:
		what = "1 temporal layer"
	case 2:
		what = "2 temporal layers"
	}
	return way{fmt.Sprintf("paper-%d-%d", n, layers), fmt.Sprintf("%d+X+%d, %s", n, n, what), adapter.PresetPaper, prompts(n, layers)}
}

var (
	handWritten = way{name: "templates", title: "hand-written template, no training"}
	promptsOnly = paperWay(16, 0)
	paper       = paperWay(16, 1)
	defaultWay  = way{"default", "default: 16+X+16, 1 temporal layer as a residual", adapter.PresetDefault, prompts(16, 1)}
)

// study compares methods on a task.
type study struct {
	name, title, note string
	world             *world
	ways              []way
	short             bool // half the steps, where there is less to learn
	// problems are the training and test data of each method.
	problems func(o Options, from *source) ([]problem, error)
}

// problem holds training and test takes.
type problem struct {
	name        string
	seed        uint64 // of the training
	train, test *recognition.Set
}

var (
	closedSet = study{"closed-set", "Closed set: the same motions in training and test",
		"Opposite motions show the same pictures in another order: what a single frame tells is not enough.",
		&motions, []way{handWritten, paperWay(2, 0), paperWay(4, 0), promptsOnly, paper, paperWay(16, 2), defaultWay}, false, seeds(nil)}
	fewShot = study{"few-shot", "Few-shot: 5 motions, 5 takes of each to learn from",
		"Each episode draws other classes and other takes.",
		&motions, []way{handWritten, promptsOnly, paper, defaultWay}, true, episodes}
	zeroShot = study{"zero-shot", "Zero-shot: colored shapes that were not in training, by name alone",
		"Two thirds of the combinations of color and shape are learned, the others tested.",
		&objects, []way{handWritten, promptsOnly, paper, defaultWay}, true, seeds(unlearned)}
)

// ablations are the combinations of the options that go beyond the paper.
var ablations = []study{
	{"ablation-closed-set", "Ablation, closed set", "16+X+16, 1 temporal layer.", &motions, beyond, false, seeds(nil)},
	{"ablation-zero-shot", "Ablation, zero-shot", "16+X+16, 1 temporal layer.", &objects, beyond, true, seeds(unlearned)},
}

var beyond = func() []way {
	residual := func(c *recognition.Config) { c.Adapter.Residual = true }
	anchor := func(c *recognition.Config) { c.Anchor = 1 }
	video := func(c *recognition.Config) { c.VideoAnchor = 1 }
	average := func(c *recognition.Config) { c.Train.EMADecay = 0.99 }
	drop := func(c *recognition.Config) { c.TemporalDrop = 0.5 }
	clips := func(c *recognition.Config) { c.Adapter.Temperature = 0 }
	with := func(name, title string, changes ...func(*recognition.Config)) way {
		return way{name, title, adapter.PresetPaper, func(c *recognition.Config) {
			prompts(16, 1)(c)
			for _, f := range changes {
				f(c)
			}
		}}
	}
	return []way{
		promptsOnly,
		with("paper", "the paper's"),
		with("temperature", "CLIP's temperature", clips),
		with("average", "averaged weights", average),
		with("anchor", "anchored classes", anchor),
		with("video-anchor", "anchored videos", video),
		with("residual", "residual", residual),
		with("residual-drop", "residual, dropped for half", residual, drop),
		with("residual-anchor", "residual, anchored classes", residual, anchor),
		with("residual-video-anchor", "residual, anchored videos", residual, video),
		with("residual-anchors", "residual, anchored classes and videos", residual, anchor, video),
		with("residual-anchors-drop", "the same, dropped for half", residual, anchor, video, drop),
		with("all", "the same, dropped and averaged", residual, anchor, video, drop, average),
	}
}()

// seeds returns one problem per seed on the data's own split, with the training and
// test classes of divide, if given.
func seeds(divide func(*dataset.Dataset) (learned, tested []string)) func(Options, *source) ([]problem, error) {
	return func(o Options, from *source) ([]problem, error) {
		d, data := from.data, from.opened
		if divide != nil {
			d.TrainClasses, d.TestClasses = divide(data.Dataset)
		}
		sets, err := d.Sets(data)
		if err != nil {
			return nil, err
		}
		if divide != nil {
			// All takes of classes without training data may be test data.
			_, all, err := dataset.SplitClasses(data.Dataset, d.TrainClasses, d.TestClasses)
			if err != nil {
				return nil, err
			}
			if sets.Test, err = data.Set(all); err != nil {
				return nil, err
			}
		}
		var out []problem
		for i := range o.Seeds {
			out = append(out, problem{fmt.Sprintf("seed-%d", i), o.Seed + uint64(i), sets.Train, sets.Test})
		}
		return out, nil
	}
}

// unlearned selects every third class for testing.
func unlearned(d *dataset.Dataset) (learned, tested []string) {
	for i, c := range slices.Sorted(slices.Values(d.Classes)) {
		if i%3 == 2 {
			tested = append(tested, c)
		} else {
			learned = append(learned, c)
		}
	}
	return learned, tested
}

func episodes(o Options, from *source) ([]problem, error) {
	drawn, err := dataset.Episodes(from.opened.Dataset, 5, 5, o.Episodes, o.Seed)
	if err != nil {
		return nil, err
	}
	var out []problem
	for i, e := range drawn {
		p := problem{name: recognition.EpisodeDir(i), seed: o.Seed + uint64(i)}
		if p.train, err = from.opened.Set(e.Train); err != nil {
			return nil, err
		}
		if p.test, err = from.opened.Set(e.Test); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// job is one training and its test.
type job struct {
	way
	problem
	dir   string
	data  recognition.Data
	steps int
	top1  *float64
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
		steps = (steps + 1) / 2
	}
	var jobs []*job
	for _, w := range s.ways {
		r := &Row{Name: w.title}
		here := problems
		if w.preset == "" && first.test == problems[len(problems)-1].test {
			here = problems[:1] // nothing is random
		}
		r.Each = make([]float64, len(here))
		for i, p := range here {
			jobs = append(jobs, &job{w, p, filepath.Join(o.Dir, "runs", s.name, w.name, p.name), from.data, steps, &r.Each[i]})
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
			m, err := tiny.Load(clip.Options{Towers: clip.Text, Threads: 1})
			if err != nil {
				return err
			}
			for j := range jobs {
				if *j.top1, err = o.do(ctx, m, j); err != nil {
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
func (o Options) do(ctx context.Context, m *clip.Model, j *job) (float64, error) {
	c, err := recognition.Preset(adapter.PresetPaper)
	if err != nil {
		return 0, err
	}
	r, err := recognition.Baseline(ctx, m, j.test.Classes, []string{template})
	if err != nil {
		return 0, err
	}
	if j.preset != "" {
		if c, err = recognition.Preset(j.preset); err != nil {
			return 0, err
		}
		j.settings(&c)
		run := recognition.Run{Run: train.Run{Dir: j.dir, Resume: true, Note: j.data, Log: slog.New(slog.DiscardHandler)},
			Sets: recognition.Sets{Train: j.train}, Backbone: m, BackbonePath: tiny.Name}
		if j.dir == o.shown() { // its accuracy as it went is in the report
			c.Train.EvalEvery, run.Test = 0, j.test
		}
		if _, err := recognition.Train(ctx, c, run); err != nil {
			return 0, err
		}
		f, err := adapter.ReadFile(filepath.Join(j.dir, train.BestFile))
		if err != nil {
			return 0, err
		}
		if r, err = recognition.New(f, m); err != nil {
			return 0, err
		}
	}
	result, err := r.Evaluate(ctx, j.test, c.Eval)
	if err != nil {
		return 0, err
	}
	return result.Top1, nil
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
