package encode

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/clipcue/clipcue/clip"
)

// Options configure an [Encoder].
type Options struct {
	// Find returns what Load needs for the model that a request names, and for no other. Names of
	// requests are not to be trusted.
	Find func(name string) (model string, err error)
	// Load loads one tower of a model.
	Load func(ctx context.Context, model string, tower clip.Tower) (*clip.Model, error)
	// Idle is the time without requests after which a tower is unloaded.
	Idle time.Duration
	// Crop crops images for models that squash them, too.
	Crop    bool
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil = none
}

// Encoder encodes images and texts. It is safe for concurrent use.
type Encoder struct {
	o        Options
	decoding *semaphore.Weighted // images at a time, one for each core
	metrics  metrics

	loads sync.WaitGroup
	ctx   context.Context // of loads, which continue when a request ends
	stop  context.CancelFunc

	mu     sync.Mutex // guards towers, and users and idle of each
	towers map[key]*tower
}

// New returns an encoder.
func New(o Options) *Encoder {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Encoder{o: o, ctx: ctx, stop: stop, decoding: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), metrics: newMetrics(o.Metrics), towers: map[key]*tower{}}
}

// Close ends what is being loaded and unloads all towers. No request may be running.
func (e *Encoder) Close() {
	e.stop()
	e.loads.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, t := range e.towers {
		e.drop(k, t)
	}
}

// metrics count what is encoded.
type metrics struct {
	loaded prometheus.Gauge
	batch  *prometheus.HistogramVec
}

func newMetrics(to prometheus.Registerer) metrics {
	m := metrics{
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "clipcue_towers_loaded", Help: "Towers in memory."}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "clipcue_batch_size", Help: "Images or texts that were encoded together.",
			Buckets: []float64{1, 2, 4, 8}}, []string{"kind"}),
	}
	if to != nil {
		to.MustRegister(m.loaded, m.batch)
	}
	return m
}
