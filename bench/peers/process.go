package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// exe is how the names of programs end.
var exe = map[string]string{"windows": ".exe"}[runtime.GOOS]

// timed runs a command and tells its wall time.
func timed(c *exec.Cmd) (time.Duration, error) {
	begin := time.Now()
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", c, err)
	}
	return time.Since(begin), nil
}

// load is how many processes were running of late, by the system's own measure.
func load() (float64, bool) {
	told, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	var one float64
	_, err = fmt.Sscan(string(told), &one)
	return one, err == nil
}
