package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
)

// Find returns the path of a model: model itself if it is a file or folder, else the
// folder of the pulled model with that name; [ErrNoModel] if there is neither. For the
// built-in backbone, "" or clipcue-tiny, it returns the name.
func Find(model string) (string, error) {
	if model == "" || model == tiny.Name {
		return tiny.Name, nil
	}
	_, err := os.Stat(model)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return model, err
	}
	path, ok, err := Resolve(model)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", model, ErrNoModel)
	}
	return path, err
}

// Load loads a backbone: a weight file, a folder, or the name of a pulled model such
// as ViT-B/16. "" and clipcue-tiny are the built-in backbone, which recognizes colored
// shapes only. Errors are those of [Find] and [clip.Load].
func Load(model string, o clip.Options) (*clip.Model, error) {
	path, err := Find(model)
	switch {
	case err != nil:
		return nil, err
	case path == tiny.Name:
		return tiny.Load(o)
	}
	return clip.Load(path, o)
}
