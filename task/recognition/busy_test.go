package recognition

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// intruder starts another training in the folder of its own at the first step.
type intruder struct {
	*learner
	start func() error
	err   error
}

func (i *intruder) Step(step int) (float64, error) {
	if step == 0 {
		i.err = i.start()
	}
	return i.learner.Step(step)
}

func TestTwoRunsInOneFolder(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := settings()
	l, err := newLearner(t.Context(), m, c, r.Train, r.Test)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	c.Adapter = l.adapter.Config()
	for _, resume := range []bool{false, true} {
		other := r
		other.Resume = resume
		i := &intruder{learner: l, start: func() error { _, err := Train(context.Background(), c, other); return err }}
		own := r.Run
		own.Dir = filepath.Join(t.TempDir(), "run")
		other.Dir = own.Dir
		if _, err := loop.Run(t.Context(), own, r.config(c), c.Train, i); err != nil || !errors.Is(i.err, train.ErrBusy) {
			t.Errorf("the first run ends with %v, the second with %v", err, i.err)
		}
	}
}

func TestLeftoversOfKilledRuns(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	_, r := open(t, m, Data{Path: path, Features: store})
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	leftover, own := filepath.Join(r.Dir, ".last.safetensors.ABCDEFG2.tmp"), filepath.Join(r.Dir, "notes.tmp")
	for _, path := range []string{leftover, own} {
		if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Train(t.Context(), settings(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file of a killed run: %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}
