// Package suite measures the speed of clipcue's computations on this machine: the
// towers, a training step, a search, and their matrix products. Speed does not depend on the
// values of the weights, so random weights are used.
package suite

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/clipcue/clipcue/internal/compute"
)

// Bench measures with a given number of threads.
type Bench struct {
	time   time.Duration
	device *compute.CPU
}

// New returns a Bench that repeats each benchmark for the given time after a warm-up,
// with the given number of threads; 0 means GOMAXPROCS.
func New(each time.Duration, threads int) *Bench {
	return &Bench{each, compute.NewCPU(threads)}
}

// Result is the measured speed of one benchmark.
type Result struct {
	Work  string `json:"work"`  // such as "image"
	Case  string `json:"case"`  // its sizes, as text
	Unit  string `json:"unit"`  // such as "images"
	Items int    `json:"items"` // units per run
	Runs  int    `json:"runs"`
	// Seconds is the median time of a run, between Fastest and Slowest.
	Seconds float64 `json:"seconds"`
	Fastest float64 `json:"fastest"`
	Slowest float64 `json:"slowest"`
	// PerSecond is the number of units per second of the median run, GFLOPS its rate in
	// 10⁹ floating-point operations per second.
	PerSecond float64 `json:"per_second"`
	GFLOPS    float64 `json:"gflops"`
	// PeakGFLOPS is the rate of a loop of independent float32 multiply-adds, measured
	// alternately with the benchmark. PeakShare is GFLOPS relative to it; int8 can
	// exceed 1.
	PeakGFLOPS float64 `json:"peak_gflops"`
	PeakShare  float64 `json:"peak_share"`
}

// work is the measured computation.
type work struct {
	name, sizes, unit string
	items             int
	flops             float64 // per run, of matrix products and attention
	run               func() error
}

const (
	minRuns = 3
	// peakEvery is the time between two measurements of the peak, which varies with the clock
	// rate and with other programs.
	peakEvery = 500 * time.Millisecond
)

// measure runs w once to warm up, and then repeatedly for the configured time.
func (b *Bench) measure(ctx context.Context, w work) (Result, error) {
	if err := w.run(); err != nil {
		return Result{}, err
	}
	var times, peaks []float64
	var total, sincePeak time.Duration
	sincePeak = peakEvery
	for len(times) < minRuns || total < b.time {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if sincePeak >= peakEvery {
			peaks = append(peaks, b.device.Peak())
			sincePeak = 0
		}
		begin := time.Now()
		if err := w.run(); err != nil {
			return Result{}, err
		}
		took := time.Since(begin)
		total, sincePeak = total+took, sincePeak+took
		times = append(times, took.Seconds())
	}
	r := Result{Work: w.name, Case: w.sizes, Unit: w.unit, Items: w.items, Runs: len(times),
		Seconds: Median(times), Fastest: slices.Min(times), Slowest: slices.Max(times)}
	r.PerSecond = float64(w.items) / r.Seconds
	r.GFLOPS = w.flops / r.Seconds / 1e9
	r.PeakGFLOPS = Median(peaks) / 1e9
	r.PeakShare = r.GFLOPS / r.PeakGFLOPS
	return r, nil
}

// Median returns the median of at least one value.
func Median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// Machine describes the machine of a measurement.
type Machine struct {
	CPU     string `json:"cpu"`     // model name, or the architecture if it is unknown
	Backend string `json:"backend"` // the instruction set: "avx512", "avx2", "generic"
	Threads int    `json:"threads"`
}

// This returns this machine's description with the given number of threads; 0 means
// GOMAXPROCS. It returns an error if [compute.Backend] does.
func This(threads int) (Machine, error) {
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	backend, err := compute.Backend()
	return Machine{CPU: cpuModel(), Backend: backend, Threads: threads}, err
}
