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

// bytesOfRows and rowsOf return the same memory as another type.
func bytesOfRows(x []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

func rowsOf(b []byte) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
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
	// A graph takes as much memory as its file, and 4 bytes more per row.
	release, err := memory.Request(info.Size()+4*int64(rows), f.Name())
	if err != nil {
		return nil, &CorruptError{f.Name(), err.Error(), true}
	}
	g := &graph{release: release}
	err = guarded(dir, func() error {
		if err := g.file.cover(f, info.Size(), false); err != nil {
			return err
		}
		return g.decode(rows)
	})
	if err != nil {
		g.free()
		return nil, &CorruptError{f.Name(), err.Error(), true}
	}
	g.file.scatter(true)
	return g, nil
}

// decode finds a graph over at most rows rows in the bytes of its file.
func (g *graph) decode(rows int) error {
	data := g.file.data
	if len(data) < graphHeaderSize {
		return io.ErrUnexpectedEOF
	}
	header := data[:graphHeaderSize]
	n := binary.LittleEndian.Uint64(header[16:])
	if n > uint64(rows) {
		return fmt.Errorf("it has %d rows", n)
	}
	g.rows, g.entry = int(n), int32(binary.LittleEndian.Uint32(header[12:]))
	g.thin = string(header[:len(thinMagic)]) == thinMagic
	if string(g.header()) != string(header) || g.entry < -1 || int(g.entry) >= g.rows {
		return errors.New("it has another header")
	}
	start, above := starts(g.rows)
	g.start = start
	end := graphHeaderSize
	next := func(n int) []byte {
		from := end
		end += 4 * n
		return data[from:end:end]
	}
	if size := graphHeaderSize + 4*(g.rows*(1+2*links)+above*links+1); len(data) != size {
		return fmt.Errorf("it has %d bytes instead of %d", len(data), size)
	}
	g.twins, g.base, g.upper = rowsOf(next(g.rows)), rowsOf(next(g.rows*2*links)), rowsOf(next(above*links))
	if checksum(data[:end]) != binary.LittleEndian.Uint32(data[end:]) {
		return errors.New("it does not match its checksum")
	}
	return g.check()
}

// check finds rows that lead to others that do not exist.
func (g *graph) check() error {
	for row := range int32(g.rows) {
		// A row of the graph leads to a twin. Twins have no neighbors and lead only
		// downwards, so the list ends.
		if next := g.twins[row]; next != -1 && (next < 0 || int(next) >= g.rows || g.inGraph(next) || !g.inGraph(row) && next > row) {
			return fmt.Errorf("row %d has a twin %d that does not exist", row, next)
		}
		for l := range layer(row) + 1 {
			for _, to := range g.neighbors(row, l) {
				if to < -1 || int(to) >= g.rows || to >= 0 && layer(to) < l {
					return fmt.Errorf("row %d has a neighbor %d that does not exist", row, to)
				}
			}
		}
	}
	return nil
}
