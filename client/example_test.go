package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/client"
)

// Search a library, and mark the best moment as showing a label.
func Example() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:8765", "")
	if err != nil {
		log.Fatal(err)
	}
	found, err := c.Search(ctx, client.SearchQuery{Q: "a man opens a door"}, 10, 0)
	if err != nil {
		log.Fatal(err)
	}
	if !found.Matched {
		log.Fatal("no good match")
	}
	label, err := c.CreateLabel(ctx, "door opens", "a man opens a door")
	if err != nil {
		log.Fatal(err)
	}
	best := found.Results[0]
	if _, err := c.Mark(ctx, label.Label, []client.NewMark{{Video: best.Video, Start: best.Start, End: best.End, Positive: true}}, false); err != nil {
		log.Fatal(err)
	}
	fmt.Println("marked", best.Name)
}
