package clip_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
)

// Compare texts by the cosine of their embeddings. [clip.Load] loads another model.
func ExampleModel_EncodeTexts() {
	model, err := tiny.Load(clip.Options{Towers: clip.TextTower})
	if err != nil {
		log.Fatal(err)
	}
	texts := []string{"a red circle", "a red ring", "a green cross"}
	embeddings, err := model.EncodeTexts(context.Background(), texts, false)
	if err != nil {
		log.Fatal(err)
	}
	width := model.Config().Embed
	clip.Normalize(embeddings, width)
	cosine := func(i, j int) (sum float32) {
		for k := range width {
			sum += embeddings[i*width+k] * embeddings[j*width+k]
		}
		return sum
	}
	fmt.Println("ring is closer than cross:", cosine(0, 1) > cosine(0, 2))
	// Output: ring is closer than cross: true
}
