//go:build !unix

package compute

import "time"

var begin = time.Now()

// processorTime returns the wall time on systems without a better clock.
func processorTime() time.Duration { return time.Since(begin) }
