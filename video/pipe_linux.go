package video

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// widen enlarges the buffer of a pipe from 64 KiB to 1 MiB, a frame or two, so that the
// decoder and its reader switch less often. It only affects speed, so errors are ignored.
func widen(pipe io.Reader) {
	if file, ok := pipe.(syscall.Conn); ok {
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
		}
	}
}
