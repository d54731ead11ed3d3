package vector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// The file of the graph is in the generation's folder: a header, the twins, the neighbors
// in layer 0, those in the layers above, and a checksum of all before it.
const (
	graphFile       = "graph"
	graphMagic      = "clipgrf2"
	thinMagic       = "clipgrf1" // of a thin graph
	graphHeaderSize = 32
)

func (g *graph) header() []byte {
	b := make([]byte, graphHeaderSize)
	copy(b, graphMagic)
	if g.thin {
		copy(b, thinMagic)
	}
	binary.LittleEndian.PutUint32(b[8:], links)
	binary.LittleEndian.PutUint32(b[12:], uint32(g.entry))
	binary.LittleEndian.PutUint64(b[16:], uint64(g.rows))
	binary.LittleEndian.PutUint64(b[24:], seed)
	return b
}

func bytesOfRows(x []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

func (g *graph) write(dir string) error {
	return atomicfile.Write(filepath.Join(dir, graphFile), func(w io.Writer) error {
		var sum uint32
		for _, part := range [][]byte{g.header(), bytesOfRows(g.twins), bytesOfRows(g.base), bytesOfRows(g.upper)} {
			sum = crc32.Update(sum, castagnoli, part)
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum))
		return err
	})
}

// readGraph reads the graph of a generation of the given number of rows.
func readGraph(dir string, rows int) (*graph, error) {
	f, err := input.OpenInside(filepath.Join(dir, graphFile), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// A graph takes as much memory as its file, and 8 bytes more per row.
	release, err := memory.Request(info.Size()+8*int64(rows), f.Name())
	if err != nil {
		return nil, &CorruptError{f.Name(), err.Error(), true}
	}
	g, err := decodeGraph(f, info.Size(), rows)
	if err != nil {
		release()
		return nil, &CorruptError{f.Name(), err.Error(), true}
	}
	g.release = release
	return g, nil
}

// decodeGraph reads a graph over at most rows rows from a file of this size.
func decodeGraph(r io.Reader, size int64, rows int) (*graph, error) {
	header := make([]byte, graphHeaderSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(header[16:])
	if n > uint64(rows) || size < int64(n)*2*links*4 {
		return nil, fmt.Errorf("it has %d rows", n)
	}
	g := &graph{thin: string(header[:len(thinMagic)]) == thinMagic}
	g.extend(int(n))
	g.entry = int32(binary.LittleEndian.Uint32(header[12:]))
	if string(g.header()) != string(header) || g.entry < -1 || int(g.entry) >= g.rows {
		return nil, errors.New("it has another header")
	}
	sum := crc32.Checksum(header, castagnoli)
	for _, part := range [][]byte{bytesOfRows(g.twins), bytesOfRows(g.base), bytesOfRows(g.upper)} {
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		sum = crc32.Update(sum, castagnoli, part)
	}
	var last [4]byte
	if _, err := io.ReadFull(r, last[:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(last[:]) != sum {
		return nil, errors.New("it does not match its checksum")
	}
	for row := range int32(g.rows) {
		// A row of the graph leads to a twin. Twins have no neighbors and lead only
		// downwards, so the list ends.
		if next := g.twins[row]; next != -1 && (next < 0 || int(next) >= g.rows || g.inGraph(next) || !g.inGraph(row) && next > row) {
			return nil, fmt.Errorf("row %d has a twin %d that does not exist", row, next)
		}
		for l := range layer(row) + 1 {
			for _, to := range g.neighbors(row, l) {
				if to < -1 || int(to) >= g.rows || to >= 0 && layer(to) < l {
					return nil, fmt.Errorf("row %d has a neighbor %d that does not exist", row, to)
				}
			}
		}
	}
	return g, nil
}
