package synth

import "math"

// Draw paints the scene at time t over dst, 3·w·h bytes of RGB, and depends on
// nothing else.
func (s *Scene) Draw(dst []byte, w, h int, t float64) {
	dst = dst[:3*w*h]
	c := canvas{dst, w, h, float64(min(w, h))}
	camera := s.Drift.times(t)
	c.ground(&s.Ground, camera)
	for i := range s.Actors {
		a := &s.Actors[i]
		p := a.pose(t, camera)
		if a.Motion.Wrap {
			p.at.X = wrap(p.at.X, float64(w)/c.unit+2*p.size)
			p.at.Y = wrap(p.at.Y, float64(h)/c.unit+2*p.size)
		}
		c.actor(a, p)
	}
	if s.Noise > 0 {
		noise(dst, s.Noise, s.Seed^math.Float64bits(t))
	}
}

// wrap brings v into a period round 0.
func wrap(v, period float64) float64 { return v - period*math.Round(v/period) }

// canvas is a picture with the length of a unit in pixels.
type canvas struct {
	pix  []byte
	w, h int
	unit float64
}

// position returns where the middle of a pixel is.
func (c *canvas) position(x, y int) Vec {
	return Vec{(float64(x) + 0.5 - float64(c.w)/2) / c.unit, (float64(y) + 0.5 - float64(c.h)/2) / c.unit}
}

func (c *canvas) ground(g *Ground, camera Vec) {
	texture := textures[g.Kind]
	sin, cos := math.Sincos(g.Angle)
	for y := range c.h {
		for x := range c.w {
			p := c.position(x, y).plus(camera)
			share := texture((p.X*cos+p.Y*sin)/g.Scale, (p.Y*cos-p.X*sin)/g.Scale, g.Seed)
			at := 3 * (y*c.w + x)
			for i := range 3 {
				c.pix[at+i] = byte(g.A[i] + (g.B[i]-g.A[i])*share)
			}
		}
	}
}

func (c *canvas) actor(a *Actor, p pose) {
	if p.opacity <= 0 {
		return
	}
	outline := outlines[a.Shape]
	body := colour(a.Colour)
	dot := RGB{245, 245, 245}
	if body[0]+body[1]+body[2] > 450 {
		dot = RGB{10, 10, 10}
	}
	sin, cos := math.Sincos(p.angle)
	// A shape reaches little farther than its radius (the cross does); there is
	// a pixel more for the soft edge.
	reach := 1.1*p.size*c.unit + 1
	x0, x1 := span(p.at.X*c.unit+float64(c.w)/2, reach, c.w)
	y0, y1 := span(p.at.Y*c.unit+float64(c.h)/2, reach, c.h)
	scale := p.size * c.unit // pixels of the shape's radius
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			q := c.position(x, y).plus(p.at.times(-1)).times(1 / p.size)
			q = Vec{q.X*cos + q.Y*sin, q.Y*cos - q.X*sin}
			cover := p.opacity * inside(outline(q)*scale)
			if cover <= 0 {
				continue
			}
			dotted := inside((math.Hypot(q.X, q.Y+0.62) - 0.27) * scale)
			at := 3 * (y*c.w + x)
			for i := range 3 {
				v := body[i] * a.Shade
				v += (dot[i] - v) * dotted
				old := float64(c.pix[at+i])
				c.pix[at+i] = byte(old + (v-old)*cover)
			}
		}
	}
}

// inside is how much of a pixel is inside an outline that is some pixels away.
func inside(distance float64) float64 { return min(max(0.5-distance, 0), 1) }

// span is the range of pixels within reach of a middle, of n that there are.
func span(middle, reach float64, n int) (int, int) {
	return int(max(middle-reach, 0)), int(min(max(middle+reach+1, 0), float64(n)))
}

// noise moves each byte by up to amount either way.
func noise(pix []byte, amount int, seed uint64) {
	width := uint64(2*amount + 1)
	for i := range pix {
		v := int(pix[i]) + int(mix(seed+uint64(i)*0x9e3779b97f4a7c15)>>32*width>>32) - amount
		pix[i] = byte(min(max(v, 0), 255))
	}
}
