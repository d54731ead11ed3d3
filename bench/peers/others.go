package main

import (
	"fmt"
	"os"
	"strings"
)

// clock holds processor time since the start, in ticks.
type clock struct{ all, busy, own int64 }

// clockOf returns the time of all processors, the time that they were busy, and that for a process
// and its children that ended. It returns zeros if the system does not report it.
func clockOf(pid int) (c clock) {
	text, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(first) {
		var ticks int64
		if _, err := fmt.Sscan(field, &ticks); err != nil || i > 8 { // the rest is in the others
			continue
		}
		c.all += ticks
		if i != 4 && i != 5 { // idle, waiting for a disk
			c.busy += ticks
		}
	}
	text, _ = os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ") // the name may contain anything
	for i, field := range strings.Fields(rest) {
		if i >= 11 && i <= 14 { // utime, stime, cutime, cstime
			var ticks int64
			_, _ = fmt.Sscan(field, &ticks)
			c.own += ticks
		}
	}
	return c
}

// others returns the share of the processors that other programs used between two times.
func others(before, after clock) float64 {
	all := after.all - before.all
	if all <= 0 {
		return 0
	}
	return max(0, float64(after.busy-before.busy-(after.own-before.own))/float64(all))
}
