// Command serve measures a running clipcue serve: the latency of searches of many people at
// once, of the ranking after a mark, and of the page's first files.
//
//	clipcue serve --library lib
//	go run ./bench/serve --url http://127.0.0.1:8765 --searchers 50 --duration 1m
//
// Every query is another one, so no answer comes from memory. The label for the marks is
// created and deleted.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/clipcue/clipcue/client"
)

func main() {
	log.SetFlags(0)
	url := flag.String("url", "http://127.0.0.1:8765", "address of the server")
	token := flag.String("token", "", "token of an editor, if the server has tokens")
	searchers := flag.Int("searchers", 50, "number of searches at a time")
	duration := flag.Duration("duration", time.Minute, "how long to search")
	marks := flag.Int("marks", 20, "number of marks")
	flag.Parse()
	c, err := client.New(*url, *token)
	if err == nil {
		err = measure(context.Background(), c, *url, *searchers, *duration, *marks)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, c *client.Client, url string, searchers int, duration time.Duration, marks int) error {
	about, err := c.Library(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d moments of %d videos\n\n| measurement | median | 95 %% | 99 %% | per second |\n|---|---|---|---|---|\n", about.Moments, about.Videos)
	for _, path := range []string{"/", "/assets/app.js", "/assets/app.css"} {
		times, err := repeat(20, func() error { return fetch(ctx, url+path) })
		if err != nil {
			return err
		}
		print(path, times, 0)
	}
	times, err := repeat(50, func() error { return search(ctx, c) })
	if err != nil {
		return err
	}
	print("search, alone", times, 0)
	if times, err = mark(ctx, c, marks); err != nil {
		return err
	}
	print("mark to new ranking", times, 0)
	if times, err = together(ctx, c, searchers, duration); err != nil {
		return err
	}
	print(fmt.Sprintf("search, %d at a time", searchers), times, float64(len(times))/duration.Seconds())
	return nil
}

// repeat returns how long n calls took.
func repeat(n int, do func() error) (times []time.Duration, err error) {
	for range n {
		begin := time.Now()
		if err := do(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begin))
	}
	return times, nil
}

func fetch(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// search sends a query that nobody has sent before.
func search(ctx context.Context, c *client.Client) error {
	words := []string{"red", "blue", "green", "yellow", "circle", "ring", "cross", "star", "small", "large", "left", "right", "moving", "two"}
	rand.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	_, err := c.Search(ctx, client.SearchQuery{Q: fmt.Sprintf("a %s %s %s %d", words[0], words[1], words[2], rand.IntN(1e6))}, 60, 0)
	return err
}

// together searches from many goroutines at once.
func together(ctx context.Context, c *client.Client, n int, duration time.Duration) (times []time.Duration, err error) {
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	end := time.Now().Add(duration)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for time.Now().Before(end) {
				one, failed := repeat(1, func() error { return search(ctx, c) })
				mu.Lock()
				times, err = append(times, one...), cmp.Or(err, failed)
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return times, err
}

// mark returns how long the new ranking took after each of n marks, with its request.
func mark(ctx context.Context, c *client.Client, n int) (times []time.Duration, err error) {
	label, err := c.CreateLabel(ctx, fmt.Sprintf("bench %d", time.Now().UnixNano()), "a red circle")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.DeleteLabel(ctx, label.Label)) }()
	feed, err := c.Feed(ctx, label.Label, "likely", 24)
	for i := range n {
		if err != nil || len(feed.Moments) == 0 {
			return times, err
		}
		m := feed.Moments[0]
		begin := time.Now()
		if _, err = c.Mark(ctx, label.Label, []client.NewMark{{Video: m.Video, Start: m.Start, End: m.End, Positive: i%3 != 2}}, false); err == nil {
			feed, err = c.Feed(ctx, label.Label, "likely", 24)
		}
		times = append(times, time.Since(begin))
	}
	return times, err
}

func print(name string, times []time.Duration, perSecond float64) {
	slices.Sort(times)
	at := func(share float64) string {
		return fmt.Sprintf("%.1f ms", float64(times[min(len(times)-1, int(share*float64(len(times))))].Microseconds())/1000)
	}
	rate := ""
	if perSecond > 0 {
		rate = fmt.Sprintf("%.0f", perSecond)
	}
	fmt.Printf("| %s | %s | %s | %s | %s |\n", name, at(0.5), at(0.95), at(0.99), rate)
}
