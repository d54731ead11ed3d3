//go:build darwin || dragonfly || freebsd || linux || netbsd

package vector

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// mapping is a file's content, mapped to memory.
type mapping struct{ data []byte }

// cover extends data to at least the first size bytes of the file. A file that will grow is
// mapped beyond its end; that part can be read once the file has grown. Earlier slices of
// data become invalid.
func (m *mapping) cover(f file, size int64, grows bool) error {
	if size <= int64(len(m.data)) {
		return nil
	}
	if grows {
		size = max(2*size, 1<<20)
	}
	if size > math.MaxInt {
		return fmt.Errorf("%s: too large for this machine's memory", f.Name())
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("%s: mapping %d bytes to memory: %w", f.Name(), size, err)
	}
	m.free()
	m.data = data
	return nil
}

// scatter tells the system whether the following reads are scattered, so that it should not
// read what lies around them, too.
func (m *mapping) scatter(yes bool) {
	advice := unix.MADV_NORMAL
	if yes {
		advice = unix.MADV_RANDOM
	}
	if m.data != nil {
		_ = unix.Madvise(m.data, advice)
	}
}

func (m *mapping) free() {
	if m.data != nil {
		_ = unix.Munmap(m.data)
		m.data = nil
	}
}
