package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// exe is the extension of executable files.
var exe = map[string]string{"windows": ".exe"}[runtime.GOOS]

// timed runs a command and returns its wall time.
func timed(c *exec.Cmd) (time.Duration, error) {
	begin := time.Now()
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", c, err)
	}
	return time.Since(begin), nil
}

// load returns the system's load average of the last minute, if it is available.
func load() (float64, bool) {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	var one float64
	_, err = fmt.Sscan(string(averages), &one)
	return one, err == nil
}
