package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/bench/usage"
)

// alone are the parts that measure only clipcue.
var alone = []struct {
	part    string
	measure func(*run, *Results) error
}{
	{"products", (*run).products},
	{"memory", (*run).memory},
	{"start", (*run).help},
}

// products measures the rate of the matrix products of a block relative to the peak.
func (r *run) products(to *Results) error {
	var shares []float64
	for range r.rounds {
		out, err := output(exec.CommandContext(r.ctx, r.clipcue, "bench", "gemm", "--json", "--quiet", "--threads", fmt.Sprint(r.threads),
			"--measure-seconds", fmt.Sprint(r.seconds/4), "--batch", fmt.Sprint(batch), "--size", r.size))
		if err != nil {
			return err
		}
		var report struct{ Results []suite.Result }
		if err := json.Unmarshal(out, &report); err != nil {
			return err
		}
		var flops, peak float64
		for _, x := range report.Results {
			flops += x.GFLOPS * x.Seconds
			peak += x.PeakGFLOPS * x.Seconds
		}
		shares = append(shares, flops/peak)
	}
	to.add(Row{What: "matrix products of a block: share of the multiply-add peak", Value: spreadOf(shares), Goal: "≥ 0.9"})
	return nil
}

// memory measures the peak memory of extracting the features of a clip of six seconds.
func (r *run) memory(to *Results) error {
	model, err := r.model()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(r.work, "memory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	videos := filepath.Join(dir, "videos")
	if _, err := output(exec.CommandContext(r.ctx, r.clipcue, "-q", "synth", "motions", "--out", videos, "--only", "growing", "--per-class", "1",
		"--width", "320", "--height", "240", "--fps", "24", "--seconds", "6")); err != nil {
		return err
	}
	var peaks []float64
	for i := range min(r.rounds, 3) {
		c := exec.CommandContext(r.ctx, r.clipcue, "-q", "--threads", fmt.Sprint(r.threads), "extract",
			"--model", filepath.Join(model, "backbone"), "--out", filepath.Join(dir, fmt.Sprintf("features-%d", i)), videos)
		if _, err := output(c); err != nil {
			return errors.Join(r.ctx.Err(), fmt.Errorf("clipcue extract: %w", err))
		}
		bytes, ok := usage.PeakMemory(c.ProcessState)
		if !ok {
			to.skip("peak memory of extract: not available on this system")
			return nil
		}
		peaks = append(peaks, bytes/1e6)
	}
	to.add(Row{What: "peak memory of extract, one clip", Unit: "MB", Value: spreadOf(peaks), Goal: "≤ 700 MB"})
	return nil
}

// help measures the time to start clipcue and print its help.
func (r *run) help(to *Results) error {
	var times []float64
	for range 20 {
		began := time.Now()
		if err := exec.CommandContext(r.ctx, r.clipcue, "--help").Run(); err != nil {
			return errors.Join(r.ctx.Err(), err)
		}
		times = append(times, 1000*time.Since(began).Seconds())
	}
	to.add(Row{What: "clipcue --help, wall time of 20 calls", Unit: "ms", Value: spreadOf(times), Goal: "≤ 50 ms"})
	return nil
}
