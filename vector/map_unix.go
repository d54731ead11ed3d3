//go:build darwin || dragonfly || freebsd || linux || netbsd

package vector

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// mapping is a file's content, mapped to memory.
type mapping struct{ data []byte }

// cover makes data reach at least the file's first size bytes. A file that will
// grow is mapped beyond its end, which may be read once it has grown so far. The
// slices of data that there were are no longer valid.
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

func (m *mapping) free() {
	if m.data != nil {
		_ = unix.Munmap(m.data)
		m.data = nil
	}
}
