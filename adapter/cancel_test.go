package adapter

import (
	"context"
	"errors"
	"testing"
)

// Operations end with the error of a canceled context.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := tinyModel(t)
	a := newAdapter(t, m, residual)
	e := m.Config().Embed
	classes := make([]float32, 2*e)
	for name, run := range map[string]func() error{
		"clip texts":   func() error { _, err := m.EncodeTexts(ctx, actions, false); return err },
		"clip classes": func() error { _, err := m.EncodeClasses(ctx, actions, nil, false); return err },
		"classes":      func() error { _, err := a.EncodeClasses(ctx, actions); return err },
		"texts":        func() error { _, _, err := a.EncodeTexts(ctx, actions); return err },
		"videos":       func() error { _, err := a.EncodeVideos(ctx, frames()); return err },
		"classify":     func() error { _, err := a.Classify(ctx, frames(), classes); return err },
		"segments":     func() error { _, err := a.EncodeSegments(ctx, frames(), []RowRange{{0, 2}}); return err },
		"anchor":       func() error { _, err := a.Anchor(ctx, actions, nil); return err },
	} {
		if err := run(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
