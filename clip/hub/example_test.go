package hub_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
)

// Load a backbone by name; it must have been pulled before.
func ExampleLoad() {
	model, err := hub.Load("ViT-B/16", clip.Options{Towers: clip.ImageTower})
	if errors.Is(err, hub.ErrNoModel) {
		log.Fatal("not pulled yet; see hub.Pull")
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Config().Embed)
}
