package fleet

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"
)

// Status describes a fleet.
type Status struct {
	Store    string `json:"store"`
	Recipe   Recipe `json:"recipe"`
	Finished int    `json:"finished"`
	Waiting  int    `json:"waiting"` // or queued, or being processed
	Failed   int    `json:"failed"`
	Spans    int    `json:"spans"` // of long videos among Waiting, which are not finished

	Failures  []FailedVideo     `json:"failures"` // at most 100
	Workers   []WorkerStatus    `json:"workers"`
	Suspended map[string]string `json:"suspended"` // reasons, by machine

	FramesPerSecond  float64 `json:"frames_per_second"`
	RemainingSeconds float64 `json:"remaining_seconds"` // 0 if unknown
}

// FailedVideo is a video that failed for good.
type FailedVideo struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// WorkerStatus describes a worker.
type WorkerStatus struct {
	Name            string   `json:"name"` // of the machine
	CPU             string   `json:"cpu"`
	Videos          int      `json:"videos"`
	Failed          int      `json:"failed"`
	Frames          int64    `json:"frames"`
	FramesPerSecond float64  `json:"frames_per_second"`
	Current         []string `json:"current"`
	Seen            float64  `json:"seen"` // seconds since the last report
	Lost            bool     `json:"lost"`
}

// listed is the number of failures in a status.
const listed = 100

// status answers a request for the status.
func (c *Coordinator) status(ctx context.Context, _ struct{}) (any, error) {
	n, err := c.ledger.counts(ctx)
	if err != nil {
		return nil, err
	}
	store, err := filepath.Abs(c.o.Store.Dir())
	if err != nil {
		return nil, err
	}
	v := n.videos
	s := Status{Store: store, Recipe: c.o.Recipe, Finished: v[done], Waiting: v[waiting] + v[queued] + v[divided], Failed: v[failed],
		Spans:    n.spans[waiting] + n.spans[queued],
		Failures: []FailedVideo{}, Workers: []WorkerStatus{}, Suspended: map[string]string{}}
	rows, err := c.ledger.first(ctx, failed, listed)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		s.Failures = append(s.Failures, FailedVideo{r.unit.ID, r.reason})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, reason := range c.crew.suspended {
		s.Suspended[name] = reason
	}
	for _, w := range c.crew.workers {
		seen := time.Since(w.seen)
		x := WorkerStatus{w.Name, w.Recipe.CPU, w.last.Done, w.last.Failed, w.last.Frames, w.frames, w.last.Current, seen.Seconds(), seen > lostTime}
		if !x.Lost {
			s.FramesPerSecond += x.FramesPerSecond
		}
		s.Workers = append(s.Workers, x)
	}
	slices.SortFunc(s.Workers, func(a, b WorkerStatus) int { return cmp.Compare(a.Name, b.Name) })
	s.RemainingSeconds = c.pace.remaining(s.Waiting)
	return s, nil
}

// Status asks the coordinator for the status.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.ask(ctx, "status", struct{}{}, &s)
	return s, err
}

// Release gives a suspended machine work again.
func (c *Client) Release(ctx context.Context, machine string) error {
	return c.ask(ctx, "release", machine, nil)
}

// pace estimates the remaining time from when the last videos were finished.
type pace struct{ times []time.Time }

// paceVideos is the number of videos that the estimate uses.
const paceVideos = 200

func (p *pace) add(t time.Time) {
	if p.times = append(p.times, t); len(p.times) > paceVideos {
		p.times = slices.Delete(p.times, 0, 1)
	}
}

// remaining returns the seconds for n more videos, or 0 if they are unknown.
func (p *pace) remaining(n int) float64 {
	if len(p.times) < 2 {
		return 0
	}
	last := len(p.times) - 1
	return p.times[last].Sub(p.times[0]).Seconds() / float64(last) * float64(n)
}
