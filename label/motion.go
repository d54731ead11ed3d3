package label

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// orders is the number of cosine coefficients of a motion descriptor, from the first on.
// The coefficient 0 is the mean of the frames, which the moment's embedding replaces.
const orders = 2

// MotionWidth returns the number of elements of a motion descriptor for embeddings of
// width E: 2E.
func MotionWidth(embed int) int { return orders * embed }

// Motion returns the motion descriptor [2E] of the frames that features [n,E] and their
// increasing times in seconds describe, within start to end. It holds the cosine
// coefficients 1 and 2 over time (DCT-II) of the normalized frames, relative to the
// length of their mean, and at most of length 1.
//
// Each frame applies to the times closest to it, and the cosines are integrated exactly
// over these times. The descriptor therefore converges as the frame rate grows, and does
// not depend on the duration: an action that takes twice as long has the same descriptor.
// It needs about four frames; from eight frames on, the rate hardly matters. With fewer
// than two frames it is zero.
func Motion(features []float32, times []float64, start, end float64) []float32 {
	n := len(times)
	if n == 0 {
		return nil
	}
	width := len(features) / n
	out := make([]float32, MotionWidth(width))
	if n < 2 || !(end > start) {
		return out
	}
	mean := make([]float64, width)
	sums := make([]float64, len(out))
	from := 0.
	for i := range n {
		to := 1.
		if i+1 < n {
			to = max(from, min(1, ((times[i]+times[i+1])/2-start)/(end-start)))
		}
		row := features[i*width:][:width]
		if length := math.Sqrt(compute.Dot(row, row)); length > 0 {
			add(mean, row, (to-from)/length)
			for k := range orders {
				f := math.Pi * float64(k+1)
				add(sums[k*width:][:width], row, math.Sqrt2*(math.Sin(f*to)-math.Sin(f*from))/f/length)
			}
		}
		from = to
	}
	length := norm(mean)
	if length == 0 {
		return out
	}
	length = max(length, norm(sums)) // at most 1
	for i, v := range sums {
		out[i] = float32(v / length)
	}
	return out
}

func add(to []float64, x []float32, factor float64) {
	for i, v := range x {
		to[i] += factor * float64(v)
	}
}

func norm(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// ErrPacked is returned for a packed motion descriptor that is damaged or of another width.
var ErrPacked = errors.New("the motion descriptor is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PackMotion returns a motion descriptor for storage, about one byte per element: its
// scale (float32), 8-bit levels, and a CRC-32C, little-endian.
func PackMotion(motion []float32) []byte {
	stride := compute.Int8Stride(len(motion))
	out := make([]byte, 4+stride+4)
	scale, _ := compute.QuantizeRow(out[4:4+stride], motion)
	binary.LittleEndian.PutUint32(out, math.Float32bits(scale))
	binary.LittleEndian.PutUint32(out[4+stride:], crc32.Checksum(out[:4+stride], castagnoli))
	return out
}

// CheckMotion returns ErrPacked if a packed motion descriptor is damaged.
func CheckMotion(packed []byte) error {
	_, _, err := unpack(packed, max(0, len(packed)-8))
	return err
}

// unpack returns the scale and the levels of a packed descriptor of the given width.
func unpack(packed []byte, width int) (scale float32, levels []byte, err error) {
	stride := compute.Int8Stride(width)
	if len(packed) != 4+stride+4 || binary.LittleEndian.Uint32(packed[4+stride:]) != crc32.Checksum(packed[:4+stride], castagnoli) {
		return 0, nil, ErrPacked
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(packed)), packed[4:][:stride], nil
}
