package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/bench/usage"
	"github.com/clipcue/clipcue/clip"
)

// sample is the result that a process prints for one measurement.
type sample struct {
	Peer    string  `json:"peer"`
	Seconds float64 `json:"seconds"` // median time per item
	Error   float64 `json:"error"`   // difference from clipcue's result, relative to its largest value
	share   float64 // share of the multiply-add peak
	lowest  float64 // lowest cosine between int8 and float32 features
}

// process runs one measurement.
type process func(ctx context.Context) (sample, error)

// side is a program to compare.
type side struct {
	name    string
	variant string // "" if the program has only one
	run     process
	allow   float64  // replaces tolerance unless 0
	samples []sample // one per round
}

// tolerance is the largest accepted difference between a peer's result and clipcue's.
const tolerance = 1e-3

// alternate measures the sides alternately. A side that fails is reported, and is nil in the
// result.
func (r *run) alternate(what string, sides ...*side) ([]*side, error) {
	for round := range r.rounds {
		for i, s := range sides {
			if s == nil {
				continue
			}
			x, err := s.run(r.ctx)
			if r.ctx.Err() != nil {
				return nil, r.ctx.Err()
			}
			if err == nil && !(x.Error <= cmp.Or(s.allow, tolerance)) {
				err = fmt.Errorf("its result differs from clipcue's by %.2g of the largest value", x.Error)
			}
			if err != nil {
				r.report.skip(fmt.Sprintf("%s: %s: %v", what, strings.TrimSpace(s.name+" "+s.variant), err))
				sides[i] = nil
				continue
			}
			if x.Peer != "" {
				s.name = x.Peer
				if s.variant != "" {
					s.name += ", " + s.variant
				}
			}
			say("round %d of %d: %s: %s: %.4g ms", round+1, r.rounds, what, s.name, 1000*x.Seconds)
			s.samples = append(s.samples, x)
		}
	}
	return sides, nil
}

// images compares the image towers.
func (r *run) images() error {
	float := &side{name: "clipcue", run: r.bench(nil, r.seconds, "image", "--model", r.backbone())}
	low := &side{name: "clipcue int8", run: r.bench(nil, r.seconds, "image", "--model", r.backbone(), "--precision", "int8")}
	ours := []*side{float, low}
	var theirs []*side
	if r.peers.node != "" {
		theirs = append(theirs, &side{name: "ONNX Runtime", run: r.onnx()})
	}
	if r.peers.python != "" {
		theirs = append(theirs, r.pytorches("image")...)
	}
	sides, err := r.alternate("images", append(ours, theirs...)...)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s images, batch %d", r.size, batch)
	for i, peer := range sides[2:] {
		floatGoal, lowGoal := "≥ 1.25", "≥ 3"
		if theirs[i].variant != "" {
			floatGoal, lowGoal = "≥ 2.2", ""
		}
		r.report.ratio(what+", float32", "images/s", sides[0], peer, floatGoal, "")
		if low := sides[1]; low != nil {
			lowest := 1.
			for _, s := range low.samples {
				lowest = min(lowest, s.lowest)
			}
			r.report.ratio(what+", int8", "images/s", low, peer, lowGoal, fmt.Sprintf("cosine to float32 at least %.4f", lowest))
		}
	}
	return nil
}

// training compares the paper's training step.
func (r *run) training() error {
	sides := []*side{{name: "clipcue", run: r.bench(nil, r.seconds, "train", "--model", r.backbone())}}
	sides, err := r.alternate("training", append(sides, r.pytorches("train")...)...)
	if err != nil {
		return err
	}
	for _, peer := range sides[1:] {
		r.report.ratio(fmt.Sprintf("training step, %s", r.size), "steps/s", sides[0], peer, "≥ 8", "")
	}
	return nil
}

// products measures the rate of the matrix products relative to the peak.
func (r *run) products() error {
	var sides []*side
	backends := []string{"avx512", "avx2"}
	for _, b := range backends {
		sides = append(sides, &side{name: "clipcue " + b, run: r.bench([]string{"CLIPCUE_CPU=" + b}, r.seconds/4, "gemm", "--size", r.size)})
	}
	sides, err := r.alternate("matrix products", sides...)
	if err != nil {
		return err
	}
	for i, s := range sides {
		if s == nil {
			continue
		}
		var shares []float64
		for _, x := range s.samples {
			shares = append(shares, x.share)
		}
		r.report.add(Row{What: fmt.Sprintf("matrix products of %s, %s: share of the multiply-add peak", r.size, backends[i]),
			Value: spreadOf(shares), Goal: "≥ 0.75"})
	}
	return nil
}

