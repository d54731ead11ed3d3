package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/clipcue/clipcue/bench/archive"
	"github.com/clipcue/clipcue/bench/usage"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
)

// localize finds actions in stored features of clipcue-tiny, eight frames per second.
func localize(r *runner) error {
	dir, err := r.once("localize", func(dir string) error {
		for _, args := range [][]string{
			{"synth", "untrimmed", "--out", dir + "/videos", "--total", "6"},
			{"extract", "--out", dir + "/features", dir + "/videos"},
			{"train", "localization", "--features", dir + "/features", "--data", dir + "/videos/segments.csv", "--out", dir + "/run", "--steps", "50", "--detector-steps", "50"},
		} {
			if _, err := r.program(args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, minutes := range of(r, []int{1, 10, 60, 600}, []int{1}) {
		if err := r.point("clipcue-tiny", float64(minutes), func() (usage.Usage, error) { return r.child("localize", dir, strconv.Itoa(minutes*60*8)) }); err != nil {
			return err
		}
	}
	return nil
}

// textTower returns a weight file with a text tower and embeddings as large as those of ViT-B/16.
func (r *runner) textTower() (string, error) {
	return r.once("model-text.safetensors", func(path string) error {
		return clip.WriteFile(path, clip.RandomWeights(archive.Model, 1), false, nil)
	})
}

// framesStored is the number of frames of a stored video: three seconds.
const framesStored = 24

// stored returns a store with random features of n videos.
func (r *runner) stored(n int) (store, model string, err error) {
	if model, err = r.textTower(); err != nil {
		return "", "", err
	}
	store, err = r.once(fmt.Sprintf("stored-%d", n), func(dir string) error {
		m, err := hub.Load(model, clip.Options{})
		if err != nil {
			return err
		}
		s, err := feature.Create(dir)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range n {
			q := &feature.Sequence{ID: fmt.Sprintf("%06d.mp4", i), Width: archive.Model.Embed, Features: make([]float32, framesStored*archive.Model.Embed),
				Timestamps: make([]float64, framesStored), Provenance: feature.Provenance{Backbone: m.Fingerprint(), Duration: framesStored / 8., FrameRate: 8, Sampling: "8 fps"}}
			for j := range q.Features {
				q.Features[j] = float32(rng.NormFloat64())
			}
			for j := range q.Timestamps {
				q.Timestamps[j] = float64(j) / 8
			}
			if err := s.Put(q); err != nil {
				return err
			}
		}
		return nil
	})
	return store, model, err
}

// labels returns a table that gives each of n videos one of the classes. The videos from test on
// are in the test split.
func (r *runner) labels(n, classes, test int) (string, error) {
	return r.once(fmt.Sprintf("labels-%d-%d-%d.csv", n, classes, test), func(path string) (err error) {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w := csv.NewWriter(f)
		rows := [][]string{{"path", "label", "split"}}
		for i := range n {
			split := "train"
			if i >= test {
				split = "test"
			}
			rows = append(rows, []string{fmt.Sprintf("%06d.mp4", i), fmt.Sprintf("doing thing number %d", i%classes), split})
		}
		return w.WriteAll(rows)
	})
}

// train trains a new run.
func (r *runner) train(store, model, labels string, steps int) (string, usage.Usage, error) {
	out, err := r.fresh("run")
	if err != nil {
		return "", usage.Usage{}, err
	}
	u, err := r.program("train", "recognition", "--model", model, "--features", store, "--data", labels, "--out", out,
		"--steps", strconv.Itoa(steps), "--save-every", strconv.Itoa(steps), "--eval-every", strconv.Itoa(steps))
	return out, u, err
}

// training measures a step by the number of classes: the difference between a long and a short
// training. All else is the default.
func training(r *runner) error {
	const few, many = 2, 8
	for _, classes := range of(r, []int{10, 100, 700}, []int{2}) {
		n := max(1000, 2*classes)
		store, model, err := r.stored(of(r, n, 20))
		if err != nil {
			return err
		}
		n = of(r, n, 20)
		labels, err := r.labels(n, classes, n-classes)
		if err != nil {
			return err
		}
		if err := r.point("a step", float64(classes), func() (usage.Usage, error) {
			_, short, err1 := r.train(store, model, labels, few)
			_, long, err2 := r.train(store, model, labels, many)
			long.Seconds = (long.Seconds - short.Seconds) / float64(many-few)
			long.CPU = (long.CPU - short.CPU) / float64(many-few)
			return long, errors.Join(err1, err2)
		}); err != nil {
			return err
		}
	}
	return nil
}

// evaluation measures a training of five steps, and the evaluation of all videos, by the number
// of videos.
func evaluation(r *runner) error {
	const classes = 10
	for _, n := range of(r, []int{100, 1000, 10000}, []int{20}) {
		store, model, err := r.stored(n)
		if err != nil {
			return err
		}
		learned, err := r.labels(n, classes, n-classes)
		if err != nil {
			return err
		}
		tested, err := r.labels(n, classes, 0)
		if err != nil {
			return err
		}
		var run string
		if err := r.point("training, 5 steps", float64(n), func() (u usage.Usage, err error) {
			run, u, err = r.train(store, model, learned, 5)
			return u, err
		}); err != nil {
			return err
		}
		if err := r.point("evaluation", float64(n), func() (usage.Usage, error) {
			return r.program("eval", "recognition", "--run", filepath.Clean(run), "--features", store, "--data", tested)
		}); err != nil {
			return err
		}
	}
	return nil
}
