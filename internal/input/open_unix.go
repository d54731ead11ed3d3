//go:build unix

package input

import "syscall"

// nonblocking makes opening a pipe without a writer return.
const nonblocking = syscall.O_NONBLOCK
