//go:build unix

package usage

import (
	"os"
	"runtime"
	"syscall"
)

// PeakMemory returns the peak resident memory, in bytes, of a process that has ended, or of the largest of
// the processes that it has waited for. It is false if the system does not report it.
func PeakMemory(p *os.ProcessState) (float64, bool) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, false
	}
	if runtime.GOOS == "darwin" {
		return float64(usage.Maxrss), true
	}
	return 1024 * float64(usage.Maxrss), true
}
