//go:build !(darwin || dragonfly || freebsd || linux || netbsd)

package vector

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// mapping is a file's content, read into memory. (On OpenBSD, a mapping does not show what
// is written to the file.)
type mapping struct{ data []byte }

// cover extends data to the first size bytes of the file.
func (m *mapping) cover(f file, size int64, _ bool) error {
	have := len(m.data)
	if size <= int64(have) {
		return nil
	}
	if size > math.MaxInt {
		return fmt.Errorf("%s: too large for this machine's memory", f.Name())
	}
	m.data = append(m.data, make([]byte, int(size)-have)...)
	if _, err := f.ReadAt(m.data[have:], int64(have)); err != nil && !errors.Is(err, io.EOF) {
		m.data = m.data[:have]
		return err
	}
	return nil
}

func (m *mapping) scatter(bool) {}

func (m *mapping) free() { m.data = nil }
