package video

import "fmt"

// Broadcasts, calls and joined recordings change the properties of their frames within a
// stream. Each frame is processed by its own: ffmpeg writes it in its own size and converts
// it by its own matrix and range, and this package squares its pixels and rotates it by the
// difference to the header.

// changes finds the properties that change within a stream.
type changes struct {
	first *stamp
	found map[string]bool
	list  []string
}

// add compares a frame with the first one.
func (c *changes) add(s stamp) {
	if c.first == nil {
		c.first, c.found = &s, map[string]bool{}
		return
	}
	note := func(what string, before, after any) {
		if before != after && !c.found[what] {
			c.found[what] = true
			c.list = append(c.list, fmt.Sprintf("%s changes from %v to %v at %.3f s", what, before, after, s.time))
		}
	}
	f := c.first
	note("the size", f.shown(), s.shown())
	note("the pixel aspect ratio", fmt.Sprintf("%.4g", f.aspect), fmt.Sprintf("%.4g", s.aspect))
	note("the rotation", (360-f.angle)%360, (360-s.angle)%360)
	note("the scan", scan(f.interlaced), scan(s.interlaced))
	note("the color", f.color.String(), s.color.String())
}

// shown returns the size of a frame with square pixels.
func (s stamp) shown() string {
	w, h := squared(s.width, s.height, s.aspect)
	return fmt.Sprintf("%dx%d", w, h)
}

func scan(interlaced bool) string {
	if interlaced {
		return "interlaced"
	}
	return "progressive"
}

// String returns the known parts of a color description, or "unknown".
func (c colorimetry) String() string {
	text := ""
	for _, part := range []string{c.matrix, c.primaries, c.transfer, c.reach} {
		if part != "" && part != "unknown" {
			text += "/" + part
		}
	}
	if text == "" {
		return "unknown"
	}
	return text[1:]
}

// maxLooks limits how often a file is decoded again because HDR changes.
const maxLooks = 16

// looks returns how frames from p.from on are processed.
func (p *player) looks() *Info {
	if p.other != nil {
		return p.other
	}
	return p.info
}

// turnsTo reports whether a frame needs other processing than those before it, so that the
// file has to be decoded again for the rest: its kind of HDR is another one. A frame is
// processed as the header says unless its kind of HDR is not that of the first frame.
func (p *player) turnsTo(first *stamp, now stamp, index int) (bool, error) {
	look, kind := p.info, hdr[now.color.transfer]
	if kind != hdr[first.color.transfer] {
		other := *p.info
		other.HDR, other.Matrix, other.primaries, other.FullRange = kind, now.color.matrix, now.color.primaries, now.color.reach == "pc"
		look = &other
	}
	if index < p.from || look.HDR == p.looks().HDR {
		return false, nil
	}
	if p.looked++; p.looked > maxLooks {
		return false, &Error{Path: p.path, Kind: ErrUnsupported, Reason: fmt.Sprintf("HDR changes more than %d times", maxLooks), Frames: index}
	}
	p.other, p.from, p.skip = look, index, p.emitted
	return true, nil
}

// rotate writes an RGB frame to dst, rotated clockwise by 90° so many times.
func rotate(dst, src []byte, width, height, turns int) {
	at := 0
	for y := range height {
		for x := range width {
			var to int
			switch turns {
			case 1:
				to = x*height + height - 1 - y
			case 2:
				to = (height-1-y)*width + width - 1 - x
			case 3:
				to = (width-1-x)*height + y
			}
			copy(dst[3*to:3*to+3], src[at:at+3])
			at += 3
		}
	}
}
