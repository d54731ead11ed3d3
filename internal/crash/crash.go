// Package crash handles panics: the program ends with a one-line error instead of a stack
// trace.
package crash

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// Handle is called, if set, with a panic that [Recover] caught. It must not return.
// Without it the panic continues, as in programs that import clipcue's packages.
var Handle func(*Error)

// Error is a panic: a defect of the program.
type Error struct {
	Value any    // the value of the panic
	Where string // the innermost calls, such as "adapter/file.go:33 < train/run.go:10"
	Stack []byte // stack of the goroutine
}

func (e *Error) Error() string { return fmt.Sprintf("internal error: %v (%s)", e.Value, e.Where) }

// Recover passes a panic to Handle. Every goroutine defers it, because a panic in any
// of them ends the process.
func Recover() {
	if v := recover(); v != nil {
		if Handle == nil {
			panic(v)
		}
		Handle(New(v))
	}
}

// New returns the error of a recovered panic. It must be called by the deferred
// function that recovered it.
func New(v any) *Error {
	if e, ok := v.(*Error); ok {
		return e
	}
	return &Error{Value: v, Where: where(), Stack: debug.Stack()}
}

// where returns the three innermost calls of the module that led to the panic.
func where() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var calls []string
	panicking := false
	for more := true; more && len(calls) < 3; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			calls, panicking = nil, true
		case panicking && !strings.HasPrefix(f.Function, "runtime."):
			calls = append(calls, fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(f.File)), filepath.Base(f.File), f.Line))
		}
	}
	return strings.Join(calls, " < ")
}
