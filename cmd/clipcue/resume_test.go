package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clipcue/clipcue/train"
)

// A training process that is killed, or interrupted, and resumed ends with the
// same files, byte for byte, as one that was left alone.
func TestKilledProcessResumes(t *testing.T) {
	w := newWorld(t)
	steps := []string{"--steps", "150", "--save-every", "5", "--eval-every", "30"}
	whole := filepath.Join(t.TempDir(), "run")
	must(t, exitDone, w.train(whole, steps...)...)
	for name, signal := range map[string]os.Signal{"kill": os.Kill, "interrupt": os.Interrupt, "hangup": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			c := program(t.Context(), t, w.train(dir, steps...)...)
			var stderr bytes.Buffer
			c.Stderr = &stderr
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			for range 2000 { // until the first checkpoint is there
				if _, err := os.Stat(filepath.Join(dir, train.LastFile)); err == nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if err := c.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Skip(err) // not every system can interrupt a process
			}
			err := c.Wait()
			var exit *exec.ExitError
			if signal != os.Kill && errors.As(err, &exit) && (exit.ExitCode() != exitFailed || !strings.Contains(stderr.String(), "--resume")) {
				t.Errorf("exit code %d, %s", exit.ExitCode(), stderr.String())
			}
			must(t, exitDone, w.train(dir, append(steps, "--resume")...)...)
			for _, file := range []string{train.LastFile, train.BestFile} {
				got, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(filepath.Join(whole, file))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s differs from that of a run that was left alone", file)
				}
			}
		})
	}
}
