package suite

import (
	"os"
	"runtime"
	"strings"
)

// cpuModel returns the processor's model name.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // exists on Linux only
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
