package checkpoint_test

import (
	"fmt"
	"log"
	"maps"
	"slices"

	"github.com/clipcue/clipcue/clip/checkpoint"
)

// List the tensors of a weight file without reading their elements.
func ExampleOpen() {
	weights, err := checkpoint.Open("ViT-B-16.pt")
	if err != nil {
		log.Fatal(err)
	}
	defer weights.Close()
	for _, name := range slices.Sorted(maps.Keys(weights.Tensors)) {
		fmt.Println(name, weights.Tensors[name].Shape)
	}
}
