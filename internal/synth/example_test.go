package synth_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/internal/synth"
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

func ExampleWorld() {
	world := synth.World{Seed: 1, Set: synth.Seen}
	for n := range uint64(3) {
		p := world.Picture(n)
		fmt.Println(len(p.Pix), p.Caption)
	}
}
