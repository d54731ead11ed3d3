package tiny_test

import (
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
)

func ExampleLoad() {
	model, err := tiny.Load(clip.Options{})
	if err != nil {
		log.Fatal(err)
	}
	c := model.Config()
	fmt.Printf("%d×%d pixels, E = %d\n", c.ImageSize, c.ImageSize, c.Embed)
	// Output: 64×64 pixels, E = 128
}
