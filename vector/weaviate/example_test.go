package weaviate_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/vector/weaviate"
)

// Store a vector of width 3 on a server, and find it again.
func ExampleOpen() {
	ctx := context.Background()
	index, err := weaviate.Open(ctx, "http://localhost:8080", "Moments", 3, weaviate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	if err := index.Add(ctx, []int64{7}, []float32{1, 0, 0}); err != nil {
		log.Fatal(err)
	}
	hits, err := index.Search(ctx, []float32{0.6, 0.8, 0}, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hits[0].ID, hits[0].Score)
}
