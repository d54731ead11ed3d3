package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/task/recognition"
)

// eventsOf reads what watch --json wrote.
func eventsOf(t *testing.T, r result) (events []recognition.Event) {
	t.Helper()
	lines := json.NewDecoder(strings.NewReader(r.stdout))
	for lines.More() {
		var e recognition.Event
		if err := lines.Decode(&e); err != nil {
			t.Fatalf("%v in %s", err, r.stdout)
		}
		events = append(events, e)
	}
	return events
}

// checkEvents has events that begin and end in turns, one after the other, within
// seconds.
func checkEvents(t *testing.T, events []recognition.Event, seconds float64) {
	t.Helper()
	if len(events) == 0 || len(events)%2 != 0 {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	for i, e := range events {
		if e.Over != (i%2 == 1) || !slices.Contains(sharedClasses, e.Label) || !(e.Start < e.End) || e.Start < 0 || e.End > seconds {
			t.Errorf("%+v", e)
		}
		if !e.Over && i > 0 && e.Start < events[i-1].End {
			t.Errorf("%+v begins before the end of %+v", e, events[i-1])
		}
		if e.Over && (e.Label != events[i-1].Label || e.Start != events[i-1].Start) {
			t.Errorf("%+v ends as %+v", events[i-1], e)
		}
	}
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, exitDone, w.train(run)...)
	path := filepath.Join(dir, "live.ts")
	c, err := ffmpeg.Command(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=6",
		"-c:v", "libx264", "-g", "25", path)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := []string{"watch", "--model", w.model, "--run", run, "--min-score", "0.01", "--json", "--idle", "300ms"}

	t.Run("a file", func(t *testing.T) {
		r := must(t, exitDone, append(args, "--wait", path)...)
		checkEvents(t, eventsOf(t, r), 8)
		if !strings.Contains(r.stderr, "dropped=0") {
			t.Error(r.stderr)
		}
		text := must(t, exitDone, append(slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--json" }), "--wait", path)...)
		if !strings.Contains(text.stdout, " begins ") || !strings.Contains(text.stdout, " ends ") {
			t.Error(text.stdout)
		}
	})
	t.Run("a server that breaks off", func(t *testing.T) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				rw.Header().Set("Content-Length", "100000000")
				rw.Write(data)
				panic(http.ErrAbortHandler)
			}
			rw.Write(data)
		}))
		server.Config.ErrorLog = nil
		defer server.Close()
		r := must(t, exitDone, append(args, server.URL)...)
		checkEvents(t, eventsOf(t, r), 60)
		if !strings.Contains(r.stderr, "broke off") {
			t.Error(r.stderr)
		}
	})
	t.Run("a file that has not begun", func(t *testing.T) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "new.ts")
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(300 * time.Millisecond)
			_ = os.WriteFile(path, data, 0o666)
		}()
		checkEvents(t, eventsOf(t, must(t, exitDone, append(args, "--wait", "--idle", "3s", path)...)), 8)
	})
	t.Run("what cannot be read while it grows", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "live.ts")
		if err := os.WriteFile(path, []byte(strings.Repeat("no video ", 1000)), 0o666); err != nil {
			t.Fatal(err)
		}
		if r := must(t, exitFailed, append(args, path)...); !strings.Contains(r.stderr, "MPEG-TS") {
			t.Error(r.stderr)
		}
	})
	t.Run("no source", func(t *testing.T) {
		for _, source := range []string{filepath.Join(dir, "gone.ts"), "http://127.0.0.1:1/x"} {
			if r := must(t, exitFailed, append(args, source)...); strings.Count(r.stderr, "clipcue: ") != 1 {
				t.Error(r.stderr)
			}
		}
	})
	t.Run("wrong values", func(t *testing.T) {
		// A folder is no source; a step beyond the window is wrong usage.
		must(t, exitUsage, append(args, "--hop-frames", "1000", path)...)
		must(t, exitUsage, append(args, "--idle", "-1s", path)...)
		must(t, exitFailed, append(args, dir)...)
	})
}
