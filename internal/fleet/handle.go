package fleet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/feature"
)

// welcome is the answer to a [Machine] that says hello.
type welcome struct {
	Recipe  Recipe        `json:"recipe"`
	Results string        `json:"results"`
	Wait    time.Duration `json:"wait"` // of the queue for a sign of life
	Span    time.Duration `json:"span"` // of the parts of long videos; 0 means that videos are not divided
}

// hello sends the recipe, and registers a worker if it fits. A machine without a recipe asks
// for it.
func (c *Coordinator) hello(_ context.Context, m Machine) (any, error) {
	w := welcome{c.o.Recipe, c.o.Results, c.o.ackWait, c.o.Span}
	if m.Recipe.Backbone == "" {
		return w, nil
	}
	if err := c.o.Recipe.accepts(m, time.Now()); err != nil {
		c.o.Log.Warn("rejected a worker", "machine", m.Name, "reason", err)
		return nil, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason, ok := c.crew.suspended[m.Name]; ok {
		return nil, fmt.Errorf("%w: %s", ErrSuspended, reason)
	}
	c.crew.workers[m.ID] = &worker{Machine: m, last: report{ID: m.ID}, seen: time.Now()}
	return w, nil
}

// beat records the regular report of a worker. The answer false asks it to say hello again.
func (c *Coordinator) beat(_ context.Context, r report) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crew.forget()
	if w := c.crew.workers[r.ID]; w != nil && !r.Ends && c.crew.suspended[w.Name] != "" {
		return nil, fmt.Errorf("%w: %s", ErrSuspended, c.crew.suspended[w.Name])
	}
	return c.crew.beat(r), nil
}

// begin is the request of a worker that received a unit.
type begin struct {
	Key    string `json:"key"`
	Worker string `json:"worker"` // ID
}

// maxStarts is the number of deliveries without a result after which a unit fails: its
// workers were killed, perhaps by the video.
const maxStarts = 10

// start counts a delivery. The answer is false if the unit needs no work.
func (c *Coordinator) start(ctx context.Context, b begin) (any, error) {
	if _, err := c.machine(b.Worker); err != nil {
		return nil, err
	}
	defer c.lockKey(b.Key)()
	r, known, err := c.ledger.withKey(ctx, b.Key)
	if err != nil || !known || r.state == done || r.state == failed || r.state == divided {
		return false, err
	}
	n, err := c.ledger.start(ctx, b.Key)
	if err == nil && n > maxStarts {
		return false, c.giveUp(ctx, r, fmt.Sprintf("%d workers ended before they finished it", maxStarts))
	}
	return true, err
}

// takeBack is the inverse of start: a worker that is interrupted returns its unit, which is
// not the fault of the video.
func (c *Coordinator) takeBack(ctx context.Context, b begin) (any, error) {
	defer c.lockKey(b.Key)()
	return nil, c.ledger.unstart(ctx, b.Key)
}

// machine returns the machine of a worker that may work.
func (c *Coordinator) machine(id string) (Machine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.crew.workers[id]
	if w == nil {
		return Machine{}, errUnknownWorker
	}
	if reason, ok := c.crew.suspended[w.Name]; ok {
		return w.Machine, fmt.Errorf("%w: %s", ErrSuspended, reason)
	}
	w.seen = time.Now()
	return w.Machine, nil
}

// outcome is the result of a worker for a unit: a file or a failure.
type outcome struct {
	Key     string `json:"key"`
	Attempt string `json:"attempt"` // of a worker to process the unit
	Worker  string `json:"worker"`
	Size    int64  `json:"size"` // of the file
	SHA256  string `json:"sha256"`

	Reason string `json:"reason,omitempty"` // of the failure
	Video  bool   `json:"video,omitempty"`  // the video may be the cause

	Proof       proof `json:"proof,omitzero"`        // of a span
	Indivisible bool  `json:"indivisible,omitempty"` // the span's video has to be processed whole
}

// name returns the name of the file. Workers that process a unit at the same time write
// different files.
func (o outcome) name() string { return o.Key + "-" + o.Attempt }

