package video

import (
	"image"
	"io"
)

// The compressions of TIFF that are those of fax machines, and the meaning of its pixels.
const (
	faxGroup3   = 3
	faxGroup4   = 4
	blackIsZero = 1
)

// invertedFax reports whether package tiff returns an image inverted. The codes of fax machines
// have white and black runs. As in libtiff, a white run is zeros, and zeros are black if the file
// says so; package tiff always returns white.
func invertedFax(r io.ReadSeeker, format string) bool {
	if format != "tiff" {
		return false
	}
	tags := readTags(r, format, "Compression", "PhotometricInterpretation")
	fax := tags["Compression"] == faxGroup3 || tags["Compression"] == faxGroup4
	return fax && tags["PhotometricInterpretation"] == blackIsZero
}

// invert inverts a gray image.
func invert(m image.Image) {
	if gray, ok := m.(*image.Gray); ok {
		for i := range gray.Pix {
			gray.Pix[i] ^= 0xff
		}
	}
}
