//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/text"
)

// limited is standard output on a disk with little space.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	if l.left -= n; n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// A command whose results could not be written fails, however it prints them.
func TestFullOutputInEveryForm(t *testing.T) {
	dir := t.TempDir()
	pictures := filepath.Join(dir, "pictures")
	for _, args := range [][]string{
		{"version"},
		{"--help"},
		{"extract", "--help"},
		{"features"},
		{"help", "search"},
		{"completion", "bash"},
		{"model", "list"},
		{"model", "list", "--json"},
		{"model", "info", "clipcue-tiny"},
		{"embed", "--text", "a red circle"},
		{"embed", "--text", "a red circle", "--json"},
		{"synth", "pictures", "-q", "--out", pictures, "--total", "2", "--width", "32", "--height", "32"},
		{"synth", "pictures", "-q", "--out", pictures, "--total", "2", "--width", "32", "--height", "32", "--json"},
	} {
		for _, space := range []int{0, 20} {
			var stderr bytes.Buffer
			code := run(t.Context(), args, &limited{space}, &stderr)
			checkError(t, result{code, "", stderr.String()}, exitFailed, "standard output", "no space left")
			if n := strings.Count(stderr.String(), "no space left"); n != 1 {
				t.Errorf("%v: reported %d times: %s", args, n, stderr.String())
			}
		}
	}
}

// The same with a real device and a real pipe.
func TestFullDeviceAndClosedPipe(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	for _, args := range [][]string{{"version"}, {"model", "list", "--json"}, {"--help"}} {
		for name, out := range map[string]*os.File{"full": full, "closed": write} {
			c := program(t.Context(), t, args...)
			c.Stdout = out
			var exit *exec.ExitError
			if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() == exitDone {
				t.Errorf("%v to a %s output: %v", args, name, err)
			}
		}
	}
}

func TestExitCode(t *testing.T) {
	partial, failed := partialError{errors.New("1 failed")}, errors.New("no space left")
	for want, errs := range map[int][]error{
		exitUsage:   {usageError{failed}, fmt.Errorf("--x: %w", usageError{failed})},
		exitPartial: {partial, fmt.Errorf("done: %w", partial), errors.Join(nil, partial), errors.Join(partial, partial)},
		exitFailed:  {failed, errors.Join(failed, partial), errors.Join(partial, failed), fmt.Errorf("%w: %w", partial, failed), context.Canceled},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("%v: exit code %d, want %d", err, got, want)
			}
		}
	}
}

// hostile are names that would change what a terminal shows.
var hostile = []string{"a\x1b[2J\u202egpj.\u200b\r\u009b2J\xff\tb", "a\nclipcue: done"}

// checkSafe checks that what was printed cannot change what a terminal shows.
func checkSafe(t *testing.T, printed string) {
	t.Helper()
	if strings.ContainsAny(printed, "\x1b\u202e\u200b\r\u009b") || strings.ToValidUTF8(printed, "") != printed || strings.Contains(printed, "\nclipcue: done") {
		t.Errorf("unsafe: %q", printed)
	}
}

// Whatever files and arguments are called, what a terminal shows is safe: results,
// log lines, errors and advice.
func TestHostileNamesOnTerminals(t *testing.T) {
	for _, name := range hostile {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Skip(err)
		}
		image := filepath.Join(dir, name+".png")
		names := write(t, dir, name+".txt", "x\n"+strings.ReplaceAll(name, "\n", " ")+"\n")
		pictures := filepath.Join(dir, "pictures")
		for _, args := range [][]string{
			{"embed", image},
			{"embed", "--text", name},
			{"embed", "--text", name, "--json"},
			{"check", names, "--json"},
			{"classify", "--classes", names, names, "--log-format", "json", "--json"},
			{name},
			{"model", name},
			{"model", "info", dir},
			{"model", "info", names},
			{"check", dir},
			{"check", names},
			{"classify", "--classes", names, names},
			{"classify", "--classes", image, names},
			{"classify", "--run", dir, names},
			{"localize", "--run", names, names},
			{"extract", "--out", pictures, names},
			{"features", "info", dir},
			{"features", "export", dir, "--out", dir},
			{"train", "recognition", "--features", dir, "--data", names, "--out", pictures},
			{"train", "recognition", "--" + name},
			{"eval", "localization", "--results", names, "--data", names},
			{"library", "info", "--library", dir},
			{"search", "--library", dir, name},
			{"synth", "motions", "--out", pictures, "--only", name},
			{"synth", "pictures", "--out", pictures, "--total", "1", "--width", "32", "--height", "32"},
		} {
			r := clipcue(t, args...)
			checkSafe(t, r.stdout)
			checkSafe(t, r.stderr)
		}
	}
}

