package label

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// ErrPacked is returned for packed frames or directions that are damaged or of another width.
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

// PackDirections returns directions for storage: their width and number (uint32), the
// directions (float32), the median energy and the scales (float64); then a CRC-32C. All is
// little-endian.
func PackDirections(d *Directions) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(d.rows[0])))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(d.rows)))
	for _, row := range d.rows {
		for _, v := range row {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	for _, list := range append([][]float64{{d.still}}, d.scale[:]...) {
		for _, v := range list {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// UnpackDirections is the inverse of [PackDirections], for embeddings of width E.
func UnpackDirections(packed []byte, embed int) (*Directions, error) {
	end := len(packed) - 4
	if end < 8 || binary.LittleEndian.Uint32(packed[end:]) != crc32.Checksum(packed[:end], castagnoli) {
		return nil, ErrPacked
	}
	count := int(binary.LittleEndian.Uint32(packed[4:]))
	d := &Directions{rows: make([][]float32, min(count, tracked))}
	sizes := d.sizes()
	if int(binary.LittleEndian.Uint32(packed)) != embed || count < 1 || count > tracked || end != 8+4*count*embed+8*(1+d.Width()) {
		return nil, ErrPacked
	}
	packed = packed[8:end]
	for i := range d.rows {
		d.rows[i] = make([]float32, embed)
		for j := range d.rows[i] {
			d.rows[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(packed))
			packed = packed[4:]
		}
	}
	next := func() float64 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(packed))
		packed = packed[8:]
		return v
	}
	d.still = next()
	for k := range d.scale {
		d.scale[k] = make([]float64, sizes[k])
		for j := range d.scale[k] {
			d.scale[k][j] = next()
		}
	}
	return d, nil
}
