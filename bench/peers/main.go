// Peers compares the speed of clipcue with that of ONNX Runtime and PyTorch on the same weights
// and inputs, and of OpenCV and PIL on the same clips. Run it in the repository's root:
//
//	go run ./bench/peers                  print the table
//	go run ./bench/peers --readme         also write it to bench/README.md
//	go run ./bench/peers --only extract   measure one part
//
// The programs run alternately. Each measurement is a separate process that warms up and prints
// its median. The result is the ratio of the medians over all rounds. Peers that cannot be
// installed are reported and skipped.
package main

import (
	"context"
	"encoding/json"
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

// workDir holds installed peers. Git and Go ignore it.
const workDir = "bench/.work"

// run holds the settings and state of a run of this program.
type run struct {
	ctx     context.Context
	size    string
	rounds  int
	seconds float64
	threads int
	only    string

	dir     string // temporary folder
	clipcue string // path of the clipcue binary
	caseDir string
	graph   string
	peers   peers
	report  Report
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
	f.StringVar(&r.size, "size", "ViT-B/16", "size of the model: "+strings.Join(suite.Sizes, ", "))
	f.IntVar(&r.rounds, "rounds", 5, "number of measurements of each program")
	f.Float64Var(&r.seconds, "seconds", 4, "minimum duration of a measurement in seconds, at least three repetitions")
	f.IntVar(&r.threads, "threads", 2, "threads per program")
	asJSON := f.Bool("json", false, "write JSON")
	readme := f.Bool("readme", false, "write the table into "+readmePath)
	f.StringVar(&r.only, "only", "", "measure one part: "+strings.Join(partNames, ", "))
	decode := f.Bool("decode", false, "only decode and resize the given videos, and print the speed")
	writeCase := f.String("write-case", "", "only write the weights and inputs to this folder")
	_ = f.Parse(args) // exits on errors
	if *decode {
		d, err := decodeClips(r.ctx, f.Args(), r.seconds)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(d)
	}
	if f.NArg() > 0 || r.only != "" && (*readme || !slices.Contains(partNames, r.only)) || r.rounds < 1 || r.threads < 1 || !(r.seconds > 0) {
		return fmt.Errorf("wrong usage: %s; see --help", strings.Join(args, " "))
	}
	if *writeCase != "" {
		return makeCase(*writeCase, r.size, r.threads)
	}
	if _, err := os.Stat("cmd/clipcue"); err != nil {
		return fmt.Errorf("run this from the repository's root: %w", err)
	}
	if err := r.measure(); err != nil {
		return err
	}
	if *readme {
		if err := r.report.writeReadme(readmePath); err != nil {
			return err
		}
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r.report)
	}
	return r.report.table(os.Stdout)
}

// say prints progress to standard error.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (r *run) measure() (err error) {
	if err := os.MkdirAll(workDir, 0o777); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp(workDir, "run-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return err
	}
	machine, err := suite.This(r.threads)
	if err != nil {
		return err
	}
	r.report = Report{Machine: machine, Go: runtime.Version(), Size: r.size, Rounds: r.rounds, Seconds: r.seconds}

	if l, ok := load(); ok && l > 0.5 {
		say("other programs are running (load %.1f): the measurements are unreliable, because programs that wait for another thread in a loop slow down most", l)
	}
	say("building clipcue")
	r.clipcue = filepath.Join(r.dir, "clipcue"+exe)
	if out, err := exec.CommandContext(r.ctx, "go", "build", "-trimpath", "-o", r.clipcue, "./cmd/clipcue").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	if r.wants("extract") {
		if err := r.extraction(); err != nil {
			return err
		}
	}
	if r.only == "extract" {
		return nil
	}
	if err := r.prepare(); err != nil {
		return err
	}
	for i, part := range []func() error{r.images, r.training, r.products, r.memory, r.start} {
		if !r.wants(partNames[i+1]) {
			continue
		}
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// prepare installs the peers and writes the weights and inputs for all of them.
func (r *run) prepare() error {
	r.peers = install(r.ctx)
	for _, missing := range r.peers.missing {
		r.report.skip(missing)
	}

	// In a separate process, so that this one stays small: the kernel counts the memory of
	// the parent as that of its children at first.
	say("writing random weights and clipcue's results for the inputs")
	r.caseDir = filepath.Join(r.dir, "case")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(r.ctx, self, "--write-case", r.caseDir, "--size", r.size, "--threads", fmt.Sprint(r.threads)).CombinedOutput(); err != nil {
		return fmt.Errorf("writing the case: %w\n%s", err, out)
	}
	if r.peers.node != "" {
		say("exporting the image tower to ONNX")
		r.graph = filepath.Join(r.dir, "image.onnx")
		if _, err := r.pytorch(r.peers.blas[0], "export", r.graph)(r.ctx); err != nil {
			r.report.skip(fmt.Sprintf("ONNX Runtime: the graph could not be exported: %v", err))
			r.peers.node = ""
		}
	}
	return nil
}

// partNames lists the parts that can be measured alone.
var partNames = []string{"extract", "images", "training", "products", "memory", "start"}

func (r *run) wants(part string) bool { return r.only == "" || r.only == part }
