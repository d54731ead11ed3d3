package feature_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

func ExampleExtract() {
	ctx := context.Background()
	model, err := clip.Load("ViT-B-16.pt", clip.Options{Towers: clip.Image})
	if err != nil {
		log.Fatal(err)
	}
	sources, _, err := video.Discover([]string{"videos"})
	if err != nil {
		log.Fatal(err)
	}
	store, err := feature.Create("features")
	if err != nil {
		log.Fatal(err)
	}
	report, err := feature.Extract(ctx, model, sources, store, feature.Options{Sampling: video.AtRate(8)})
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
