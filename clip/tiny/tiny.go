// Package tiny holds clipcue-tiny, a small CLIP that was trained on rendered images, so that you
// can try clipcue without downloading weights. It recognizes colored shapes only; README.md in
// this folder describes its training and accuracy.
package tiny

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
)

// Name is the name of the backbone in commands and model files.
const Name = "clipcue-tiny"

//go:embed clipcue-tiny.safetensors
var file []byte

// Load loads the backbone.
func Load(o clip.Options) (*clip.Model, error) {
	w, err := checkpoint.Decode(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return clip.New(w, o)
}