// memory measures the peak memory of extracting the features of a clip.
func (r *run) memory() error {
	videos := filepath.Join(r.dir, "videos")
	const what = "peak memory of extract"
	if out, err := exec.CommandContext(r.ctx, r.clipcue, "-q", "synth", "motions", "--out", videos, "--only", "growing", "--per-class", "1",
		"--width", "320", "--height", "240", "--fps", "24", "--seconds", "6").CombinedOutput(); err != nil {
		r.report.skip(fmt.Sprintf("%s: no clip could be rendered: %s", what, lastLine(out)))
		return r.ctx.Err()
	}
	var peaks []float64
	for i := range min(r.rounds, 3) {
		c := exec.CommandContext(r.ctx, r.clipcue, "-q", "--threads", fmt.Sprint(r.threads), "extract",
			"--model", r.backbone(), "--out", filepath.Join(r.dir, fmt.Sprintf("features-%d", i)), videos)
		if out, err := c.CombinedOutput(); err != nil {
			return errors.Join(r.ctx.Err(), fmt.Errorf("clipcue extract: %w: %s", err, lastLine(out)))
		}
		bytes, ok := usage.PeakMemory(c.ProcessState)
		if !ok {
			r.report.skip(what + ": not available on this system")
			return nil
		}
		peaks = append(peaks, bytes/1e6)
		say("%s: %.0f MB", what, bytes/1e6)
	}
	r.report.add(Row{What: fmt.Sprintf("%s, %s, one clip", what, r.size), Unit: "MB", Value: spreadOf(peaks), Goal: "≤ 700 MB"})
	return nil
}

// start measures the time to start clipcue and print its help.
func (r *run) start() error {
	var times []float64
	for range 20 {
		took, err := timed(exec.CommandContext(r.ctx, r.clipcue, "--help"))
		if err != nil {
			return errors.Join(r.ctx.Err(), err)
		}
		times = append(times, 1000*took.Seconds())
	}
	say("clipcue --help: %.3g ms", suite.Median(times))
	r.report.add(Row{What: "clipcue --help, wall time", Unit: "ms", Value: spreadOf(times), Goal: "≤ 50 ms"})
	return nil
}

func (r *run) backbone() string { return filepath.Join(r.caseDir, "backbone") }

// bench returns a process that runs one benchmark of `clipcue bench` for the given time.
func (r *run) bench(env []string, seconds float64, work string, flags ...string) process {
	args := append([]string{"bench", work, "--json", "--quiet", "--threads", fmt.Sprint(r.threads),
		"--measure-seconds", fmt.Sprint(seconds), "--batch", fmt.Sprint(batch)}, flags...)
	return func(ctx context.Context) (s sample, err error) {
		c := exec.CommandContext(ctx, r.clipcue, args...)
		c.Env = append(os.Environ(), env...)
		out, err := output(c)
		if err != nil {
			return s, err
		}
		var report struct {
			Results []suite.Result
			Int8    *clip.Closeness
		}
		if err := json.Unmarshal(out, &report); err != nil {
			return s, err
		}
		var items int
		var seconds, flops, peak float64
		for _, x := range report.Results {
			items += x.Items
			seconds += x.Seconds
			flops += x.GFLOPS * x.Seconds
			peak += x.PeakGFLOPS * x.Seconds
		}
		s.Seconds, s.share = seconds/float64(items), flops/peak
		if report.Int8 != nil {
			s.lowest = report.Int8.Images.Lowest
		}
		return s, nil
	}
}

// pytorches returns a side for PyTorch with each variant of OpenBLAS.
func (r *run) pytorches(what string) (sides []*side) {
	for _, b := range r.peers.blas {
		sides = append(sides, &side{name: "PyTorch", variant: b.name, run: r.pytorch(b, what)})
	}
	return sides
}

// pytorch returns a process that runs peer.py.
func (r *run) pytorch(b blas, what string, rest ...string) process {
	if len(rest) == 0 {
		rest = []string{fmt.Sprint(r.seconds), fmt.Sprint(r.threads)}
	}
	return func(ctx context.Context) (sample, error) {
		c := exec.CommandContext(ctx, r.peers.python, append([]string{"-", what, r.caseDir}, rest...)...)
		c.Stdin = strings.NewReader(pytorchScript)
		threads := fmt.Sprint(r.threads)
		c.Env = append(os.Environ(), "OMP_NUM_THREADS="+threads, "OPENBLAS_NUM_THREADS="+threads)
		if cpu.X86.HasAVX512F {
			// OpenBLAS would choose slower kernels for processors that are newer than it.
			c.Env = append(c.Env, "OPENBLAS_CORETYPE=SkylakeX")
		}
		if b.dir != "" {
			c.Env = append(c.Env, "LD_LIBRARY_PATH="+b.dir+":"+os.Getenv("LD_LIBRARY_PATH"))
		}
		return parse(output(c))
	}
}

// onnx returns a process that runs onnx.js.
func (r *run) onnx() process {
	return func(ctx context.Context) (sample, error) {
		return parse(output(exec.CommandContext(ctx, r.peers.node, r.peers.script, r.caseDir, r.graph, fmt.Sprint(r.seconds), fmt.Sprint(r.threads))))
	}
}

// parse parses the last line of a peer's output.
func parse(out []byte, err error) (s sample, _ error) {
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(lastLine(out), &s)
}

// output runs a command and returns its output. An error contains the last line of standard error.
func output(c *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLine(stderr.Bytes()))
	}
	return out, nil
}
