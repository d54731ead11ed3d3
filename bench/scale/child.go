package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/bench/usage"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/video"
)

// child measures what no command does alone, in a process of its own, so that its memory and
// its decoders count. The process prints the seconds of the measured part.
func (r *runner) child(args ...string) (usage.Usage, error) {
	self, err := os.Executable()
	if err != nil {
		return usage.Usage{}, err
	}
	u, err := usage.Run(exec.CommandContext(r.ctx, self, args...))
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(u.Output, &u.Seconds)
}

// runChild runs in the process of a child.
func runChild(ctx context.Context, args []string) error {
	works := map[string]func(ctx context.Context, args []string) (time.Duration, error){"decode": decode, "localize": localizeFrames}
	work := works[args[0]]
	if work == nil || len(args) != 3 {
		return fmt.Errorf("unknown arguments %q", args)
	}
	took, err := work(ctx, args[1:])
	if err != nil {
		return err
	}
	fmt.Println(took.Seconds())
	return nil
}

// decode decodes and resizes the frames of a video, at a rate in frames per second or all if it
// is 0.
func decode(ctx context.Context, args []string) (time.Duration, error) {
	fps, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return 0, err
	}
	o := video.Options{Size: 224}
	if fps > 0 {
		o.Sampling = video.AtRate(fps)
	}
	began := time.Now()
	for _, err := range video.Frames(ctx, args[0], o) {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// localizeFrames finds actions in a sequence with a number of frames, which repeats a stored one.
func localizeFrames(ctx context.Context, args []string) (time.Duration, error) {
	frames, err := strconv.Atoi(args[1])
	if err != nil {
		return 0, err
	}
	l, err := localization.Open(ctx, args[0]+"/run", adapter.OpenOptions{})
	if err != nil {
		return 0, err
	}
	store, err := feature.Open(args[0] + "/features")
	if err != nil {
		return 0, err
	}
	ids, err := store.IDs()
	if err != nil {
		return 0, err
	}
	q, err := store.Get(ids[0])
	if err != nil {
		return 0, err
	}
	repeats := (frames + q.Len() - 1) / q.Len()
	q.Features = slices.Repeat(q.Features, repeats)[:frames*q.Width]
	q.Timestamps = make([]float64, frames)
	for i := range q.Timestamps {
		q.Timestamps[i] = float64(i) / l.Rate()
	}
	q.Provenance.Duration = float64(frames) / l.Rate()
	began := time.Now()
	_, err = l.Localize(ctx, q)
	return time.Since(began), err
}
