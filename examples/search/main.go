// Search indexes videos in a library and searches it by text.
//
//	go run ./examples/search LIBRARY QUERY [VIDEO...]
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

func main() {
	ctx := context.Background()
	dir, query, paths := os.Args[1], os.Args[2], os.Args[3:]
	model, err := hub.Load("clipcue-tiny", clip.Options{}) // or "ViT-B/16"
	if err != nil {
		log.Fatal(err)
	}
	embedder := retrieval.Baseline(model)
	if len(paths) > 0 { // without paths, only search
		options := library.Options{Extract: feature.Options{Sampling: video.AtRate(2)}}
		if _, err := library.Index(ctx, dir, model, embedder, paths, options); err != nil {
			log.Fatal(err)
		}
	}
	videos, err := library.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	defer videos.Close()
	found, err := videos.Search(ctx, embedder, query, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range found.Results {
		fmt.Printf("%.3f\t%s\t%s\n", r.Score, r.Time, r.Video)
	}
}
