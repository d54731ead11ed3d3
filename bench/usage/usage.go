// Package usage measures the programs that benchmarks run.
package usage

import (
	"bytes"
	"fmt"
	"os/exec"
	"time"
)

// Usage is what a process and the processes that it waited for have used.
type Usage struct {
	Seconds float64 // wall time
	CPU     float64 // seconds of all threads, in user and system mode
	Memory  float64 // peak resident bytes of the largest process; 0 if the system does not report it
	Output  []byte  // of the process
}

// Run runs a command. An error has the end of what the command wrote to stderr.
func Run(c *exec.Cmd) (Usage, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	began := time.Now()
	err := c.Run()
	u := Usage{Seconds: time.Since(began).Seconds(), Output: stdout.Bytes()}
	if err != nil {
		text := bytes.TrimSpace(stderr.Bytes())
		return u, fmt.Errorf("%s: %w: %s", c, err, text[max(0, len(text)-500):])
	}
	u.CPU = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	u.Memory, _ = PeakMemory(c.ProcessState)
	return u, nil
}
