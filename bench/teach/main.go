// Command teach measures how well labels are learned from marks. A simulated user correctly
// marks what the label suggests in a library of rendered videos with known content. Run it with:
// go run ./bench/teach. It renders its videos once and takes minutes. With -localize, it
// compares the segments with those of a localizer that knows all true segments. With -recognize, it
// also trains recognizers of motions.
//
// The videos show colored shapes, which are all that the backbone recognizes. The results
// demonstrate the mechanism, but may not apply to other videos.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

// options are the settings of a measurement.
type options struct {
	dir              string // of the videos
	objects, motions int    // videos
	moments          int    // at least
	seeds            int
	labels           int // of objects that are frequent, of rare ones, and of motions
	localize         bool
	recognize        bool
	json             string
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "clipcue-teach"), "folder of the rendered videos")
	flag.IntVar(&o.objects, "objects", 160, "videos of 60 s with objects")
	flag.IntVar(&o.motions, "motions", 240, "videos of 12 s with motions")
	flag.IntVar(&o.moments, "moments", 100_000, "number of moments")
	flag.IntVar(&o.seeds, "seeds", 5, "number of repetitions with another random seed")
	flag.IntVar(&o.labels, "labels", 10, "number of frequent, of rare, and of motion labels")
	flag.BoolVar(&o.localize, "localize", false, "compare segments with those of a trained localizer instead")
	flag.BoolVar(&o.recognize, "recognize", false, "also train recognizers of motions, which takes most of the time")
	flag.StringVar(&o.json, "json", "", "file for all results")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "teach:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	a, err := newArchive(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("%d moments of %d videos\n", a.moments.Len(), a.videos)
	if o.localize {
		return a.contest(ctx, o)
	}
	var all []result
	for seed := range o.seeds {
		for _, l := range a.choose(o.labels) {
			r, err := a.teach(ctx, l, uint64(seed))
			if err != nil {
				return fmt.Errorf("label %q: %w", l.name, err)
			}
			all = append(all, r)
			fmt.Fprintln(os.Stderr, r)
		}
		fmt.Printf("\nseeds: %d\n", seed+1)
		if err := report(os.Stdout, all); err != nil {
			return err
		}
		if err := save(o.json, all); err != nil {
			return err
		}
	}
	return nil
}

func save(path string, all any) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o666)
}