// verdict is the answer to an outcome.
type verdict struct {
	Again bool          `json:"again"` // the file did not arrive: write it again
	Pause time.Duration `json:"pause"`
}

// finish commits the result of a worker, or records its failure.
func (c *Coordinator) finish(ctx context.Context, o outcome) (any, error) {
	m, err := c.machine(o.Worker)
	if err != nil && !errors.Is(err, ErrSuspended) {
		return nil, err
	}
	if err != nil && o.Reason != "" {
		return nil, err
	}
	defer c.lockKey(o.Key)()
	r, known, err := c.ledger.withKey(ctx, o.Key)
	switch {
	case err != nil:
		return nil, err
	case !known || r.state == done || r.state == divided:
		return verdict{}, c.discard(ctx, o)
	case o.Indivisible && r.parent != "":
		return verdict{}, c.undivide(ctx, r, o.Reason)
	case o.Reason != "" && r.state == failed:
		return verdict{}, nil
	case o.Reason != "":
		return c.fault(ctx, r, m, o)
	}
	q, err := c.fetch(ctx, r, o)
	if err != nil {
		c.o.Log.Warn("a result did not arrive; the worker writes it again", "video", r.unit.ID, "machine", m.Name, "reason", err)
		return verdict{Again: true}, nil
	}
	if r.parent != "" {
		err = c.keepSpan(ctx, r, m, q, o.Proof)
	} else {
		err = c.keep(ctx, r, m, q)
	}
	if err != nil {
		c.o.Log.Error("cannot store a result; the worker tries again", "video", r.unit.ID, "reason", err)
		return verdict{Again: true}, nil
	}
	return verdict{}, c.discard(ctx, o)
}

// discard removes the file of a result.
func (c *Coordinator) discard(ctx context.Context, o outcome) error {
	if o.Reason != "" {
		return nil
	}
	if err := c.results.remove(ctx, o.name()); err != nil {
		c.o.Log.Warn("cannot remove a result from the bucket", "name", o.name(), "reason", err)
	}
	return nil
}

// fetchTime is the limit for reading a result. The broker's object store waits forever for
// parts of an object that were lost.
const fetchTime = 5 * time.Minute

