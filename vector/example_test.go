package vector_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/clipcue/clipcue/vector"
)

func Example() {
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	index, err := vector.Open(dir, 2, vector.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	if err := index.Add(ctx, []int64{1, 2, 3}, []float32{1, 0, 0, 1, 0.6, 0.8}); err != nil {
		log.Fatal(err)
	}
	hits, err := index.Search(ctx, []float32{0, 1}, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hits)
	// Output: [{2 1} {3 0.8}]
}
