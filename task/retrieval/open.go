package retrieval

import (
	"context"
	"fmt"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
)

// Open opens a run folder or a model file together with both towers of its backbone.
// Errors are those of [adapter.OpenRun], and *[adapter.WrongTaskError].
func Open(ctx context.Context, run string, o adapter.OpenOptions) (*Retriever, error) {
	o.Towers |= clip.ImageTower | clip.TextTower
	opened, err := adapter.OpenRun(ctx, run, o)
	if err != nil {
		return nil, err
	}
	r, err := New(opened.File, opened.Backbone)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opened.Path, err)
	}
	return r, nil
}
