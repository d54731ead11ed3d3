package synth

import "math"

// Draw draws the scene at time t into dst, 3·w·h bytes of RGB. The pixels depend only on
// the scene, the size and t.
func (s *Scene) Draw(dst []byte, w, h int, t float64) {
	dst = dst[:3*w*h]
	c := canvas{dst, w, h, float64(min(w, h)), 0}
	c.edge = 1 + s.Blur*c.unit
	camera := s.Drift.times(t)
	c.ground(&s.Ground, camera)
	frame := Vec{float64(w) / c.unit, float64(h) / c.unit}
	for i := range s.Specks {
		p := s.Specks[i].pose(0)
		p.at = p.at.minus(camera)
		c.actor(&s.Specks[i], p)
	}
	act, at := s.now(t)
	for i := range act.Actors {
		a := &act.Actors[i]
		p := a.pose(at)
		p.at = p.at.minus(camera)
		if a.Motion.Wrap {
			p = p.within(frame)
		}
		c.actor(a, p)
	}
	c.develop(s, t)
}

// canvas is an image; unit is the length of a unit and edge the width of a soft edge, both
// in pixels.
type canvas struct {
	pix  []byte
	w, h int
	unit float64
	edge float64
}

// position returns the center of a pixel in scene coordinates.
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
	body := color(a.Color).toward(RGB{}, 1-a.Shade)
	ink := RGB{245, 245, 245}
	if body.brightness() > 125 {
		ink = RGB{10, 10, 10}
	}
	second := body.toward(ink, 0.5) // second color of the texture
	sin, cos := math.Sincos(p.angle)
	scale := p.size * c.unit // radius in pixels
	// The cross extends slightly beyond its radius.
	reach := 1.1*scale + c.edge
	x0, x1 := span(p.at.X*c.unit+float64(c.w)/2, reach, c.w)
	y0, y1 := span(p.at.Y*c.unit+float64(c.h)/2, reach, c.h)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			q := c.position(x, y).minus(p.at).times(1 / p.size)
			q = Vec{q.X*cos + q.Y*sin, q.Y*cos - q.X*sin}
			cover := p.opacity * c.inside(outline(q)*scale)
			if cover <= 0 {
				continue
			}
			v := body
			switch a.Texture {
			case "striped":
				v = body.toward(second, c.inside((math.Abs(wrap(q.Y, 0.6))-0.14)*scale))
			case "dotted":
				v = body.toward(second, c.inside((math.Hypot(wrap(q.X, 0.55), wrap(q.Y, 0.55))-0.16)*scale))
			}
			if a.Shape != speck {
				v = v.toward(ink, c.inside((q.minus(mark).length()-markSize)*scale))
			}
			at := 3 * (y*c.w + x)
			for i := range 3 {
				old := float64(c.pix[at+i])
				c.pix[at+i] = byte(old + (v[i]-old)*cover)
			}
		}
	}
}

// inside returns the covered share of a pixel at a signed distance, in pixels, from an
// outline.
func (c *canvas) inside(distance float64) float64 { return min(max(0.5-distance/c.edge, 0), 1) }

// span returns the range of the pixels 0..n-1 within reach of a center.
func span(middle, reach float64, n int) (int, int) {
	return int(max(middle-reach, 0)), int(min(max(middle+reach+1, 0), float64(n)))
}

// develop applies the light and changes each byte by up to ±s.Noise.
func (c *canvas) develop(s *Scene, t float64) {
	seed := s.Seed ^ math.Float64bits(t)
	width := uint32(2*s.Noise + 1)
	for y := range c.h {
		for x := range c.w {
			p := c.position(x, y)
			light := int32(4096 * (s.Light + s.Slope.X*p.X + s.Slope.Y*p.Y))
			n := y*c.w + x
			random := mix(seed + uint64(n)*0x9e3779b97f4a7c15)
			for i, old := range c.pix[3*n : 3*n+3] {
				v := int32(old)*light>>12 + int32(uint32(random&0xffff)*width>>16) - int32(s.Noise)
				c.pix[3*n+i] = byte(min(max(v, 0), 255))
				random >>= 16
			}
		}
	}
}
