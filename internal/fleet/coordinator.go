package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	fnv32 "hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/nats-io/nats.go"
)

// CoordinatorOptions configure a coordinator.
type CoordinatorOptions struct {
	Recipe   Recipe
	Store    *feature.Store
	Dir      string        // of the ledger and temporary files
	Results  string        // address of the bucket for results; "" means the broker's object store
	Replicas int           // of streams; 0 means 1
	Span     time.Duration // of the parts of long videos; 0 means that videos are not divided
	Buckets  *Buckets
	Log      *slog.Logger

	window  int           // units in the queue; 0 means 4096
	ackWait time.Duration // 0 means ackWait
	tick    time.Duration // of the reconciler; 0 means 2 s
}

// Coordinator owns the feature store of a fleet.
type Coordinator struct {
	o       CoordinatorOptions
	client  *Client
	queue   *queue
	results results
	store   *feature.Collection
	ledger  *ledger
	notes   *os.File // which worker produced what
	temp    string
	release []func() // in reverse order
	changed chan struct{}
	tidied  bool // no result is left; used by reconcile alone

	outcome    [64]sync.Mutex // by key
	submitting sync.Mutex

	mu   sync.Mutex
	crew crew
	pace pace
}

// NewCoordinator opens the ledger and the store, and creates the queue.
func NewCoordinator(ctx context.Context, client *Client, o CoordinatorOptions) (c *Coordinator, err error) {
	o.Replicas, o.window = max(1, o.Replicas), max(o.window, 0)
	if o.window == 0 {
		o.window = 4096
	}
	if o.ackWait == 0 {
		o.ackWait = ackWait
	}
	if o.tick == 0 {
		o.tick = 2 * time.Second
	}
	c = &Coordinator{o: o, client: client, changed: make(chan struct{}, 1), crew: newCrew()}
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Coordinator) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(c.o.Dir, 0o777); err != nil {
		return err
	}
	if c.ledger, err = openLedger(ctx, c.o.Dir); err != nil {
		return err
	}
	c.release = append(c.release, func() { _ = c.ledger.close() })
	if c.store, err = c.o.Store.Collect(c.o.Recipe.made()); err != nil {
		return err
	}
	c.release = append(c.release, c.store.Close)
	var remove func()
	if c.temp, remove, err = newTemp(c.o.Dir); err != nil {
		return err
	}
	c.release = append(c.release, remove)
	notes := filepath.Join(c.o.Store.Dir(), notesFile)
	if err := atomicfile.CheckRegular(notes); err != nil {
		return err
	}
	if c.notes, err = os.OpenFile(notes, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return err
	}
	c.release = append(c.release, func() { _ = c.notes.Close() })
	if err := c.recover(ctx); err != nil {
		return err
	}
	if c.queue, err = c.client.queue(c.o.Replicas, c.o.ackWait); err != nil {
		return err
	}
	if err := retry(ctx, unlikeTimeout, func() error { return c.queue.create(ctx) }); err != nil {
		return fmt.Errorf("cannot create the queue on the broker: %w", err)
	}
	return retry(ctx, unlikeTimeout, func() error {
		c.results, err = c.queue.results(ctx, c.o.Buckets, c.client.name, c.o.Results)
		return err
	})
}

// unlikeTimeout reports whether an error is not that of a broker that does not answer: a cluster
// needs seconds to elect a leader.
func unlikeTimeout(err error) bool {
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, nats.ErrNoResponders)
}

// recover compares the ledger with the recipe and the store.
func (c *Coordinator) recover(ctx context.Context) error {
	if err := c.ledger.adopt(ctx, c.o.Recipe); err != nil {
		return err
	}
	n, err := c.ledger.reconcile(ctx, c.has)
	if n > 0 {
		c.o.Log.Warn("the store lost features of videos; they will be extracted again", "videos", n)
	}
	if err != nil {
		return err
	}
	if err := c.pruneSpans(ctx); err != nil {
		return err
	}
	suspended, err := c.ledger.suspensions(ctx)
	c.crew.suspended = suspended
	return err
}

// has reports whether the result of a unit is stored.
func (c *Coordinator) has(r row) bool {
	store, id := c.o.Store, r.unit.ID
	if r.parent != "" {
		store, id = c.spans(r.parent), spanName(r.unit)
	}
	if store == nil {
		return false
	}
	_, err := store.Provenance(id)
	return err == nil
}

// Close ends the registration at the store and closes the ledger.
func (c *Coordinator) Close() {
	for i := len(c.release) - 1; i >= 0; i-- {
		c.release[i]()
	}
}

// parallel is the number of requests of a kind that are handled at the same time.
const parallel = 8

