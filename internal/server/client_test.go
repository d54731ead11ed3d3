package server

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/clipcue/clipcue/client"
)

// The Go client does what the API can do.
func TestClient(t *testing.T) {
	_, site := serve(t)
	c, err := client.New(site.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	about, err := c.Library(ctx)
	if err != nil || about.Videos != 6 {
		t.Fatalf("library: %+v, %v", about, err)
	}
	events := make(chan client.Event, 100)
	go func() {
		for e, err := range c.Events(ctx) {
			if err != nil {
				return
			}
			events <- e
		}
	}()
	found, err := c.Search(ctx, client.SearchQuery{Q: "a red circle", MinSeconds: 1, Without: []string{"a green cross"}}, 5, 0)
	if err != nil || len(found.Results) != 5 {
		t.Fatalf("search: %+v, %v", found, err)
	}
	l, err := c.CreateLabel(ctx, "red", "a red circle")
	if err != nil {
		t.Fatal(err)
	}
	feed, err := c.Feed(ctx, l.Label, "likely", 2)
	if err != nil || len(feed.Moments) != 2 {
		t.Fatalf("feed: %+v, %v", feed, err)
	}
	best := feed.Moments[0]
	mark := client.NewMark{Video: best.Video, Start: best.Start, End: best.End, Positive: true}
	changed, err := c.Mark(ctx, l.Label, []client.NewMark{mark}, false)
	if err != nil || changed.Positives != 1 {
		t.Fatalf("mark: %+v, %v", changed, err)
	}
	j, err := c.AddJob(ctx, client.NewJob{Kind: "export", Label: l.Label, Format: "csv", What: "marks"})
	if err != nil {
		t.Fatal(err)
	}
	if j, err = c.Wait(ctx, j.ID); err != nil {
		t.Fatal(err)
	}
	file, err := c.JobFile(ctx, j.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if data, err := io.ReadAll(file); err != nil || len(data) == 0 {
		t.Errorf("export: %q, %v", data, err)
	}
	if changed, err = c.Unmark(ctx, l.Label, changed.IDs...); err != nil || changed.Positives != 0 {
		t.Errorf("unmark: %+v, %v", changed, err)
	}
	for {
		if e := <-events; e.Name == "job" {
			break
		}
	}
	_, err = c.Segments(ctx, 99, 10, 0)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusNotFound {
		t.Errorf("an unknown label: %v", err)
	}
}
