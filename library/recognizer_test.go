package library_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/retrieval"
)

// comparing is an embedder whose recognizers compare frames with the mean of positive and of
// negative ones.
type comparing struct {
	*retrieval.Retriever
	trained int
}

func (c *comparing) TrainModel(_ context.Context, _ string, positive, negative []label.Frames, _ progress.Func) ([]byte, error) {
	c.trained++
	return json.Marshal([][]float32{meanFrame(positive), meanFrame(negative)})
}

func (c *comparing) OpenModel(file []byte) (func(context.Context, []label.Frames) ([]float32, error), error) {
	var means [2][]float32
	if err := json.Unmarshal(file, &means); err != nil {
		return nil, err
	}
	return func(_ context.Context, moments []label.Frames) (out []float32, err error) {
		for _, m := range moments {
			score := float32(0)
			for j, x := range meanFrame([]label.Frames{m}) {
				score += x * (means[0][j] - means[1][j])
			}
			out = append(out, score)
		}
		return out, nil
	}, nil
}

func meanFrame(moments []label.Frames) []float32 {
	mean := make([]float32, len(moments[0].Features)/len(moments[0].Times))
	for _, m := range moments {
		for i, x := range m.Features {
			mean[i%len(mean)] += x / float32(len(moments)*len(m.Times))
		}
	}
	return mean
}

// teachWith returns the scores of a label by video and time.
func (w *world) teachWith(e library.Embedder, name string) (map[string]float64, error) {
	w.t.Helper()
	l := w.open()
	m, err := l.Moments(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	t, err := l.Teach(w.t.Context(), e, m, name)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, s := range t.Suggest(label.Likely, 50, 0, nil) {
		out[s.Video+s.Time] = s.Score
	}
	return out, nil
}

// train trains by the methods, and stores a recognizer whether it is better or not.
func (w *world) train(e library.Embedder, name string, methods ...label.Method) {
	w.t.Helper()
	l := w.open()
	m, err := l.Moments(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	t, err := l.Teach(w.t.Context(), e, m, name)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := l.Train(w.t.Context(), t, methods, nil)
	if err != nil || len(r.Candidates) != len(methods) || r.Marks < 4 {
		w.t.Fatalf("%+v, %v", r, err)
	}
	if labels, err := l.Labels(w.t.Context()); err != nil || labels[0].Trained {
		w.t.Fatalf("before the training is stored: %+v, %v", labels, err)
	}
	r.Method = label.Recognizer
	if err := library.SetTraining(w.t.Context(), w.lib, name, r); err != nil {
		w.t.Fatal(err)
	}
}

// A label with a recognizer uses what it says about all moments, also about those of new
// videos, until another head is stored.
func TestRecognizersAreStored(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4")
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "red_circle/000.mp4", End: 1, Positive: true}, library.Mark{Video: "red_circle/001.mp4", End: 1, Positive: true},
		library.Mark{Video: "blue_ring/000.mp4", End: 1}, library.Mark{Video: "blue_ring/001.mp4", End: 1})
	plain, e := retrieval.Baseline(w.model), &comparing{Retriever: retrieval.Baseline(w.model)}
	scores := func(e library.Embedder) map[string]float64 {
		t.Helper()
		found, err := w.teachWith(e, "thing")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	linear := scores(plain)
	w.train(e, "thing", label.Kernel, label.Recognizer)
	if labels, err := w.open().Labels(t.Context()); err != nil || labels[0].Method != label.Recognizer || e.trained != 3 {
		t.Fatalf("%+v after training %d models, %v", labels, e.trained, err)
	}
	known := scores(plain) // stored
	if len(known) != len(linear) || slices.Equal(sorted(known), sorted(linear)) {
		t.Errorf("scores %v, then %v", linear, known)
	}
	w.whole()
	w.copy("green_cross/000.mp4", "green_cross/000.mp4")
	w.index(w.videos) // without a trainer
	if _, err := w.teachWith(plain, "thing"); !errors.Is(err, library.ErrNoTrainer) {
		t.Errorf("a new video: %v", err)
	}
	computed := scores(e)
	if _, err := library.Index(t.Context(), w.lib, w.model, e, nil, w.o); err != nil {
		t.Fatal(err)
	}
	if stored := scores(plain); len(stored) <= len(known) || !slices.Equal(sorted(stored), sorted(computed)) {
		t.Errorf("scores %v, then stored %v", computed, stored)
	}
	w.db("UPDATE models SET sum = 1")
	if err := w.teachError("thing"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged row: %v", err)
	}
	if err := library.SetTraining(t.Context(), w.lib, "thing", &library.Training{Method: label.Linear}); err != nil {
		t.Fatal(err)
	}
	if labels, err := w.open().Labels(t.Context()); err != nil || labels[0].Method != label.Linear {
		t.Errorf("%+v, %v", labels, err)
	}
}

func sorted(scores map[string]float64) (out []float64) {
	for _, s := range scores {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
