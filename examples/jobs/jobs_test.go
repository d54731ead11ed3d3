package jobs_test

import (
	"context"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/examples/jobs"
)

func ExampleClassify() {
	classes, err := jobs.Classify(context.Background(), "run", "video.mp4")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(classes[0].Label)
}

func ExampleExtract() {
	report, err := jobs.Extract(context.Background(), "ViT-B/16", "features", "videos")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(report)
}

func ExampleSearch() {
	model, err := hub.Load("ViT-B/16", clip.Options{})
	if err != nil {
		log.Fatal(err)
	}
	found, err := jobs.Search(context.Background(), model, "library", "a man opens a door", "videos")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(found.Results[0].Video)
}
