package feature_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

func ExampleExtract() {
	ctx := context.Background()
	model, err := clip.Load("ViT-B-16.pt", clip.Options{Towers: clip.ImageTower})
	if err != nil {
		log.Fatal(err)
	}
	found, err := video.Discover([]string{"videos"})
	if err != nil {
		log.Fatal(err)
	}
	store, err := feature.Create("features")
	if err != nil {
		log.Fatal(err)
	}
	report, err := feature.Extract(ctx, model, found.Videos, store, feature.Options{Sampling: video.AtRate(8)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)
	for _, f := range report.Failed {
		fmt.Println(f.Path, f.Reason)
	}

	ids, err := store.IDs()
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range ids {
		q, err := store.Get(id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d frames of %d values from %.1f s on\n", id, q.Len(), q.Width, q.Timestamps[0])
	}
}

// Store a sequence, and read the part of it from 1 s to 2 s.
func ExampleStore() {
	dir, err := os.MkdirTemp("", "features")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := feature.Create(dir)
	if err != nil {
		log.Fatal(err)
	}
	err = store.Put(&feature.Sequence{
		ID: "clip.mp4", Width: 2,
		Features:   []float32{1, 2, 3, 4, 5, 6},
		Timestamps: []float64{0.5, 1, 1.5},
	})
	if err != nil {
		log.Fatal(err)
	}
	q, err := store.Get("clip.mp4")
	if err != nil {
		log.Fatal(err)
	}
	from, to := q.Span(1, 2)
	fmt.Println(q.Len(), q.FrameRate(), from, to, q.Row(from))
	_, err = store.Get("none.mp4")
	fmt.Println(errors.Is(err, feature.ErrNotStored))
	// Output:
	// 3 2 1 3 [3 4]
	// true
}
