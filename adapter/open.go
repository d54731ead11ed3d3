package adapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// Run is a trained model with everything that is needed to use it.
type Run struct {
	Path     string // of the model file
	File     *File
	Backbone *clip.Model
}

// OpenOptions control how a run is opened. The zero value is right for most uses.
type OpenOptions struct {
	// Checkpoint is "best" (default) or "last"; ignored for a model file.
	Checkpoint string
	// Classes are the classes to distinguish; nil means those of the model. Classes
	// that are new to the model need the text tower, which is then loaded.
	Classes []string
	// Towers are the towers to load at least; 0 means the image tower.
	Towers clip.Tower
	// Backbone is a weight file, a folder or the name of a pulled model; "" means the
	// path or name that was used in training.
	Backbone string
	// Activation, Precision and Threads are as in [clip.Options].
	Activation, Precision string
	Threads               int
}

// OpenRun opens a run folder or a model file, and loads its backbone. Errors: those of
// [FindModel], [ReadFile] and [hub.Load].
func OpenRun(ctx context.Context, run string, o OpenOptions) (*Run, error) {
	path, err := FindModel(run, o.Checkpoint)
	if err != nil {
		return nil, err
	}
	r := &Run{Path: path}
	if r.File, err = ReadFile(path); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	towers := cmp.Or(o.Towers, clip.ImageTower)
	if r.File.Lacks(o.Classes) {
		towers |= clip.TextTower
	}
	r.Backbone, err = hub.Load(cmp.Or(o.Backbone, r.File.Backbone.Path), clip.Options{Towers: towers,
		Activation: cmp.Or(o.Activation, r.File.Backbone.Config.Activation), Precision: o.Precision, Threads: o.Threads})
	if err != nil {
		return nil, fmt.Errorf("backbone of %s: %w", path, err)
	}
	return r, nil
}

// OpenModel opens a run like [OpenRun] and creates its model: a recognizer or localizer,
// which chooses among o.Classes.
func OpenModel[M interface {
	SetClasses(context.Context, []string) error
}](ctx context.Context, run string, o OpenOptions, create func(*File, *clip.Model) (M, error)) (r *Run, m M, err error) {
	if r, err = OpenRun(ctx, run, o); err != nil {
		return nil, m, err
	}
	if m, err = create(r.File, r.Backbone); err != nil {
		return nil, m, fmt.Errorf("%s: %w", r.Path, err)
	}
	if o.Classes != nil {
		err = m.SetClasses(ctx, o.Classes)
	}
	return r, m, err
}

// VideoSampling returns the sampling of the model's training features. It is an error if
// these were imported without a known sampling.
func (f *File) VideoSampling() (video.Sampling, error) {
	s, err := video.ParseSampling(f.Sampling)
	if err != nil {
		return s, fmt.Errorf("the model's features were not sampled by a known rule: %w", err)
	}
	return s, nil
}

// Lacks reports whether the file has no finished embedding of one of the classes, so
// that the text tower is needed.
func (f *File) Lacks(classes []string) bool {
	return slices.ContainsFunc(classes, func(c string) bool { return !slices.Contains(f.Classes, c) })
}

// FindModel returns the path of the model file of a run folder: its "best" model
// (default) or its "last" checkpoint. A path that is not a folder is returned
// unchanged. Errors: *FewShotRunError, *NoBestModelError, and [train.ErrNotRun] for
// another folder.
func FindModel(run, checkpoint string) (string, error) {
	if info, err := os.Stat(run); err != nil || !info.IsDir() {
		return run, err
	}
	path := filepath.Join(run, cmp.Or(checkpoint, "best")+".safetensors")
	_, err := os.Stat(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	episodes, err := fs.Glob(os.DirFS(run), "episode-*/"+filepath.Base(path))
	if err == nil && len(episodes) > 0 {
		for i, e := range episodes {
			episodes[i] = filepath.Join(run, filepath.Dir(e))
		}
		return "", &FewShotRunError{run, episodes}
	}
	if last := filepath.Join(run, train.LastFile); filepath.Base(path) == train.BestFile {
		if _, err := os.Stat(last); err == nil {
			return "", &NoBestModelError{run, last}
		}
	}
	return "", fmt.Errorf("%s: %w: it has no %s", run, train.ErrNotRun, filepath.Base(path))
}
