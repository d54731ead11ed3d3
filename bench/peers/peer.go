package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ready is what a program prints when it has processed its inputs once.
type ready struct {
	Peer   string    `json:"peer"`   // name and version
	Error  float64   `json:"error"`  // difference from clipcue's result, relative to its largest value
	Cosine float64   `json:"cosine"` // lowest cosine to clipcue's float32 features; 0 if it is not compared
	Recall float64   `json:"recall"` // of an approximate search; 0 otherwise
	Build  float64   `json:"build"`  // seconds that building its index took
	Means  []float64 `json:"means"`  // mean byte of each prepared frame
}

// sample is one measurement.
type sample struct {
	Seconds float64 `json:"seconds"` // median time per item
	Share   float64 `json:"share"`   // share of the multiply-add peak; 0 if not measured
	others  float64 // share of the processors that other programs used meanwhile
}

// process is a running program that measures itself when it is asked. While it waits, it uses no
// processor time.
type process struct {
	ready
	name    string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  *bytes.Buffer
}

// settle is the time that a program gets after a measurement until its threads wait.
const settle = 300 * time.Millisecond

// start starts a program and waits until it is ready.
func start(ctx context.Context, name string, args ...string) (*process, error) {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	p := &process{name: name, command: c, stderr: &bytes.Buffer{}}
	c.Stderr = p.stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := c.Start(); err != nil {
		return nil, err
	}
	if err := p.read(&p.ready); err != nil {
		p.stop()
		return nil, err
	}
	time.Sleep(settle)
	return p, nil
}

// read reads the next line of JSON. Libraries print other lines.
func (p *process) read(to any) error {
	for {
		line, err := p.out.ReadBytes('\n')
		if bytes.HasPrefix(line, []byte("{")) {
			return json.Unmarshal(line, to)
		}
		if err != nil {
			if err := p.command.Wait(); err != nil {
				return fmt.Errorf("%w: %s", err, lastLine(p.stderr.Bytes()))
			}
			return io.ErrUnexpectedEOF
		}
	}
}

// measure repeats the work for the given time, in seconds.
func (p *process) measure(seconds float64) (s sample, err error) {
	before := clockOf(p.command.Process.Pid)
	if _, err := fmt.Fprintln(p.in, seconds); err != nil {
		return s, err
	}
	err = p.read(&s)
	s.others = others(before, clockOf(p.command.Process.Pid))
	time.Sleep(settle)
	return s, err
}

// stop ends the program.
func (p *process) stop() {
	_ = p.in.Close() // it ends with its input
	_ = p.command.Wait()
}

// limit returns the environment in which programs use the given number of threads and, if cpu is
// "avx2", no AVX-512. Compiled code is kept in a folder of work.
func limit(threads int, cpu, work string) []string {
	n := fmt.Sprint(threads)
	env := []string{"OMP_NUM_THREADS=" + n, "OPENBLAS_NUM_THREADS=" + n, "MKL_NUM_THREADS=" + n, "RAYON_NUM_THREADS=" + n,
		"PYTHONDONTWRITEBYTECODE=1", "TORCHINDUCTOR_CACHE_DIR=" + filepath.Join(work, "compiled"+cpu)}
	if cpu == "avx2" {
		env = append(env, "ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2", "MKL_ENABLE_INSTRUCTIONS=AVX2",
			"OPENBLAS_CORETYPE=Haswell", "NPY_DISABLE_CPU_FEATURES=X86_V4 AVX512_ICL AVX512_SPR", "FAISS_OPT_LEVEL=AVX2")
	}
	if cpu != "" {
		env = append(env, "CLIPCUE_CPU="+cpu)
	}
	return env
}

// lastLine returns the last line of a program's output.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
