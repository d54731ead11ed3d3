package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clipcue/clipcue/internal/crash"
)

// ackWait is how long the broker waits for a sign of life of a worker before it delivers
// the unit to another.
const ackWait = time.Minute

// queue is the work queue of a fleet.
type queue struct {
	js       jetstream.JetStream
	name     string // of the stream
	subject  string
	replicas int
	wait     time.Duration // ackWait
}

// publishTime is the limit for the broker to store a message. A server that fails does not
// answer.
const publishTime = 10 * time.Second

func (c *Client) queue(replicas int, wait time.Duration) (*queue, error) {
	js, err := jetstream.New(c.conn, jetstream.WithPublishAsyncTimeout(publishTime))
	return &queue{js, c.name + "-work", c.subject("work"), replicas, wait}, err
}

// create creates the stream and its consumer, if they do not exist.
func (q *queue) create(ctx context.Context) error {
	s, err := q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: q.name, Subjects: []string{q.subject}, Retention: jetstream.WorkQueuePolicy,
		Storage: jetstream.FileStorage, Replicas: q.replicas,
	})
	if err != nil {
		return err
	}
	_, err = s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.wait, MaxDeliver: -1, MaxAckPending: 1 << 16,
	})
	return err
}

// consumer is the name of the consumer that all workers share.
const consumer = "workers"

// task is the content of a message of the queue.
type task struct {
	Key  string `json:"key"`
	Unit Unit   `json:"unit"`
	// Avoid lists the machines on which the unit failed, if there are others.
	Avoid []string `json:"avoid,omitempty"`
}

// publish adds tasks to the queue. The error is not nil unless the broker stored all.
func (q *queue) publish(ctx context.Context, tasks []task) error {
	var pending []jetstream.PubAckFuture
	for _, t := range tasks {
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		f, err := q.js.PublishMsgAsync(&nats.Msg{Subject: q.subject, Data: data})
		if err != nil {
			return err
		}
		pending = append(pending, f)
	}
	for _, f := range pending {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// length returns the number of messages that are not acknowledged. Created reports that
// the stream or its consumer was missing.
func (q *queue) length(ctx context.Context) (n int, created bool, err error) {
	s, err := q.js.Stream(ctx, q.name)
	if err == nil {
		_, err = s.Consumer(ctx, consumer)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, true, q.create(ctx)
	}
	if err != nil {
		return 0, false, err
	}
	return int(s.CachedInfo().State.Msgs), false, nil
}

// delivery is a task that a worker received.
type delivery struct {
	task
	message jetstream.Msg
	times   uint64 // deliveries, this one included
}

// next waits for a task, for at most the given time. It returns nil if there is none.
func (q *queue) next(ctx context.Context, wait time.Duration) (*delivery, error) {
	c, err := q.js.Consumer(ctx, q.name, consumer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	batch, err := c.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, err
	}
	m, ok := <-batch.Messages()
	if !ok {
		if err := batch.Error(); ctx.Err() == nil && !errors.Is(err, nats.ErrTimeout) {
			return nil, err
		}
		return nil, nil
	}
	d := &delivery{message: m, times: 1}
	if meta, err := m.Metadata(); err == nil {
		d.times = meta.NumDelivered
	}
	if err := json.Unmarshal(m.Data(), &d.task); err != nil {
		return nil, errors.Join(err, m.Term()) // the coordinator publishes it again
	}
	return d, nil
}

// keep prevents that the task is delivered to another worker until stop is called.
func (d *delivery) keep(wait time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer crash.Recover()
		defer close(done)
		for sleep(ctx, wait/4) {
			_ = d.message.InProgress() // a message that is lost is delivered again
		}
	}()
	return func() { cancel(); <-done }
}
