// Peers compares the speed of clipcue with that of other programs on the same inputs. Run it in the
// repository's root:
//
//	go run ./bench/peers                  measure everything, and print the tables
//	go run ./bench/peers --only images    measure one part
//	go run ./bench/peers --cpu avx2       measure with AVX2 only
//	go run ./bench/peers --readme         write the stored results to bench/README.md
//
// Every program is a process that loads its inputs once, compares its result with clipcue's, and
// waits. They are then measured in turn. The result is the ratio of the medians over all rounds.
// The results of each part are stored in bench/.work, so that parts can be measured one by one.
// Peers that cannot be installed are reported and skipped.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/clipcue/clipcue/bench/suite"
)

// workDir holds installed peers, inputs and results. Git and Go ignore it.
const workDir = "bench/.work"

// run holds the settings and state of a run of this program.
type run struct {
	ctx     context.Context
	size    string
	rounds  int
	seconds float64
	threads int
	cpu     string
	prepare bool

	work    string // absolute path of workDir
	python  string // that of the peers
	clipcue string // path of the clipcue binary
	machine suite.Machine
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "peers: %v\n", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	r := &run{ctx: ctx}
	f := flag.NewFlagSet("peers", flag.ExitOnError)
	f.StringVar(&r.size, "size", "ViT-B/16", "size of the model: "+strings.Join(suite.Sizes, ", ")+"; with tiny, all inputs are small")
	f.IntVar(&r.rounds, "rounds", 5, "number of measurements of each program")
	f.Float64Var(&r.seconds, "seconds", 4, "minimum duration of a measurement in seconds, at least three repetitions")
	f.IntVar(&r.threads, "threads", 2, "threads per program")
	f.StringVar(&r.cpu, "cpu", "", "limit all programs to this instruction set: avx2")
	f.BoolVar(&r.prepare, "prepare", false, "install the peers, write inputs and build indexes, but do not measure")
	only := f.String("only", "", "parts to measure, separated by commas: "+strings.Join(partNames(), ", "))
	readme := f.Bool("readme", false, "write the stored results to "+readmePath+", and measure nothing")
	worker := f.String("worker", "", "be clipcue's side of a comparison for the folder of its inputs")
	writeCase := f.String("write-case", "", "only write the weights and inputs to this folder")
	_ = f.Parse(args) // exits on errors
	parts := partNames()
	if *only != "" {
		parts = strings.Split(*only, ",")
	}
	unknown := slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(partNames(), p) })
	if unknown || f.NArg() > 1 || (f.NArg() == 1) != (*worker != "") || r.rounds < 1 || r.threads < 1 || !(r.seconds > 0) || r.cpu != "" && r.cpu != "avx2" {
		return fmt.Errorf("wrong usage: %s; see --help", strings.Join(args, " "))
	}
	switch {
	case *worker != "":
		return serve(ctx, *worker, f.Arg(0), r.threads)
	case *writeCase != "":
		return makeCase(*writeCase, r.size, r.threads)
	}
	if _, err := os.Stat("cmd/clipcue"); err != nil {
		return fmt.Errorf("run this from the repository's root: %w", err)
	}
	if *readme {
		return writeReadme(readmePath, r.size)
	}
	return r.measure(parts)
}

// say prints progress to standard error.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// measure measures parts, stores their results and prints them.
func (r *run) measure(parts []string) (err error) {
	if r.work, err = filepath.Abs(workDir); err != nil {
		return err
	}
	for _, setting := range limit(r.threads, r.cpu, r.work) {
		name, value, _ := strings.Cut(setting, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if r.machine, err = suite.This(r.threads); err != nil {
		return err
	}
	if r.cpu != "" {
		r.machine.Backend = r.cpu
	}
	if l, ok := load1(); ok && l > 0.5 {
		say("other programs are running (load %.1f): the measurements are unreliable, because programs that wait for another thread in a loop slow down most", l)
	}
	python, missing, err := install(r.ctx)
	if err != nil {
		return err
	}
	r.python = python
	if err := r.build(); err != nil {
		return err
	}
	for _, part := range parts {
		results := Results{Part: part, Machine: r.machine, Go: runtime.Version(), Rounds: r.rounds, Seconds: r.seconds, Skipped: slices.Clone(missing)}
		if err := r.part(part, &results); err != nil {
			return err
		}
		if r.prepare {
			continue
		}
		if err := results.store(r.size); err != nil {
			return err
		}
		fmt.Println(markdown(&results))
	}
	return nil
}

// part measures one part.
func (r *run) part(name string, to *Results) error {
	for _, c := range comparisons {
		if c.part == name && !(c.anywhere && r.cpu != "") {
			if err := r.compare(c, to); err != nil {
				return err
			}
		}
	}
	for _, a := range alone {
		if a.part == name && !r.prepare {
			if err := a.measure(r, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// build builds the clipcue program.
func (r *run) build() error {
	r.clipcue = filepath.Join(r.work, "clipcue"+exe)
	out, err := exec.CommandContext(r.ctx, "go", "build", "-trimpath", "-o", r.clipcue, "./cmd/clipcue").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// folder returns a folder of inputs of the size.
func (r *run) folder(name string) string {
	return filepath.Join(r.work, strings.ReplaceAll(r.size, "/", "-"), name)
}

// script returns the path of a script of the peers.
func script(name string) string { return filepath.Join("bench", "peers", name) }

// self runs this program.
func (r *run) self(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = output(exec.CommandContext(r.ctx, self, append(args, "--size", r.size, "--threads", fmt.Sprint(r.threads))...))
	return err
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

// load1 returns the system's load average of the last minute, if it is available.
func load1() (float64, bool) {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	var one float64
	_, err = fmt.Sscan(string(averages), &one)
	return one, err == nil
}

// exe is the extension of executable files.
var exe = map[string]string{"windows": ".exe"}[runtime.GOOS]
