package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// crew is what the coordinator knows about workers and their machines.
type crew struct {
	workers   map[string]*worker   // by the ID of the process
	streaks   map[string][]failing // failures in a row, by machine
	suspended map[string]string    // reasons, by machine
}

// worker is a process that extracts features.
type worker struct {
	Machine
	last   report
	seen   time.Time
	frames float64 // per second, since the last report
}

// report is what a worker sends regularly.
type report struct {
	ID      string   `json:"id"`
	Frames  int64    `json:"frames"` // encoded since its start
	Done    int      `json:"done"`   // videos
	Failed  int      `json:"failed"`
	Current []string `json:"current"` // IDs of videos in progress
	Ends    bool     `json:"ends,omitempty"`
}

// failing is a failure of a machine since its last success.
type failing struct {
	key, id string
	refuted bool // another machine processed the video
}

const (
	beatTime = 5 * time.Second
	// lostTime is the time without a report after which a worker counts as lost.
	lostTime = 12 * beatTime
	// refutedLimit is the number of videos in a row that fail on a machine and that others
	// process, after which the machine is suspended.
	refutedLimit = 3
	// longStreak bounds the failures of a machine that are remembered.
	longStreak = 100
)

func newCrew() crew {
	return crew{map[string]*worker{}, map[string][]failing{}, map[string]string{}}
}

// live returns the names of the machines that are at work and not suspended.
func (c *crew) live() map[string]bool {
	out := map[string]bool{}
	for _, w := range c.workers {
		if _, suspended := c.suspended[w.Name]; !suspended && time.Since(w.seen) < lostTime {
			out[w.Name] = true
		}
	}
	return out
}

// others reports whether there are live machines besides the given ones.
func (c *crew) others(names []string) bool {
	for name := range c.live() {
		if !slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// beat updates a worker from its report. It returns false if the worker is unknown.
func (c *crew) beat(r report) bool {
	w := c.workers[r.ID]
	if w == nil {
		return false
	}
	if r.Ends {
		delete(c.workers, r.ID)
		return true
	}
	if s := time.Since(w.seen).Seconds(); s > 0.5 {
		w.frames = float64(r.Frames-w.last.Frames) / s
	}
	w.last, w.seen = r, time.Now()
	return true
}

// forget drops workers that have been lost for long.
func (c *crew) forget() {
	maps.DeleteFunc(c.workers, func(_ string, w *worker) bool { return time.Since(w.seen) > 60*lostTime })
}

// success ends the streak of a machine. It returns the machines whose failures of the same
// video are thereby refuted often enough to suspend them, with the reasons.
func (c *crew) success(machine, key string) map[string]string {
	delete(c.streaks, machine)
	out := map[string]string{}
	for name, streak := range c.streaks {
		n := 0
		for i := range streak {
			if streak[i].key == key {
				streak[i].refuted = true
			}
			if streak[i].refuted {
				n++
			}
		}
		if _, already := c.suspended[name]; n >= refutedLimit && !already {
			out[name] = fmt.Sprintf("failed %d videos in a row, of which other machines processed %d, such as %s", len(streak), n, streak[len(streak)-1].id)
			c.suspended[name] = out[name]
		}
	}
	return out
}

// failure adds to the streak of a machine, and returns how long it should pause if others
// are at work: a machine that fails at everything must not take all videos.
func (c *crew) failure(machine, key, id string) time.Duration {
	s := c.streaks[machine]
	if len(s) < longStreak && !slices.ContainsFunc(s, func(f failing) bool { return f.key == key }) {
		s = append(s, failing{key: key, id: id})
		c.streaks[machine] = s
	}
	if len(s) < refutedLimit || !c.others([]string{machine}) {
		return 0
	}
	return min(time.Duration(len(s))*time.Second, 10*time.Second)
}
