package video

import "image"

// planarFrame returns the upright frame of a JPEG or WebP image whose channels of color may be
// smaller. Its pixels are those of libjpeg-turbo and libwebp, and so of PIL, up to the rounding of
// JPEG's cosine transform: smaller channels are interpolated.
func planarFrame(m *image.YCbCr, turn upright, format string) Frame {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	f := Frame{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	if turn.swap {
		f.Width, f.Height = h, w
	}
	stretched, convert := (*chroma).jpegRow, jpegPixels
	if format == "webp" {
		stretched, convert = (*chroma).webpRow, studioPixels
	}
	blue, red := newChroma(m, m.Cb), newChroma(m, m.Cr)
	for y := range h {
		cb, cr := stretched(blue, y), stretched(red, y)
		at, step := turn.row(w, h, y)
		convert(f.Pix, at, step, m.Y[m.YOffset(m.Rect.Min.X, m.Rect.Min.Y+y):][:w], cb[:w], cr[:w])
	}
	return f
}

// studioPixels converts a row with [studioToRGB]; its pixels are step bytes apart, from at on.
func studioPixels(pix []byte, at, step int, light, cb, cr []byte) {
	for x, l := range light {
		pixel := pix[at : at+3 : at+3]
		pixel[0], pixel[1], pixel[2] = studioToRGB(l, cb[x], cr[x])
		at += step
	}
}

// row returns where the pixels of a stored row are in an upright image, which is stored as w×h: the
// index of the first, and the distance between them.
func (o upright) row(w, h, y int) (at, step int) {
	if o.flipY {
		y = h - 1 - y
	}
	at, step = 3*y*w, 3
	if o.swap {
		at, step = 3*y, 3*h
	}
	if o.flipX {
		return at + step*(w-1), -step
	}
	return at, step
}

// jpegPixels is studioPixels with libjpeg's arithmetic, which rounds to the nearest.
func jpegPixels(pix []byte, at, step int, light, cb, cr []byte) {
	const half = 1 << 15
	clamp := func(v int32) uint8 { return uint8(max(0, min(255, v))) }
	for x, y := range light {
		l, u, v := int32(y), int32(cb[x])-128, int32(cr[x])-128
		pixel := pix[at : at+3 : at+3]
		pixel[0] = clamp(l + (91881*v+half)>>16)
		pixel[1] = clamp(l + (half-22554*u-46802*v)>>16)
		pixel[2] = clamp(l + (116130*u+half)>>16)
		at += step
	}
}

// chroma is one of the two channels of color.
type chroma struct {
	pix          []byte
	stride       int
	w, h         int
	across, down int     // pixels of the image for each of the channel
	sums         []int32 // a row before it is stretched
	out          []byte  // the row
}

// subsampling are the pixels of an image for each of its chroma, across and down.
var subsampling = map[image.YCbCrSubsampleRatio][2]int{
	image.YCbCrSubsampleRatio444: {1, 1}, image.YCbCrSubsampleRatio422: {2, 1}, image.YCbCrSubsampleRatio420: {2, 2},
	image.YCbCrSubsampleRatio440: {1, 2}, image.YCbCrSubsampleRatio411: {4, 1}, image.YCbCrSubsampleRatio410: {4, 2},
}

func newChroma(m *image.YCbCr, pix []byte) *chroma {
	s := subsampling[m.SubsampleRatio]
	c := &chroma{pix: pix[m.COffset(m.Rect.Min.X, m.Rect.Min.Y):], stride: m.CStride, across: s[0], down: s[1]}
	c.w, c.h = (m.Rect.Dx()+c.across-1)/c.across, (m.Rect.Dy()+c.down-1)/c.down
	c.sums, c.out = make([]int32, c.w), make([]byte, c.w*c.across)
	return c
}

// rows returns the row of the channel that is nearest to one of the image, and the next nearest.
func (c *chroma) rows(y int) (near, far []byte) {
	near = c.pix[y/c.down*c.stride:][:c.w]
	if c.down != 2 {
		return near, near
	}
	return near, c.pix[max(0, min(c.h-1, y/2-1+y%2*2))*c.stride:][:c.w]
}

// jpegRow returns the values for a row of the image, until the next call. Like libjpeg, it
// interpolates only where the image is twice as large.
func (c *chroma) jpegRow(y int) []byte {
	near, far := c.rows(y)
	switch {
	case c.across > 2, c.across == 2 && c.w <= 2:
		for x := range c.out {
			c.out[x] = near[x/c.across]
		}
	case c.across == 2:
		for x := range near {
			c.sums[x] = 3*int32(near[x]) + int32(far[x])
		}
		c.stretch()
	case c.down == 2:
		for x := range near {
			c.out[x] = byte((3*int32(near[x]) + int32(far[x]) + 1 + int32(y%2)) >> 2)
		}
	default:
		return near
	}
	return c.out
}

// stretch makes a row of sums twice as wide. libjpeg rounds left pixels in one way and right pixels
// in another.
func (c *chroma) stretch() {
	left, right := int32(8), int32(7)
	if c.down == 1 {
		left, right = 4, 8
	}
	last := c.sums[0]
	for x, v := range c.sums {
		next := c.sums[min(c.w-1, x+1)]
		c.out[2*x] = byte((3*v + last + left) >> 4)
		c.out[2*x+1] = byte((3*v + next + right) >> 4)
		last = v
	}
}

// webpRow is jpegRow with libwebp's arithmetic. Channels of WebP have half the size.
func (c *chroma) webpRow(y int) []byte {
	near, far := c.rows(y)
	ends := func(x int) byte { return byte((3*int32(near[x]) + int32(far[x]) + 2) >> 2) }
	c.out[0], c.out[2*c.w-1] = ends(0), ends(c.w-1)
	for x := 1; x < c.w; x++ {
		a, b, p, q := int32(near[x-1]), int32(near[x]), int32(far[x-1]), int32(far[x])
		c.out[2*x-1] = byte(((a+3*b+3*p+q+8)>>3 + a) >> 1)
		c.out[2*x] = byte(((3*a+b+p+3*q+8)>>3 + b) >> 1)
	}
	return c.out
}
