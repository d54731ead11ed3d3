package video

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// widen lets a pipe hold a picture or two instead of 64 KiB, so that the decoder
// and its reader switch less often. It may fail: it is only faster.
func widen(pipe io.Reader) {
	if file, ok := pipe.(syscall.Conn); ok {
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
		}
	}
}
