//go:build darwin || dragonfly || freebsd || linux || netbsd

package feature

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unnamed creates a file without a name in a folder, so that the system deletes it when it
// is closed or the process is killed.
func unnamed(dir string) (*os.File, error) {
	name := filepath.Join(dir, ".features."+rand.Text()[:8]+".tmp") // as of atomicfile
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(name); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// mapped maps the first size bytes of a file into memory.
func mapped(f *os.File, size int) (data []byte, unmap func(), err error) {
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %d bytes of features into memory: %w", size, err)
	}
	return data, func() { _ = unix.Munmap(data) }, nil
}
