package video

import (
	"image"
	"io"
	"slices"

	"github.com/bep/imagemeta"
)

// upright is how a stored image has to be turned to be seen upright: first swap x
// and y, then flip.
type upright struct{ swap, flipX, flipY bool }

// orientations are the values 1 to 8 of the EXIF tag.
var orientations = []upright{
	{},
	{flipX: true},
	{flipX: true, flipY: true},
	{flipY: true},
	{swap: true},
	{swap: true, flipY: true},
	{swap: true, flipX: true, flipY: true},
	{swap: true, flipX: true},
}

var metadataFormats = map[string]imagemeta.ImageFormat{
	"jpeg": imagemeta.JPEG, "png": imagemeta.PNG, "webp": imagemeta.WebP, "tiff": imagemeta.TIFF,
}

// readOrientation returns the EXIF orientation of an image. Without a valid one, or with
// damaged metadata, an image is upright.
func readOrientation(r io.ReadSeeker, format string) upright {
	value, ok := readTags(r, format, "Orientation")["Orientation"]
	if !ok || value < 1 || value > len(orientations) {
		return upright{}
	}
	return orientations[value-1]
}

// readTags returns the integers of tags in an image's first directory. Metadata that cannot be
// read does not make the image unreadable.
func readTags(r io.ReadSeeker, format string, names ...string) map[string]int {
	tags := map[string]int{}
	kind, ok := metadataFormats[format]
	if _, err := r.Seek(0, io.SeekStart); err != nil || !ok {
		return tags
	}
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: r, ImageFormat: kind, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Namespace == "IFD0" && slices.Contains(names, t.Tag) },
		HandleTag: func(t imagemeta.TagInfo) error {
			switch v := t.Value.(type) {
			case uint8:
				tags[t.Tag] = int(v)
			case uint16:
				tags[t.Tag] = int(v)
			case uint32:
				tags[t.Tag] = int(v)
			}
			if len(tags) == len(names) {
				return imagemeta.ErrStopWalking
			}
			return nil
		},
	})
	return tags
}

// frame returns the upright frame of the stored pixels in bounds.
func (o upright) frame(bounds image.Rectangle, at func(x, y int) (r, g, b uint8)) Frame {
	w, h := bounds.Dx(), bounds.Dy()
	f := Frame{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	if o.swap {
		f.Width, f.Height = h, w
	}
	i := 0
	for y := range f.Height {
		for x := range f.Width {
			sx, sy := x, y
			if o.swap {
				sx, sy = y, x
			}
			if o.flipX {
				sx = w - 1 - sx
			}
			if o.flipY {
				sy = h - 1 - sy
			}
			f.Pix[i], f.Pix[i+1], f.Pix[i+2] = at(bounds.Min.X+sx, bounds.Min.Y+sy)
			i += 3
		}
	}
	return f
}
