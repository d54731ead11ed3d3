package video

import "strings"

// clock is the clock of a player: it continues where the timestamps of a stream start
// again, as they do where recordings were joined, and does not wait where they jump.
type clock struct {
	leap              float64 // steps longer than this, in seconds, are jumps
	last, step, shift float64
	begun             bool
	restarts          int // how often the timestamps started again
}

// back is how far timestamps may go back, in seconds, because they are out of order and
// without starting again.
const back = 1

// clock returns a clock for the stream. Only in broadcast formats is a step of more than
// 10 s a jump, as in ffplay; in others a frame may be displayed for
// hours, up to a day.
func (i *Info) clock() clock {
	c := clock{leap: maxHolds}
	if i.FrameRate > 0 {
		c.step = 1 / i.FrameRate
	}
	if strings.Contains(" mpegts mpeg ", " "+i.Container+" ") {
		c.leap = max(10, 3*c.step)
	}
	return c
}

// played returns the player's time for the next timestamp.
func (c *clock) played(t float64) float64 {
	switch d := t - c.last; {
	case !c.begun:
		c.begun = true
	case d < -back || d > c.leap:
		c.shift += c.step - d
		c.restarts++
	case d > 0:
		c.step = min(d, maxEach)
	}
	c.last = t
	return t + c.shift
}

// skip makes the next timestamp a jump, for which a player does not wait.
func (c *clock) skip(t float64) {
	c.shift += c.step - (t - c.last)
	c.last = t
	c.restarts++
}
