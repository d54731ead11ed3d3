package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/fleet"
)

// startFleet starts `fleet serve` in a process of its own and returns the broker's address.
func startFleet(t *testing.T, args ...string) string {
	t.Helper()
	c := program(context.Background(), t, append([]string{"fleet", "serve", "-q", "--listen", "127.0.0.1:0"}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT)
		if err := c.Wait(); err != nil {
			t.Errorf("fleet serve: %v", err)
		}
	})
	words := strings.Fields(line)
	return words[len(words)-1]
}

// A fleet makes the features of extract, and reports its state.
func TestFleetCommands(t *testing.T) {
	w := newWorld(t)
	store := filepath.Join(t.TempDir(), "store")
	address := startFleet(t, "--model", w.model, "--out", store)
	must(t, exitDone, "fleet", "submit", "-q", "--broker", address, w.videos)
	must(t, exitDone, "fleet", "work", "-q", "--broker", address, "--model", w.model, "--until-idle", "1s", "--temp", t.TempDir())
	s := decode[fleet.Status](t, must(t, exitDone, "fleet", "status", "--broker", address, "--json"))
	if s.Finished != 32 || s.Waiting != 0 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	if r := must(t, exitDone, "fleet", "status", "--broker", address, "--prometheus"); !strings.Contains(r.stdout, "clipcue_fleet_videos_finished 32") {
		t.Error(r.stdout)
	}
	want, err := filepath.Glob(filepath.Join(w.features, "*", "*.safetensors"))
	if err != nil || len(want) != 32 {
		t.Fatalf("%d files, %v", len(want), err)
	}
	for _, path := range want {
		a, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(w.features, path)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(store, rel)); err != nil || string(a) != string(b) {
			t.Errorf("%s differs, %v", rel, err)
		}
	}
	r := must(t, exitFailed, "fleet", "work", "-q", "--broker", address, "--model", backbone(t, t.TempDir(), 9))
	if !strings.Contains(r.stderr, "this worker has backbone") || !strings.Contains(r.stderr, "try: ") {
		t.Error(r.stderr)
	}
}

// A fleet makes the library of index.
func TestIndexFleet(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	address := startFleet(t, "--model", w.model, "--fps", "2", "--out", filepath.Join(dir, "store"))
	worker := program(t.Context(), t, "fleet", "work", "-q", "--broker", address, "--model", w.model, "--temp", t.TempDir())
	worker.Cancel = func() error { return worker.Process.Signal(syscall.SIGINT) }
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Wait() })
	must(t, exitFailed, "index", "-q", "--library", filepath.Join(dir, "other"), "--fleet", address, "--model", w.model, "--fps", "1", w.videos)
	one, many := filepath.Join(dir, "one"), filepath.Join(dir, "many")
	must(t, exitDone, "index", "-q", "--library", one, "--model", w.model, w.videos)
	must(t, exitDone, "index", "-q", "--library", many, "--fleet", address, "--model", w.model, w.videos)
	search := func(lib string) (lines []string) {
		found := decode[struct {
			Results []struct {
				Video             string
				Start, End, Score float64
			}
		}](t, must(t, exitDone, "search", "-q", "--library", lib, "--json", "--top", "1000", "a red circle"))
		for _, r := range found.Results {
			lines = append(lines, fmt.Sprint(r))
		}
		slices.Sort(lines)
		return lines
	}
	if a, b := search(one), search(many); len(a) < 32 || !slices.Equal(a, b) {
		t.Errorf("one machine found %q, a fleet %q", a, b)
	}
	s := decode[fleet.Status](t, must(t, exitDone, "fleet", "status", "--broker", address, "--json"))
	if s.Finished != 32 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	if again := must(t, exitDone, "index", "-q", "--library", many, "--fleet", address, w.videos); !strings.Contains(again.stdout, "32") {
		t.Error(again.stdout)
	}
}

// Invalid use of a fleet is one clear error.
func TestFleetErrors(t *testing.T) {
	for _, c := range []struct {
		args       []string
		code       int
		says, tips string
	}{
		{[]string{"status", "--broker", "nats://127.0.0.1:1"}, exitFailed, "cannot reach the broker at nats://127.0.0.1:1", "--broker"},
		{[]string{"submit"}, exitUsage, "no videos given", ""},
		{[]string{"status", "--creds", "no.creds", "--broker", "nats://127.0.0.1:1"}, exitFailed, "no.creds", ""},
		{[]string{"serve", "--out", t.TempDir(), "--tls-cert", "a.pem"}, exitUsage, "together", ""},
		{[]string{"serve", "--out", t.TempDir(), "--span", "5s"}, exitUsage, "--span must be at least 1m0s", ""},
	} {
		r := must(t, c.code, append([]string{"fleet"}, c.args...)...)
		if !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, c.tips) {
			t.Errorf("%q: %s", c.args, r.stderr)
		}
	}
}
