//go:build !packaging

// Clipcue adapts a frozen image–text model (CLIP) to video: it learns to
// recognize actions from labeled videos, on a CPU, in minutes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/clipcue/clipcue/internal/crash"
)

func main() {
	crash.Handle = func(err *crash.Error) {
		printError(os.Stderr, err)
		os.Exit(exitFailed)
	}
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it, so that a run outlives its terminal
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	// A second interrupt ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
