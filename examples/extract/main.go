// Extract stores the frame features of videos and prints a summary.
//
//	go run ./examples/extract STORE VIDEO...
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

func main() {
	model, err := hub.Load("clipcue-tiny", clip.Options{Towers: clip.ImageTower}) // or "ViT-B/16"
	if err != nil {
		log.Fatal(err)
	}
	store, err := feature.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	found, err := video.Discover(os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	for _, folder := range found.Unreadable {
		log.Print(folder)
	}
	report, err := feature.Extract(context.Background(), model, found.Videos, store, feature.Options{Sampling: video.AtRate(8)})
	for _, f := range report.Failed {
		log.Printf("%s: %s", f.Path, f.Reason)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)
}
