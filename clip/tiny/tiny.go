// Package tiny holds clipcue-tiny: a small CLIP that was trained on the pictures
// of package synth, so that everything can be tried before any weights were
// fetched. It knows colored shapes and nothing else; README.md beside this file
// says how it was made and what it can do.
package tiny

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
)

// Name is what commands and model files call the backbone.
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
