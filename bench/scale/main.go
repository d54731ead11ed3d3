// Command scale measures how time and memory grow with the number of videos, their length and
// resolution, the moments of a library, and the classes of a training, and draws the curves of
// docs/performance.md:
//
//	make build
//	go run ./bench/scale -prepare          # renders and makes the input, up to 10 GB
//	go run ./bench/scale                   # measures, and draws
//	go run ./bench/scale -only train,plan  # measures these parts again
//	go run ./bench/scale -draw             # draws the stored results
//
// Every part takes at most four minutes on two cores, once its input is made. Nothing else should
// run meanwhile. Models have random weights, because speed does not depend on them.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/bench/usage"
)

// part is a set of curves that are measured together.
type part struct {
	name string
	run  func(*runner) error // calls runner.point for each point
}

var parts = []part{
	{"videos", videos}, {"length", length}, {"resolution", resolution}, {"flags", flags}, {"backbones", backbones},
	{"search-1e4", searchOf(1e4)}, {"search-1e5", searchOf(1e5)}, {"search-1e6", searchOf(1e6)},
	{"library-1e4", libraryOf(1e4)}, {"library-1e5", libraryOf(1e5)}, {"library-3e5", libraryOf(3e5)}, {"library-1e6", libraryOf(1e6)},
	{"localize", localize}, {"train", training}, {"evaluate", evaluation}, {"plan", plan},
}

// Point is one measurement.
type Point struct {
	Series  string  `json:"series"`
	X       float64 `json:"x"`
	Seconds float64 `json:"seconds"`
	// CPU and Memory are zero where they were not measured.
	CPU    float64 `json:"cpu_seconds,omitempty"`  // of the program and its decoders
	Memory float64 `json:"memory_bytes,omitempty"` // peak of the largest process
	// More has what else was measured.
	More map[string]float64 `json:"more,omitempty"`
}

// Results are all measurements of a machine.
type Results struct {
	Machine suite.Machine      `json:"machine"`
	Parts   map[string][]Point `json:"parts"`
}

// runner measures parts.
type runner struct {
	ctx     context.Context
	clipcue string // the program
	dir     string // of all input
	small   bool   // sizes for a test
	prepare bool   // makes the input of points, and does not measure them
	series  string // measures this series only
	points  []Point
}

func main() {
	r := &runner{}
	var only, results, images string
	var draw bool
	flag.StringVar(&r.clipcue, "clipcue", filepath.Join("bin", "clipcue"), "the program")
	flag.StringVar(&r.dir, "dir", filepath.Join(os.TempDir(), "clipcue-scale"), "folder for the input")
	flag.BoolVar(&r.prepare, "prepare", false, "only make the input")
	flag.BoolVar(&r.small, "small", false, "check that everything works, with small input")
	flag.StringVar(&r.series, "series", "", "measure only this series")
	flag.StringVar(&only, "only", "", "parts to measure, separated by commas (default all)")
	flag.StringVar(&results, "results", filepath.Join("bench", "scale", "results.json"), "file for the results")
	flag.StringVar(&images, "images", filepath.Join("docs", "images"), "folder for the plots")
	flag.BoolVar(&draw, "draw", false, "only draw the stored results")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r.ctx = ctx
	if err := run(r, only, results, images, draw, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(r *runner, only, results, images string, draw bool, child []string) (err error) {
	if len(child) > 0 {
		return runChild(r.ctx, child)
	}
	if r.clipcue, err = filepath.Abs(r.clipcue); err != nil {
		return err
	}
	stored, err := readResults(results)
	if err != nil {
		return err
	}
	if !draw {
		if err := r.measure(only, stored, results); err != nil {
			return err
		}
	}
	if r.prepare {
		return nil
	}
	return drawAll(stored, images)
}

// measure measures parts and stores their results.
func (r *runner) measure(only string, stored *Results, path string) (err error) {
	wanted := strings.Split(only, ",")
	for _, p := range parts {
		if only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		wanted = slices.DeleteFunc(wanted, func(s string) bool { return s == p.name })
		r.points = nil
		if r.series != "" { // keep the others
			r.points = slices.DeleteFunc(slices.Clone(stored.Parts[p.name]), func(q Point) bool { return q.Series == r.series })
		}
		if err := r.prepared(p); err != nil {
			return err
		}
		if err := p.run(r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if r.prepare {
			continue
		}
		stored.Parts[p.name] = r.points
		if stored.Machine, err = suite.This(0); err != nil {
			return err
		}
		data, err := json.MarshalIndent(stored, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o666); err != nil {
			return err
		}
	}
	if only != "" && len(wanted) > 0 {
		return fmt.Errorf("no part %q", wanted[0])
	}
	return nil
}

// prepared makes the input of a part in a process of its own: the memory of this process must stay
// small, because the system counts it for the programs that it starts.
func (r *runner) prepared(p part) error {
	if r.prepare {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = usage.Run(exec.CommandContext(r.ctx, self, "-clipcue", r.clipcue, "-dir", r.dir, fmt.Sprintf("-small=%t", r.small), "-prepare", "-only", p.name))
	return err
}

func readResults(path string) (*Results, error) {
	r := &Results{Parts: map[string][]Point{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	return r, cmp.Or(err, json.Unmarshal(data, r))
}

// of returns large, or small in a test.
func of[T any](r *runner, large, small T) T {
	if r.small {
		return small
	}
	return large
}

const (
	mostRuns = 3
	enough   = 6 * time.Second // of repetitions
)

// point measures a point: run returns what one run has used. It is repeated until the runs take
// long enough, and the point has the medians.
func (r *runner) point(series string, x float64, run func() (usage.Usage, error)) error {
	if r.prepare || r.series != "" && series != r.series {
		return nil
	}
	var seconds, cpu, memory []float64
	for began := time.Now(); len(seconds) == 0 || len(seconds) < mostRuns && time.Since(began) < enough; {
		u, err := run()
		if err != nil {
			return err
		}
		seconds, cpu, memory = append(seconds, u.Seconds), append(cpu, u.CPU), append(memory, u.Memory)
	}
	r.add(Point{Series: series, X: x, Seconds: suite.Median(seconds), CPU: suite.Median(cpu), Memory: suite.Median(memory)})
	return nil
}

func (r *runner) add(p Point) {
	r.points = append(r.points, p)
	fmt.Fprintf(os.Stderr, "%-28s %9g  %8.3f s  %8.3f s CPU  %6.0f MB %v\n", p.Series, p.X, p.Seconds, p.CPU, p.Memory/1e6, p.More)
}

// program runs clipcue.
func (r *runner) program(args ...string) (usage.Usage, error) {
	return usage.Run(exec.CommandContext(r.ctx, r.clipcue, append([]string{"-q"}, args...)...))
}

// fresh returns a path in the folder of the input at which nothing is.
func (r *runner) fresh(name string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.RemoveAll(path)
}

// once makes a file or folder of the input with make, unless it exists.
func (r *runner) once(name string, make func(path string) error) (string, error) {
	path := filepath.Join(r.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	// Under another name first, because making it may be interrupted.
	part := filepath.Join(filepath.Dir(path), "part-"+filepath.Base(path))
	if err := errors.Join(os.RemoveAll(part), make(part)); err != nil {
		return "", err
	}
	return path, os.Rename(part, path)
}
