package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The plots in docs/ show the stored results.
func TestPlotsShowResults(t *testing.T) {
	r, err := readResults("results.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := drawAll(r, dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range charts {
		if names, _ := c.points(r); len(names) == 0 {
			continue // the part has not been measured
		}
		got, err := os.ReadFile(filepath.Join(dir, c.file+".svg"))
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := os.ReadFile(filepath.Join("..", "..", "docs", "images", c.file+".svg"))
		if err != nil {
			t.Error(err)
		}
		// Other processors round coordinates differently.
		if runtime.GOARCH == "amd64" && !bytes.Equal(got, want) {
			t.Errorf("%s.svg does not show results.json: run go run ./bench/scale -draw", c.file)
		}
	}
}

// 100 hours at 2 frames per second, 36 s of decoding per hour, and 20 images per second and core:
// 1 h of decoding and 10 h of encoding.
func TestHours(t *testing.T) {
	for cores, want := range map[int]float64{1: 11, 4: 2.75} {
		if got := hours(100, 36, 2, 20, cores); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v hours on %d cores, want %v", got, cores, want)
		}
	}
}

func TestParseBenchmark(t *testing.T) {
	got, err := parseBenchmark([]byte(`goos: linux
BenchmarkGraph
    bench_test.go:76: opened in 0.25 s
    bench_test.go:99: graph built in 12.5 s
BenchmarkGraph/10
BenchmarkGraph/10-2         	     200	         0.8510 ms/query	      1050 peak-MiB	         0.9890 recall@10
BenchmarkGraph/10-of-64
BenchmarkGraph/10-of-64-2   	     200	         0.2600 ms/query
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	if found := got["BenchmarkGraph/10"]; found["ms/query"] != 0.851 || found["recall@10"] != 0.989 {
		t.Errorf("%v", got)
	}
	if got["BenchmarkGraph/10-of-64"]["ms/query"] != 0.26 || got[""]["opened in"] != 0.25 || got[""]["graph built in"] != 12.5 {
		t.Errorf("%v", got)
	}
}

// Axes have a few labels between powers of ten only if they are short.
func TestTicks(t *testing.T) {
	if got := (powers{}).Ticks(1, 1e6); len(got) != 7 || got[6].Label != "1 M" {
		t.Errorf("%v", got)
	}
	if got := (powers{}).Ticks(10, 100); len(got) != 4 || got[1].Label != "20" {
		t.Errorf("%v", got)
	}
}
