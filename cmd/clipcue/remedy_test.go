package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/train"
)

// Errors that are wrapped still get advice; other errors get none.
func TestRemedy(t *testing.T) {
	for want, err := range map[string]error{
		"--resume":           &train.ExistsError{Dir: "run"},
		"--learning-rate":    &train.DivergedError{Step: 3},
		"--checkpoint last":  &adapter.NoBestModelError{Dir: "run", Last: "run/last.safetensors"},
		"episode-001":        &adapter.FewShotRunError{Dir: "few", Episodes: []string{"few/episode-001"}},
		"clipcue model pull": hub.ErrNoModel,
		"clipcue extract":    feature.ErrNoStore,
	} {
		if got := remedy(fmt.Errorf("x: %w", err)); !strings.Contains(got, want) {
			t.Errorf("the advice for %q is %q", err, got)
		}
	}
	if got := remedy(errors.New("another error")); got != "" {
		t.Errorf("the advice for another error is %q", got)
	}
}

// An error is one line, and advice is a second one.
func TestPrintError(t *testing.T) {
	var b bytes.Buffer
	printError(&b, errors.Join(&train.ExistsError{Dir: "run"}, errors.New("disk full")))
	if got := b.String(); !strings.HasPrefix(got, "clipcue: run already holds a run; disk full\ntry: --resume ") || strings.Count(got, "\n") != 2 {
		t.Errorf("%q", got)
	}
}
