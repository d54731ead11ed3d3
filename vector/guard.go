package vector

import "runtime/debug"

// guarded runs read, in which mapped memory may be read that the disk does not give:
// the file was cut short behind our back, or a sector is bad. That is an error then,
// and no crash.
func (s *store) guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = &CorruptError{s.dir, "a part of it cannot be read any more", false}
		default:
			panic(fault)
		}
	}()
	return read()
}
