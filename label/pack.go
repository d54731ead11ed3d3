package label

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// ErrPacked is returned for packed frames that are damaged or of another width.
var ErrPacked = errors.New("the frames are damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PackFrames returns frames [n,E] and their times for storage, about one byte per element: for
// each, its time (float64), its scale (float32) and 8-bit levels; then a CRC-32C. All is
// little-endian.
func PackFrames(features []float32, times []float64) []byte {
	embed := len(features) / max(1, len(times))
	stride := compute.Int8Stride(embed)
	var out []byte
	levels := make([]byte, stride)
	for i, at := range times {
		scale, _ := compute.QuantizeRow(levels, features[i*embed:][:embed])
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(at))
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(scale))
		out = append(out, levels[:embed]...)
	}
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// UnpackFrames is the inverse of [PackFrames], for embeddings of width E. Each element is off
// by at most 1/254 of the largest one of its frame.
func UnpackFrames(packed []byte, embed int) (features []float32, times []float64, err error) {
	row, end := 12+embed, len(packed)-4
	if end < 0 || end%row != 0 || binary.LittleEndian.Uint32(packed[end:]) != crc32.Checksum(packed[:end], castagnoli) {
		return nil, nil, ErrPacked
	}
	features = make([]float32, 0, end/row*embed)
	for at := 0; at < end; at += row {
		frame := packed[at:][:row]
		times = append(times, math.Float64frombits(binary.LittleEndian.Uint64(frame)))
		scale := math.Float32frombits(binary.LittleEndian.Uint32(frame[8:]))
		for _, level := range frame[12:] {
			features = append(features, scale*float32(int(level)-128))
		}
	}
	return features, times, nil
}