// Run answers submitters and workers, and keeps the queue filled, until ctx is done. It calls
// ready, if it is not nil, when it answers.
func (c *Coordinator) Run(ctx context.Context, ready func()) error {
	for kind, handle := range map[string]func([]byte) (any, error){
		"hello":   on(ctx, c.hello),
		"submit":  on(ctx, c.submit),
		"start":   on(ctx, c.start),
		"divide":  on(ctx, c.divide),
		"finish":  on(ctx, c.finish),
		"return":  on(ctx, c.takeBack),
		"status":  on(ctx, c.status),
		"release": on(ctx, c.releaseMachine),
		"beat":    on(ctx, c.beat),
	} {
		stop, err := c.client.serve(kind, parallel, handle)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := c.client.conn.Flush(); err != nil {
		return err
	}
	if ready != nil {
		ready()
	}
	for {
		if err := c.reconcile(ctx); err != nil && ctx.Err() == nil {
			c.o.Log.Warn("cannot fill the queue; trying again", "reason", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.changed:
		case <-time.After(c.o.tick):
		}
	}
}

// on decodes the request of a handler.
func on[T any](ctx context.Context, handle func(context.Context, T) (any, error)) func([]byte) (any, error) {
	return func(data []byte) (any, error) {
		var request T
		if err := json.Unmarshal(data, &request); err != nil {
			return nil, fmt.Errorf("the request is invalid: %w", err)
		}
		result, err := handle(ctx, request)
		if err != nil && ctx.Err() != nil { // the sender asks the next coordinator
			err = fmt.Errorf("%w: it stops", ErrNoCoordinator)
		}
		return result, err
	}
}

// fill makes the reconciler run soon.
func (c *Coordinator) fill() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// publishUnits is the number of units that are published at a time: the broker has to store
// them within publishTime.
const publishUnits = 256

// reconcile publishes units that wait, and units that the queue lost. A unit is in the
// queue until its worker knows that it is finished, so with an empty queue, all units that
// were published and are not finished are lost.
func (c *Coordinator) reconcile(ctx context.Context) error {
	if err := c.joinSpans(ctx); err != nil {
		return err
	}
	length, created, err := c.queue.length(ctx)
	if err != nil {
		return err
	}
	if length == 0 || created {
		if err := c.ledger.unpublish(ctx); err != nil {
			return err
		}
	}
	inQueue, err := c.ledger.count(ctx, queued) // at most the window, unlike all counts
	if err != nil {
		return err
	}
	if inQueue >= c.o.window {
		return nil
	}
	rows, err := c.ledger.first(ctx, waiting, min(publishUnits, c.o.window-inQueue))
	if err != nil {
		return err
	}
	if err := c.tidy(ctx, inQueue+len(rows)); err != nil || len(rows) == 0 {
		return err
	}
	if len(rows) == publishUnits {
		defer c.fill()
	}
	tasks := make([]task, len(rows))
	for i, r := range rows {
		tasks[i] = task{Key: r.key, Unit: r.unit}
		faults, err := c.ledger.faults(ctx, r.name)
		if err != nil {
			return err
		}
		tasks[i].Avoid = c.avoid(faults)
	}
	if err := c.queue.publish(ctx, tasks); err != nil {
		return err
	}
	return c.ledger.published(ctx, rows)
}

// tidy removes results that no worker reported, because it was killed, and those of spans of
// videos that changed, when no unit is unfinished.
func (c *Coordinator) tidy(ctx context.Context, unfinished int) error {
	if unfinished > 0 {
		c.tidied = false
		return nil
	}
	if c.tidied {
		return nil
	}
	err := errors.Join(c.results.clear(ctx), c.pruneSpans(ctx))
	c.tidied = err == nil
	return err
}

// avoid returns the machines with failures of a unit, or nil if there are no others.
func (c *Coordinator) avoid(faults []fault) (names []string) {
	for _, f := range faults {
		names = append(names, f.machine)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.crew.others(names) {
		return nil
	}
	return names
}

// notesFile lists in the folder of the store which worker produced which sequence, one
// [note] as JSON per line. The last line about a sequence or a span counts.
const notesFile = "workers.jsonl"

// note says which worker produced a sequence.
type note struct {
	ID      string    `json:"id"`
	Frames  string    `json:"frames,omitempty"` // of a span: the first and the last
	SHA256  string    `json:"sha256"`           // of the video
	Machine string    `json:"machine"`
	CPU     string    `json:"cpu"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

// writeNote adds a line to notesFile.
func (c *Coordinator) writeNote(n note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := c.notes.Stat()
	if err != nil {
		return err
	}
	if _, err = c.notes.Write(append(data, '\n')); err != nil { // a full disk may take a part of it
		err = errors.Join(err, c.notes.Truncate(info.Size()))
	}
	return err
}

// lockKey locks the outcome of a unit, and of all spans of the same video. Few videos share a
// lock.
func (c *Coordinator) lockKey(key string) (unlock func()) {
	m := &c.outcome[fnv(videoKey(key))%uint32(len(c.outcome))]
	m.Lock()
	return m.Unlock
}

func fnv(s string) uint32 {
	h := fnv32.New32a()
	_, _ = h.Write([]byte(s))
	return h.Sum32()
}
