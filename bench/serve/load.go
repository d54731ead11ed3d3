package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/client"
	"github.com/clipcue/clipcue/internal/crash"
)

// result is the latency of one kind of requests, in milliseconds.
type result struct {
	Name      string  `json:"name"`
	Requests  int     `json:"requests"`
	PerSecond float64 `json:"per_second,omitempty"`
	Median    float64 `json:"median_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Worst     float64 `json:"worst_ms"`
}

func (r result) String() string {
	return fmt.Sprintf("%-28s %6d requests  median %7.1f ms  p95 %7.1f ms  p99 %7.1f ms  worst %7.1f ms", r.Name, r.Requests, r.Median, r.P95, r.P99, r.Worst)
}

// measured returns the result of measured times.
func measured(name string, times []time.Duration) result {
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[min(len(times)-1, int(share*float64(len(times))))].Microseconds()) / 1000
	}
	return result{Name: name, Requests: len(times), Median: at(0.5), P95: at(0.95), P99: at(0.99), Worst: at(1)}
}

var (
	subjects = strings.Fields("man woman child dog cat bird horse car bus train bicycle boat plane robot cook player")
	verbs    = strings.Fields("opens closes pushes pulls throws catches lifts drops follows passes watches cleans paints repairs")
	objects  = strings.Fields("door window box ball table chair cup bottle book phone bag rope ladder wheel lamp tree")
)

// sentence returns one of 3,584 queries.
func sentence(r *rand.Rand) string {
	return fmt.Sprintf("a %s %s a %s", subjects[r.IntN(len(subjects))], verbs[r.IntN(len(verbs))], objects[r.IntN(len(objects))])
}

// times are the latencies by kind of request.
type times struct {
	mu sync.Mutex
	by map[string][]time.Duration
}

func (t *times) add(kind string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[kind] = append(t.by[kind], d)
}

// search lets people search: each types a query, half of the time pages on, and sometimes
// filters or asks for more like a result.
func search(ctx context.Context, c *client.Client, o options) (out []result, err error) {
	t := &times{by: map[string][]time.Duration{}}
	end := time.Now().Add(o.duration)
	group, ctx := errgroup.WithContext(ctx)
	for person := range o.searchers {
		group.Go(func() error {
			defer crash.Recover()
			r := rand.New(rand.NewPCG(uint64(person), 2))
			for time.Now().Before(end) {
				if err := session(ctx, c, r, t, o.pause); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := 0
	for _, kind := range []string{"new query", "next page", "filtered by length", "more like this"} {
		if list := t.by[kind]; len(list) > 0 {
			out = append(out, measured(kind, list))
			all += len(list)
		}
	}
	fmt.Printf("%d people, %d searches in %s: %.1f/s\n", o.searchers, all, o.duration, float64(all)/o.duration.Seconds())
	return out, nil
}

// session is what one person does until the next query.
func session(ctx context.Context, c *client.Client, r *rand.Rand, t *times, pause time.Duration) error {
	ask := func(kind string, q client.SearchQuery, offset int) (client.Found, error) {
		begin := time.Now()
		found, err := c.Search(ctx, q, 60, offset)
		t.add(kind, time.Since(begin))
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(2 * r.Float64() * float64(pause))):
		}
		return found, err
	}
	q := client.SearchQuery{Q: sentence(r)}
	found, err := ask("new query", q, 0)
	if err != nil {
		return err
	}
	switch r.IntN(4) {
	case 0, 1:
		_, err = ask("next page", q, 60)
	case 2:
		q.MinSeconds = 10
		_, err = ask("filtered by length", q, 0)
	case 3:
		if len(found.Results) > 0 {
			best := found.Results[0]
			_, err = ask("more like this", client.SearchQuery{Like: []string{fmt.Sprintf("%d@%g", best.Video, best.Best+1)}}, 0)
		}
	}
	return err
}

// mark lets a person mark what a label suggests, one moment after the other.
func mark(ctx context.Context, c *client.Client, n int) ([]result, error) {
	l, err := c.CreateLabel(ctx, fmt.Sprintf("label %d", time.Now().UnixNano()), "a man opens a door")
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	feed, err := c.Feed(ctx, l.Label, "likely", 24)
	if err != nil {
		return nil, err
	}
	first := measured("first feed, cold", []time.Duration{time.Since(begin)})
	var marked, ranked []time.Duration
	for i := range n {
		m := feed.Moments[0]
		begin := time.Now()
		_, err := c.Mark(ctx, l.Label, []client.NewMark{{Video: m.Video, Start: m.Start, End: m.End, Positive: i%3 == 0}}, false)
		if err != nil {
			return nil, err
		}
		marked = append(marked, time.Since(begin))
		if feed, err = c.Feed(ctx, l.Label, "likely", 24); err != nil {
			return nil, err
		}
		ranked = append(ranked, time.Since(begin))
	}
	return []result{first, measured("mark stored", marked), measured("mark to next suggestions", ranked)}, nil
}
