// Classify prints the most probable class of each video.
//
//	go run ./examples/classify RUN VIDEO...
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/task/recognition"
)

func main() {
	ctx := context.Background()
	recognizer, err := recognition.Open(ctx, os.Args[1], adapter.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range os.Args[2:] {
		predictions, err := recognizer.ClassifyVideo(ctx, path)
		if err != nil {
			log.Fatal(err)
		}
		best := predictions[0]
		fmt.Printf("%s\t%s\t%.3f\n", filepath.Base(path), best.Label, best.Score)
	}
}
