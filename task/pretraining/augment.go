package pretraining

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"

	"github.com/clipcue/clipcue/video"
)

// sided matches words that are wrong for a flipped image.
var sided = regexp.MustCompile(`(?i)\b(left|right)`)

// augment resizes the image of a pair to the size of the model: with a random crop as in
// torchvision's RandomResizedCrop, with aspect ratios of 3:4 to 4:3, or without crops as in
// inference. The result is valid until the next call of the resizer, and may be the image
// itself.
func augment(p Pair, c Config, rng *rand.Rand, r *video.Resizer) (video.Frame, error) {
	f, err := p.Image, error(nil)
	if f.Width < 1 || f.Height < 1 || len(f.Pix) != 3*f.Width*f.Height {
		return f, fmt.Errorf("got %d bytes for %dx%d RGB pixels", len(f.Pix), f.Width, f.Height)
	}
	if c.Crop < 1 {
		if x, y, w, h, ok := randomCrop(f.Width, f.Height, c.Crop, rng); ok {
			f, err = r.Resize(cut(f, x, y, w, h), c.Model.ImageSize, video.Fit{Squash: true})
		} else {
			f, err = r.Resize(f, c.Model.ImageSize, c.Model.Fit)
		}
	} else {
		f, err = r.Resize(f, c.Model.ImageSize, c.Model.Fit)
	}
	if err == nil && c.Flip && rng.IntN(2) == 1 && !sided.MatchString(p.Caption) {
		f = mirror(f)
	}
	return f, err
}

// randomCrop returns a random box with at least the share least of an image's area; ok is
// false if ten attempts found none.
func randomCrop(width, height int, least float64, rng *rand.Rand) (x, y, w, h int, ok bool) {
	for range 10 {
		area := float64(width) * float64(height) * (least + (1-least)*rng.Float64())
		ratio := math.Exp(math.Log(4.0/3) * (2*rng.Float64() - 1))
		w, h = int(math.Round(math.Sqrt(area*ratio))), int(math.Round(math.Sqrt(area/ratio)))
		if w > 0 && h > 0 && w <= width && h <= height {
			return rng.IntN(width - w + 1), rng.IntN(height - h + 1), w, h, true
		}
	}
	return 0, 0, 0, 0, false
}

// cut returns a copy of a box of an image.
func cut(f video.Frame, x, y, w, h int) video.Frame {
	pix := make([]byte, 0, 3*w*h)
	for i := y; i < y+h; i++ {
		pix = append(pix, f.Pix[3*(i*f.Width+x):][:3*w]...)
	}
	return video.Frame{Width: w, Height: h, Pix: pix}
}

// mirror returns the image flipped horizontally.
func mirror(f video.Frame) video.Frame {
	pix := make([]byte, len(f.Pix))
	for i := 0; i < len(pix); i += 3 {
		y, x := i/3/f.Width, i/3%f.Width
		copy(pix[i:i+3], f.Pix[3*(y*f.Width+f.Width-1-x):])
	}
	f.Pix = pix
	return f
}
