//go:build !unix

package usage

import "os"

// PeakMemory returns false: the system does not report the memory of a process.
func PeakMemory(*os.ProcessState) (float64, bool) { return 0, false }
