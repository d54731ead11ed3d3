package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// fullDisk is a standard output without space.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFullStandardOutputFails(t *testing.T) {
	for _, args := range [][]string{
		{"version"}, {"--help"}, {"train", "--help"}, {"train", "recognition", "--help"}, {"help", "index"}, {"model", "list"}, {"model", "list", "--json"},
		{"model", "info", "clipcue-tiny"}, {"embed", "--text", "a red circle"}, {"embed", "--text", "a red circle", "--json"},
		{"completion", "bash"}, {},
	} {
		var stderr strings.Builder
		if code := run(t.Context(), args, fullDisk{}, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
}

func TestPanicsAreErrors(t *testing.T) {
	for name, cause := range map[string]any{"runtime": nil, "text": "shapes differ\nby one", "error": io.ErrUnexpectedEOF} {
		c := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
			if cause == nil {
				var rows []int
				_ = rows[len(os.Args)+5]
			}
			panic(cause)
		}}
		c.SetArgs(nil)
		err := execute(t.Context(), c)
		var b strings.Builder
		printError(&b, err)
		if err == nil || isUsage(err) || strings.Count(b.String(), "\n") != 2 || !strings.Contains(b.String(), "internal error: ") || !strings.Contains(b.String(), "try: ") {
			t.Errorf("%s: %q", name, b.String())
		}
	}
}
