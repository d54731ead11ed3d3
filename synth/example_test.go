package synth_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/synth"
)

func ExampleGenerate() {
	manifest, err := synth.Generate(context.Background(), "videos", synth.Options{Seed: 1}, func(done, total int) {
		fmt.Printf("%d of %d\n", done, total)
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("labels are in", manifest)
}
