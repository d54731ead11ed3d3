package fleet

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/feature"
)

// unitsFor submits videos that need not exist, and returns the time it took.
func unitsFor(b *testing.B, s *site, n int) time.Duration {
	b.Helper()
	began := time.Now()
	batch := make([]Unit, 0, batchUnits)
	for i := range n {
		id := fmt.Sprintf("show-%03d/episode-%07d.mkv", i%1000, i)
		batch = append(batch, Unit{ID: id, Source: "/videos/" + id, Size: 1 << 30, Modified: time.Unix(int64(i), 0).UTC(), SHA256: fmt.Sprintf("%064x", i)})
		if len(batch) == batchUnits || i == n-1 {
			var got receipt
			if err := s.client.ask(b.Context(), "submit", batch, &got); err != nil || got.Accepted != len(batch) {
				b.Fatalf("%+v, %v", got, err)
			}
			batch = batch[:0]
		}
	}
	return time.Since(began)
}

// simulate works as a worker whose extraction takes some time, until ctx is done.
func (s *site) simulate(ctx context.Context, name string, extraction time.Duration, done *atomic.Int64) error {
	w := &crewman{o: s.worker(name), client: s.client, id: name, encoder: &sharedEncoder{}}
	if err := w.join(ctx); err != nil {
		return err
	}
	dir := s.t.TempDir()
	for ctx.Err() == nil {
		d, err := w.queue.next(ctx, pullTime)
		if err != nil || d == nil {
			continue
		}
		var needed bool
		if err := w.ask(ctx, "start", begin{d.Key, w.id}, &needed); err != nil {
			return err
		}
		if !needed {
			w.ack(d)
			continue
		}
		sleep(ctx, extraction)
		o := outcome{Key: d.Key, Attempt: "1", Worker: w.id}
		file, err := s.features(dir, d.Unit)
		if err == nil {
			err = w.write(ctx, &o, file)
		}
		var v verdict
		if err == nil {
			err = w.ask(ctx, "finish", o, &v)
		}
		if err != nil || v.Again {
			return fmt.Errorf("%+v: %w", v, err)
		}
		w.ack(d)
		done.Add(1)
	}
	return nil
}

// features writes the features of ten seconds of video.
func (s *site) features(dir string, u Unit) (string, error) {
	store, err := feature.Create(dir)
	if err != nil {
		return "", err
	}
	r := s.options.Recipe
	q := &feature.Sequence{ID: resultName, Features: make([]float32, 20*512), Width: 512, Timestamps: make([]float64, 20)}
	for i := range q.Timestamps {
		q.Timestamps[i] = float64(i) / 2
	}
	p := r.made()
	p.Source, p.Size, p.Modified, p.SHA256, p.Decoder = u.Source, u.Size, u.Modified, u.SHA256, r.Decoder
	q.Provenance = p
	return filepath.Join(dir, resultName+".safetensors"), store.Put(q)
}

// BenchmarkScaling measures the throughput of workers whose extraction takes ten seconds.
// Efficiency is the share of what they would process without a queue.
func BenchmarkScaling(b *testing.B) {
	for _, workers := range []int{1, 10, 50, 100, 200, 500} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			const extraction, measured = 10 * time.Second, 30 * time.Second
			s := newSite(b)
			s.stop()
			s.options.ackWait = ackWait
			s.start()
			unitsFor(b, s, 6*workers)
			ctx, stop := context.WithCancel(b.Context())
			var all sync.WaitGroup
			var done atomic.Int64
			for i := range workers {
				all.Go(func() {
					sleep(ctx, time.Duration(i)*extraction/time.Duration(workers))
					if err := s.simulate(ctx, fmt.Sprintf("w%d", i), extraction, &done); err != nil && ctx.Err() == nil {
						b.Error(err)
					}
				})
			}
			time.Sleep(extraction) // until all work
			before, began := done.Load(), time.Now()
			time.Sleep(measured)
			rate := float64(done.Load()-before) / time.Since(began).Seconds()
			stop()
			all.Wait()
			b.ReportMetric(rate, "videos/s")
			b.ReportMetric(rate/float64(workers)*extraction.Seconds(), "efficiency")
		})
	}
}

// BenchmarkOverhead measures what one video costs besides its extraction.
func BenchmarkOverhead(b *testing.B) {
	s := newSite(b)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var done atomic.Int64
	ended := make(chan error, 1)
	unitsFor(b, s, b.N)
	b.ResetTimer()
	go func() { ended <- s.simulate(ctx, "w", 0, &done) }()
	for done.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	stop()
	<-ended
}

// BenchmarkWaiting measures the memory of the coordinator and its broker when many videos
// wait. One million only with CLIPCUE_SLOW.
func BenchmarkWaiting(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && os.Getenv("CLIPCUE_SLOW") == "" {
				b.Skip("CLIPCUE_SLOW is not set")
			}
			s := newSite(b)
			before := resident(b)
			took := unitsFor(b, s, n)
			time.Sleep(5 * time.Second) // until the queue is full
			b.ReportMetric(float64(n)/took.Seconds(), "submitted/s")
			b.ReportMetric(float64(resident(b)-before)/(1<<20), "MiB")
			b.ReportMetric(float64(resident(b))/(1<<20), "MiB-total")
			if st, err := s.client.Status(b.Context()); err != nil || st.Waiting != n {
				b.Errorf("%+v, %v", st, err)
			}
		})
	}
}

// resident returns the memory of this process in bytes.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	var total, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(data), &total, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