// fetch reads the file of a result and checks that it belongs to the unit.
func (c *Coordinator) fetch(ctx context.Context, r row, o outcome) (*feature.Sequence, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	dir, err := os.MkdirTemp(c.temp, "result-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, resultName+".safetensors"))
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n := counter{}
	err = c.results.get(ctx, o.name(), io.MultiWriter(f, sum, &n))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != o.SHA256 || n.n != o.Size {
		return nil, fmt.Errorf("%w: %d bytes with SHA-256 %s instead of %d with %s", ErrChecksum, n.n, got, o.Size, o.SHA256)
	}
	s, err := feature.Open(dir)
	if err != nil {
		return nil, err
	}
	q, err := s.Get(resultName)
	if err != nil {
		return nil, err
	}
	q.ID = r.unit.ID
	return q, c.belongs(q, r.unit)
}

// resultName is the ID of the only sequence of a temporary store.
const resultName = "result"

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// belongs returns an error unless a sequence is of a unit and the recipe.
func (c *Coordinator) belongs(q *feature.Sequence, u Unit) error {
	p := q.Provenance
	for _, x := range []struct{ what, have, want string }{
		{"source", p.Source, u.Source},
		{"size", fmt.Sprint(p.Size), fmt.Sprint(u.Size)},
		{"content", p.SHA256, cmp.Or(u.SHA256, p.SHA256)},
		{"decoder", p.Decoder, c.o.Recipe.Decoder},
	} {
		if x.have != x.want {
			return fmt.Errorf("the %s of the result is %s instead of %s", x.what, x.have, x.want)
		}
	}
	return nil
}

// keep commits a sequence to the store and the ledger.
func (c *Coordinator) keep(ctx context.Context, r row, m Machine, q *feature.Sequence) error {
	if err := c.writeNote(newNote(r.unit, m, q)); err != nil {
		return err
	}
	if err := c.store.Add(q); err != nil {
		return err
	}
	if err := c.ledger.set(ctx, r.key, done, ""); err != nil {
		return err
	}
	c.mu.Lock()
	c.pace.add(time.Now())
	c.mu.Unlock()
	return c.succeeded(ctx, m, r.key)
}

// newNote returns the note of a unit.
func newNote(u Unit, m Machine, q *feature.Sequence) note {
	n := note{ID: q.ID, SHA256: q.Provenance.SHA256, Machine: m.Name, CPU: m.Recipe.CPU, Version: m.Recipe.Version, Time: time.Now().UTC().Truncate(time.Millisecond)}
	if u.Part != nil {
		n.Frames = fmt.Sprintf("%d-%d", u.Part.First, u.Part.Last-1)
	}
	return n
}

// succeeded records that a machine processed a unit.
func (c *Coordinator) succeeded(ctx context.Context, m Machine, key string) error {
	c.mu.Lock()
	suspended := c.crew.success(m.Name, key)
	c.mu.Unlock()
	for name, reason := range suspended {
		c.o.Log.Warn("suspended a machine", "machine", name, "reason", reason)
		if err := c.ledger.suspend(ctx, name, reason); err != nil {
			return err
		}
	}
	c.fill()
	return nil
}

const (
	// maxFaults is the number of failures after which a video fails.
	maxFaults = 3
	// minMachines is the number of machines that they must come from, if there are so many.
	minMachines = 2
)

// fault records a failure. The video fails for good after enough of them; otherwise it is
// published again.
func (c *Coordinator) fault(ctx context.Context, r row, m Machine, o outcome) (any, error) {
	all, err := c.ledger.addFault(ctx, r.name, o.Attempt, fault{m.Name, o.Reason, o.Video})
	if err != nil {
		return nil, err
	}
	c.o.Log.Warn("a video failed on a machine", "video", r.unit.label(), "machine", m.Name, "reason", o.Reason)
	var machines []string
	n := 0
	for _, f := range all {
		if f.video {
			n++
			machines = append(machines, f.machine)
		}
	}
	slices.Sort(machines)
	machines = slices.Compact(machines)
	c.mu.Lock()
	pause := c.crew.failure(m.Name, r.key, r.unit.ID)
	enough := n >= maxFaults && (len(machines) >= minMachines || !c.crew.others(machines))
	c.mu.Unlock()
	if enough {
		return verdict{}, c.giveUp(ctx, r, reasons(all))
	}
	err = c.ledger.set(ctx, r.key, waiting, "")
	c.fill()
	return verdict{Pause: pause}, err
}

// reasons returns the different reasons for which a video failed, with the machines.
func reasons(all []fault) string {
	var order []string
	by := map[string][]string{}
	for _, f := range all {
		if f.video && !slices.Contains(by[f.reason], f.machine) {
			if by[f.reason] == nil {
				order = append(order, f.reason)
			}
			by[f.reason] = append(by[f.reason], f.machine)
		}
	}
	for i, reason := range order {
		order[i] = fmt.Sprintf("%s (on %s)", reason, strings.Join(by[reason], ", "))
	}
	return strings.Join(order, "; ")
}

// giveUp lists a video as failed. If it is a span that failed, the video is processed whole.
func (c *Coordinator) giveUp(ctx context.Context, r row, reason string) error {
	if r.parent != "" {
		return c.undivide(ctx, r, reason)
	}
	if err := c.store.Fail(r.unit.ID, r.unit.Source, reason); err != nil {
		return err
	}
	c.o.Log.Warn("a video failed", "video", r.unit.ID, "reason", reason)
	c.fill()
	return c.ledger.set(ctx, r.key, failed, reason)
}

// releaseMachine gives a suspended machine work again.
func (c *Coordinator) releaseMachine(ctx context.Context, name string) (any, error) {
	was, err := c.ledger.release(ctx, name)
	c.mu.Lock()
	delete(c.crew.suspended, name)
	delete(c.crew.streaks, name)
	c.mu.Unlock()
	if err == nil && !was {
		err = fmt.Errorf("no machine %q is suspended", name)
	}
	return was, err
}
