package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
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

// Two outputs of a command have two paths, however they are written.
func TestOutputsNeedDifferentPaths(t *testing.T) {
	dir := t.TempDir()
	folder, link := filepath.Join(dir, "folder"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(folder, 0o777), os.Symlink(folder, link)); err != nil {
		t.Skip(err)
	}
	one, same, other := filepath.Join(folder, "x"), filepath.Join(link, ".", "x"), filepath.Join(folder, "y")
	for _, c := range []struct {
		args []string
		same bool
	}{
		{[]string{"search", "--library", dir, "a", "--html", one, "--segments", same}, true},
		{[]string{"search", "--library", dir, "a", "--html", one, "--clips", folder + "/../folder/x"}, true},
		{[]string{"search", "--library", dir, "a", "--html", one, "--segments", other}, false},
		{[]string{"search", "--library", dir, "a", "--html", "/dev/null", "--segments", "/dev/null"}, false},
		{[]string{"localize", "--run", dir, "--subtitles", one, "--edl", one, "v.mp4"}, true},
		{[]string{"localize", "--run", dir, "--output", one, "--output-proposals", one, "v.mp4"}, true},
		{[]string{"localize", "--run", dir, "--output", one, "--html", same, "v.mp4"}, true},
		{[]string{"eval", "localization", "--run", dir, "--data", dir, "--output", one, "--html", one}, true},
	} {
		var stderr strings.Builder
		code := run(t.Context(), c.args, io.Discard, &stderr)
		if got := strings.Contains(stderr.String(), "must not have the same path"); got != c.same || got && code != exitUsage {
			t.Errorf("%q: exit code %d, %s", c.args, code, stderr.String())
		}
	}
}

// Every flag of a file or folder to write is compared with the others.
func TestOutputFlagsExist(t *testing.T) {
	root := new(app).root(nil)
	for _, name := range outputFlags {
		if flagOf(root, name) == nil {
			t.Errorf("no command has --%s", name)
		}
	}
}
