package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/train"
)

// Errors that are wrapped still get advice; other errors get none.
func TestRemedy(t *testing.T) {
	for want, err := range map[string]error{
		"--resume":            &train.ExistsError{Dir: "run"},
		"--learning-rate":     &train.DivergedError{Step: 3},
		"--checkpoint last":   &adapter.NoBestModelError{Dir: "run", Last: "run/last.safetensors"},
		"episode-001":         &adapter.FewShotRunError{Dir: "few", Episodes: []string{"few/episode-001"}},
		"clipcue model pull":  hub.ErrNoModel,
		"accept the terms":    &hub.DownloadError{Status: 403, Err: errors.New("no")},
		"HF_TOKEN":            &hub.DownloadError{Status: 401, Err: errors.New("no")},
		"to resume":           &hub.DownloadError{Err: context.Canceled},
		"by hand into dir":    &hub.DownloadError{Status: 500, Dir: "dir", Err: errors.New("no")},
		"ViT-B/32":            &hub.UnknownNameError{Name: "x"},
		"git lfs pull":        &checkpoint.NotWeightsError{What: "a pointer", Remedy: "git lfs pull"},
		"compare its size":    checkpoint.ErrDamaged,
		"both towers":         clip.ErrNoText,
		"with both towers":    clip.ErrNoImage,
		"astype":              npy.ErrType,
		"ascontiguousarray":   npy.ErrOrder,
		"clipcue extract":     feature.ErrNoStore,
		"which stores them":   library.ErrNoFrames,
		"page of that server": &library.BusyError{Dir: "lib", Holder: "clipcue serve at http://127.0.0.1:8765 (process 7)"},
	} {
		if got := remedy(fmt.Errorf("x: %w", err)); !strings.Contains(got, want) {
			t.Errorf("the advice for %q is %q", err, got)
		}
	}
	if got := remedy(errors.New("another error")); got != "" {
		t.Errorf("the advice for another error is %q", got)
	}
}

// After a full disk, only a command that trains is repeated with --resume.
func TestRemedyOfAFullDisk(t *testing.T) {
	for name, want := range map[string]string{"train": "try: the same command with --resume when there is space\n", "export": "try: the same command again when there is space\n"} {
		c := &cobra.Command{Use: name, SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
			return &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}}
		if name == "train" {
			c.Flags().Bool("resume", false, "")
		}
		c.SetArgs(nil)
		var b strings.Builder
		printError(&b, execute(t.Context(), c))
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("%s: %q", name, b.String())
		}
	}
}

// A library whose own model has changed cannot be searched with that model.
func TestRemedyOfAChangedModel(t *testing.T) {
	got := changedModel("lib", library.Settings{Model: "/m/model dir"})
	if want := "clipcue index --library lib --reindex --model '/m/model dir'"; !strings.Contains(got, want) || !strings.Contains(got, "as they were") {
		t.Errorf("%q, want %q", got, want)
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
