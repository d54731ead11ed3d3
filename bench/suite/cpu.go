package suite

import (
	"os"
	"runtime"
	"strings"
)

// cpuModel is what the processor calls itself.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // there is none but on Linux
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
