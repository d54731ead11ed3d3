package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/label"
)

// motionsFile caches the motion descriptors of the moments, which take most of the time of
// loading them. It is derived from the database: it may be deleted, and is written when
// moments are loaded and it does not match. Numbers are little-endian:
//
//	magic        8 bytes
//	state        32 bytes, of motionsState
//	directions   uint32 length, then label.PackDirections
//	moments      uint64 n, then n of: id (int64), sum of the row (uint32)
//	CRC-32C      of all of this
//	descriptors  n of: label.Moments.Packed, CRC-32C of the id and this
const motionsFile = "motions"

const motionsMagic = "ccmotio1"

// mostDirections is the greatest length of packed directions.
const mostDirections = 16 << 20

// momentKey identifies a row of moments: numbers are not used again, and sums change with
// the content.
type momentKey struct {
	id  int64
	sum uint32
}

// motions are the descriptors of an open file.
type motions struct {
	file       *os.File
	state      []byte
	directions *label.Directions
	rows       map[momentKey]int
	first, row int64 // offset and length of the rows
}

// close closes the file, if there is one.
func (c *motions) close() {
	if c != nil {
		c.file.Close()
	}
}

// motionsState returns a digest that changes with all that directions depend on.
func (l *Library) motionsState(ctx context.Context) ([]byte, error) {
	videos, err := l.videosState(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal(l.settings)
	sum := sha256.Sum256(append(settings, videos...))
	return sum[:], err
}

// openMotions opens the file of descriptors, nil without a whole one of this library's width.
func (l *Library) openMotions() *motions {
	f, err := input.OpenIn(l.root, motionsFile)
	if err != nil {
		return nil
	}
	c := &motions{file: f}
	if !c.read(l.settings.Width) {
		f.Close()
		return nil
	}
	return c
}

// read reads what precedes the descriptors, and reports whether it is whole.
func (c *motions) read(width int) bool {
	info, err := c.file.Stat()
	if err != nil {
		return false
	}
	sum := crc32.New(castagnoli)
	r := io.TeeReader(c.file, sum)
	take := func(n int64) []byte {
		b := make([]byte, min(n, info.Size()))
		if _, e := io.ReadFull(r, b); e != nil || int64(len(b)) < n {
			err = io.ErrUnexpectedEOF
			return make([]byte, 8)
		}
		return b
	}
	if string(take(8)) != motionsMagic {
		return false
	}
	c.state = take(sha256.Size)
	size := int64(binary.LittleEndian.Uint32(take(4)))
	packed := take(min(size, mostDirections))
	n := int64(min(binary.LittleEndian.Uint64(take(8)), uint64(info.Size())))
	keys := take(12 * n)
	whole := sum.Sum32()
	if stored := take(4); err != nil || binary.LittleEndian.Uint32(stored) != whole {
		return false
	}
	if c.directions, err = label.UnpackDirections(packed, width); err != nil {
		return false
	}
	c.first, c.row = 8+sha256.Size+4+size+8+12*n+4, int64(label.PackedMotion(c.directions)+4)
	c.rows = make(map[momentKey]int, n)
	for i := range int(n) {
		k := keys[12*i:]
		c.rows[momentKey{int64(binary.LittleEndian.Uint64(k)), binary.LittleEndian.Uint32(k[8:])}] = i
	}
	return info.Size() == c.first+n*c.row
}

// of returns the descriptors of moments, nil for those that the file does not have or that are
// damaged there.
func (c *motions) of(keys []momentKey) [][]byte {
	out := make([][]byte, len(keys))
	if c == nil {
		return out
	}
	for i := 0; i < len(keys); {
		from, ok := c.rows[keys[i]]
		n := 1
		for ok && i+n < len(keys) {
			if row, has := c.rows[keys[i+n]]; !has || row != from+n {
				break
			}
			n++
		}
		if ok {
			c.readRows(out[i:i+n], keys[i:i+n], from)
		}
		i += n
	}
	return out
}

// readRows reads consecutive descriptors from a row on.
func (c *motions) readRows(out [][]byte, keys []momentKey, from int) {
	data := make([]byte, int64(len(out))*c.row)
	if _, err := c.file.ReadAt(data, c.first+int64(from)*c.row); err != nil {
		return
	}
	for i := range out {
		row := data[int64(i)*c.row:][:c.row]
		packed := row[:c.row-4]
		if binary.LittleEndian.Uint32(row[c.row-4:]) == motionSum(keys[i], packed) {
			out[i] = packed
		}
	}
}

func motionSum(k momentKey, packed []byte) uint32 {
	return crc32.Update(crc32.Checksum(binary.LittleEndian.AppendUint64(nil, uint64(k.id)), castagnoli), castagnoli, packed)
}

// cachedMotions returns the directions of the library in a state, and the file of descriptors
// in these directions, nil for none.
func (l *Library) cachedMotions(ctx context.Context, state []byte) (*motions, *label.Directions, error) {
	cache := l.openMotions()
	if cache != nil && bytes.Equal(cache.state, state) {
		return cache, cache.directions, nil
	}
	directions, err := l.directions(ctx)
	if cache != nil && (err != nil || !bytes.Equal(label.PackDirections(cache.directions), label.PackDirections(directions))) {
		cache.close()
		cache = nil
	}
	return cache, directions, err
}

// writeMotions writes the descriptors of moments, unless the library has changed since they were
// loaded. Problems are ignored: a folder that cannot be written has no file.
func (l *Library) writeMotions(ctx context.Context, state []byte, m *label.Moments, keys []momentKey) {
	if now, err := l.motionsState(ctx); err != nil || !bytes.Equal(now, state) {
		return
	}
	directions := label.PackDirections(m.Directions())
	_ = atomicfile.Write(filepath.Join(l.dir, motionsFile), func(w io.Writer) error {
		head := append([]byte(motionsMagic), state...)
		head = append(binary.LittleEndian.AppendUint32(head, uint32(len(directions))), directions...)
		head = binary.LittleEndian.AppendUint64(head, uint64(len(keys)))
		for _, k := range keys {
			head = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(head, uint64(k.id)), k.sum)
		}
		if _, err := w.Write(binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))); err != nil {
			return err
		}
		var row []byte
		for i, k := range keys {
			row = m.Packed(row[:0], i)
			if _, err := w.Write(binary.LittleEndian.AppendUint32(row, motionSum(k, row))); err != nil {
				return err
			}
		}
		return nil
	})
}
