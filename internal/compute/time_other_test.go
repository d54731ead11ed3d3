//go:build !unix

package compute

import "time"

var begin = time.Now()

// processorTime is the time of day where nothing better is at hand.
func processorTime() time.Duration { return time.Since(begin) }
