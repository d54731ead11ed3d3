package retrieval_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/retrieval"
)

// Find which of two videos a text describes. Their features are made from the backbone's own
// text embeddings; package feature extracts those of real videos.
func Example() {
	backbone, err := tiny.Load(clip.Options{Towers: clip.TextTower})
	if err != nil {
		log.Fatal(err)
	}
	r := retrieval.Baseline(backbone) // or retrieval.New(file, backbone), from a model file
	query, err := r.EncodeTexts(context.Background(), []string{"a red circle"})
	if err != nil {
		log.Fatal(err)
	}
	for _, shows := range []string{"a picture of a red circle", "a picture of a blue star"} {
		frame, err := backbone.EncodeTexts(context.Background(), []string{shows}, false)
		if err != nil {
			log.Fatal(err)
		}
		video := &feature.Sequence{ID: shows, Width: len(frame), Features: frame, Timestamps: []float64{0}}
		v, err := r.EncodeVideo(context.Background(), video, 0, 0)
		if err != nil {
			log.Fatal(err)
		}
		cosine := float32(0)
		for i := range v {
			cosine += v[i] * query[i]
		}
		fmt.Println(shows, cosine > 0.5)
	}
	// Output:
	// a picture of a red circle true
	// a picture of a blue star false
}
