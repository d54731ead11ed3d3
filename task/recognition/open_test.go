package recognition_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// folder is where [TestMain] puts rendered videos and a run that was trained on them.
var folder string

func TestMain(m *testing.M) {
	code := func() int {
		var err error
		if folder, err = os.MkdirTemp("", "clipcue-recognition"); err != nil {
			log.Fatal(err)
		}
		defer os.RemoveAll(folder)
		if err := trainRun(context.Background()); err != nil {
			log.Print(err)
			return 1
		}
		return m.Run()
	}()
	os.Exit(code)
}

// trainRun renders six videos of two objects and trains on four of them.
func trainRun(ctx context.Context) error {
	videos, features := filepath.Join(folder, "videos"), filepath.Join(folder, "features")
	data, err := synth.Generate(ctx, videos, synth.Options{Kind: synth.KindObjects, Seed: 1,
		Classes: []string{"red circle", "blue ring"}, PerClass: 3, TestShare: 0.34, Seconds: 1}, nil)
	if err != nil {
		return err
	}
	backbone, err := hub.Load("", clip.Options{})
	if err != nil {
		return err
	}
	store, err := feature.Create(features)
	if err != nil {
		return err
	}
	found, err := video.Discover([]string{videos})
	if err != nil {
		return err
	}
	if _, err := feature.Extract(ctx, backbone, found.Videos, store, feature.Options{Sampling: video.AtRate(8)}); err != nil {
		return err
	}
	d := recognition.Data{Path: data, Features: features}
	opened, err := d.Open(feature.BackboneOf(backbone))
	if err != nil {
		return err
	}
	sets, err := d.Sets(opened)
	if err != nil {
		return err
	}
	c := recognition.DefaultConfig()
	c.Train.Steps, c.Batch, c.Adapter.Prefix, c.Adapter.Postfix = 4, 4, 2, 2
	_, err = recognition.Train(ctx, c, recognition.Run{Run: train.Run{Dir: filepath.Join(folder, "run"), Log: slog.New(slog.DiscardHandler)},
		Sets: sets, Backbone: backbone, BackbonePath: "clipcue-tiny"})
	return err
}

// Classify a video with a trained run.
func ExampleOpen() {
	ctx := context.Background()
	r, err := recognition.Open(ctx, filepath.Join(folder, "run"), adapter.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	classes, err := r.ClassifyVideo(ctx, filepath.Join(folder, "videos", "red_circle", "000.mp4"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(classes[0].Label, classes[0].Score > 0.5)
	// Output: red circle true
}

// Classes that the model was not trained on are encoded from their names.
func TestOpenWithOtherClasses(t *testing.T) {
	r, err := recognition.Open(t.Context(), filepath.Join(folder, "run"), adapter.OpenOptions{Classes: []string{"green star", "blue ring"}})
	if err != nil {
		t.Fatal(err)
	}
	classes, err := r.ClassifyVideo(t.Context(), filepath.Join(folder, "videos", "blue_ring", "000.mp4"))
	if err != nil || len(classes) != 2 || classes[0].Label != "blue ring" {
		t.Errorf("got %v, %v", classes, err)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := recognition.Open(t.Context(), t.TempDir(), adapter.OpenOptions{}); !errors.Is(err, train.ErrNotRun) {
		t.Errorf("a folder that is not a run: %v", err)
	}
	if _, err := recognition.Open(t.Context(), filepath.Join(folder, "run"), adapter.OpenOptions{Backbone: "no-such-model"}); !errors.Is(err, hub.ErrNoModel) {
		t.Errorf("a backbone that does not exist: %v", err)
	}
	r, err := recognition.Open(t.Context(), filepath.Join(folder, "run"), adapter.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ClassifyVideo(t.Context(), filepath.Join(folder, "videos", "labels.csv")); !errors.As(err, new(*video.Error)) {
		t.Errorf("a file that is not a video: %v", err)
	}
}
