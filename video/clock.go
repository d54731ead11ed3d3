package video

import (
	"math"
	"strings"
)

// A clock is a player's: it goes on where a stream's time stamps begin anew, as they do
// where recordings were joined, and does not wait where they leap.
type clock struct {
	leap              float64 // seconds beyond which a step is one
	last, step, shift float64
	begun             bool
	anew              int // how often the stamps began anew
}

// back is how far stamps may go back without beginning anew, in seconds: disorder.
const back = 1

// clock returns one for the stream. Only in formats for broadcasting is a step of over
// 10 s a leap, as for ffplay; elsewhere a picture may well stay for hours.
func (i *Info) clock() clock {
	c := clock{leap: math.Inf(1)}
	if i.FrameRate > 0 {
		c.step = 1 / i.FrameRate
	}
	if strings.Contains(" mpegts mpeg ", " "+i.Container+" ") {
		c.leap = max(10, 3*c.step)
	}
	return c
}

// played takes the next time stamp to the player's time.
func (c *clock) played(t float64) float64 {
	switch d := t - c.last; {
	case !c.begun:
		c.begun = true
	case d < -back || d > c.leap:
		c.shift += c.step - d
		c.anew++
	case d > 0:
		c.step = d
	}
	c.last = t
	return t + c.shift
}