// A path that is not UTF-8 comes back from JSON, wherever it is in the result.
func TestPathsInJSON(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	video, err := os.ReadFile(filepath.Join(w.videos, "growing", "000.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	var frame bytes.Buffer
	if err := png.Encode(&frame, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	names := write(t, dir, "names.txt", "growing\nshrinking\n")
	for _, name := range []string{"gr\xf6\xdfe", `a\xffb`, "\x80", "größe"} {
		path, picture := filepath.Join(dir, name+".mp4"), filepath.Join(dir, name+".png")
		if err := errors.Join(os.WriteFile(path, video, 0o666), os.WriteFile(picture, frame.Bytes(), 0o666)); err != nil {
			t.Skip(err)
		}
		for want, args := range map[string][]string{
			path:    {"classify", "--model", w.model, "--classes", names, path},
			picture: {"embed", "--model", w.model, picture},
		} {
			r := must(t, exitDone, append(args, "-q", "--json")...)
			var v any
			if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(stringsIn(v), func(s string) bool { return text.Unescape(s) == want }) {
				t.Errorf("%s: %q is not in %s", args[0], want, r.stdout)
			}
		}
	}
}

// stringsIn returns all texts of a JSON value.
func stringsIn(v any) (all []string) {
	text.Map(v, func(s string) string { all = append(all, s); return s })
	return all
}

// A pipe, device or folder among the files of a run is an error, not an endless wait.
func TestRunOfSpecialFiles(t *testing.T) {
	w := newWorld(t)
	run := filepath.Join(t.TempDir(), "run")
	must(t, exitDone, w.train(run)...)
	page := filepath.Join(t.TempDir(), "page.html")
	path := filepath.Join(run, "config.json")
	for kind, create := range map[string]func() error{
		"pipe":   func() error { return syscall.Mkfifo(path, 0o666) },
		"device": func() error { return os.Symlink("/dev/zero", path) },
		"folder": func() error { return os.Mkdir(path, 0o777) },
	} {
		if err := errors.Join(os.Rename(path, path+".whole"), create()); err != nil {
			t.Skip(err)
		}
		r := clipcue(t, "eval", "recognition", "-q", "--run", run, "--features", w.features, "--data", w.labels, "--html", page)
		checkError(t, r, exitFailed, "config.json", "not a regular file", kind)
		if err := errors.Join(os.Remove(path), os.Rename(path+".whole", path)); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that is missing because HOME is, is reported once.
func TestNoHome(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "CLIPCUE_MODELS"} {
		t.Setenv(name, "")
	}
	for _, args := range [][]string{{"model", "list"}, {"model", "list", "--json"}, {"embed", "--model", "ViT-B/16", "--text", "x"}} {
		r := clipcue(t, args...)
		checkError(t, r, exitFailed, "CLIPCUE_MODELS")
		if n := strings.Count(r.stderr, "CLIPCUE_MODELS"); n != 1 {
			t.Errorf("%v: reported %d times: %s", args, n, r.stderr)
		}
	}
}

func TestMemoryFlag(t *testing.T) {
	for _, size := range []string{"none", "0", "-1", "10", "1e30GB", "NaN"} {
		checkError(t, clipcue(t, "version", "--memory="+size), exitUsage, "--memory", "4GB")
	}
	must(t, exitDone, "version", "--memory", "2GiB")
	checkError(t, clipcue(t, "embed", "--memory", "1MB", filepath.Join("..", "..", "docs")), exitFailed)
}
