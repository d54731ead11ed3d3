package vector

import "runtime/debug"

// guarded runs read, which reads mapped memory. If the disk cannot provide it, because the
// file was truncated or a sector is bad, guarded returns an error instead of crashing.
func (s *store) guarded(read func() error) (err error) {
	return guarded(s.dir, read)
}

func guarded(dir string, read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = &CorruptError{dir, "a part of it can no longer be read", false}
		default:
			panic(fault)
		}
	}()
	return read()
}
