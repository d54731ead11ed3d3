package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func open(t *testing.T, dir string, kinds map[string]Kind) *Manager {
	t.Helper()
	m, err := Open(context.WithoutCancel(t.Context()), dir, kinds, NewHub(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func enqueue(t *testing.T, m *Manager, kind string, params any) Job {
	t.Helper()
	j, err := m.Add(kind, "title", params)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// wait waits until a job has a state.
func wait(t *testing.T, m *Manager, id string, want State) Job {
	t.Helper()
	var j Job
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var err error
		if j, err = m.Get(id); err != nil {
			t.Fatal(err)
		}
		if j.State == want {
			return j
		}
	}
	t.Fatalf("job %+v is not %s", j, want)
	return j
}

// hang is a kind of job that runs until it is canceled.
func hang(ctx context.Context, _ *Task) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A job reports progress, and leaves a result and a file, which end with it.
func TestJob(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, map[string]Kind{"export": {Run: func(_ context.Context, task *Task) (any, error) {
		stage := task.Progress.Start("write", 4, "videos")
		stage.Add(1)
		stage.Finish()
		err := task.WriteFile("a\u202e.csv", func(w io.Writer) error { _, err := io.WriteString(w, "content"); return err })
		return map[string]string{"params": string(task.Params)}, err
	}}})
	j := wait(t, m, enqueue(t, m, "export", 7).ID, Done)
	if j.Done != 1 || j.Total != 4 || j.Unit != "videos" || string(j.Result) != `{"params":"7"}` || j.File != "/api/v1/jobs/"+j.ID+"/file" || j.Finished.IsZero() {
		t.Errorf("%+v", j)
	}
	w := httptest.NewRecorder()
	m.ServeFile(w, httptest.NewRequest("GET", "/", nil), j.ID)
	if w.Code != 200 || w.Body.String() != "content" || w.Header().Get("Content-Disposition") != "attachment; filename=a_.csv" {
		t.Error(w.Code, w.Header())
	}
	if err := m.Remove(j.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Get(j.ID); !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

// Jobs that write run one after the other; others run next to them. The same job is not
// added twice.
func TestQueue(t *testing.T) {
	m := open(t, t.TempDir(), map[string]Kind{"index": {Writes: true, Run: hang}, "export": {Run: hang}})
	first, second, other := enqueue(t, m, "index", 1), enqueue(t, m, "index", 2), enqueue(t, m, "export", 1)
	wait(t, m, first.ID, Running)
	wait(t, m, other.ID, Running)
	wait(t, m, second.ID, Waiting)
	if again := enqueue(t, m, "index", 2); again.ID != second.ID {
		t.Error("the job was added twice")
	}
	if list := m.List(); len(list) != 3 || list[0].ID != other.ID {
		t.Errorf("%+v", list)
	}
	if err := m.Remove(first.ID); err != nil {
		t.Fatal(err)
	}
	wait(t, m, first.ID, Canceled)
	wait(t, m, second.ID, Running)
	if _, err := m.Add("nothing", "", nil); err == nil {
		t.Error("an unknown kind was added")
	}
}

func TestWaitingIsLimited(t *testing.T) {
	m := open(t, t.TempDir(), map[string]Kind{"index": {Run: hang}})
	for i := range maxWaiting + 1 {
		enqueue(t, m, "index", i)
	}
	if _, err := m.Add("index", "", -1); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

// A failure and a panic are the error of their job, and leave no file.
func TestFailures(t *testing.T) {
	m := open(t, t.TempDir(), map[string]Kind{
		"fail": {Run: func(_ context.Context, task *Task) (any, error) {
			return nil, errors.Join(task.WriteFile("x", func(io.Writer) error { return nil }), errors.New("no\x1b luck"))
		}},
		"panic": {Run: func(context.Context, *Task) (any, error) { panic("oh") }},
	})
	for kind, want := range map[string]string{"fail": `no\x1b luck`, "panic": "internal error: oh"} {
		j := wait(t, m, enqueue(t, m, kind, nil).ID, Failed)
		if !strings.Contains(j.Error, want) || j.File != "" {
			t.Errorf("%+v", j)
		}
		if _, err := os.Stat(filepath.Join(m.dir, j.ID)); err == nil {
			t.Error("the folder is left")
		}
	}
}

// After kill -9, jobs that were running or waiting run again, in their order; one that keeps
// ending the server does not.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	m := open(t, filepath.Join(dir, "0"), map[string]Kind{"index": {Writes: true, Run: hang}})
	first, second := enqueue(t, m, "index", 1), enqueue(t, m, "index", 2)
	wait(t, m, first.ID, Running)
	for n := 1; n < MaxAttempts; n++ {
		m = open(t, killed(t, m, filepath.Join(dir, fmt.Sprint(n))), map[string]Kind{"index": {Writes: true, Run: hang}})
		wait(t, m, first.ID, Running)
	}
	m = open(t, killed(t, m, filepath.Join(dir, "last")), map[string]Kind{"index": {Writes: true, Run: func(context.Context, *Task) (any, error) { return nil, nil }}})
	if j := wait(t, m, first.ID, Failed); !strings.Contains(j.Error, "3 times") {
		t.Errorf("%+v", j)
	}
	wait(t, m, second.ID, Done)
}

// killed copies the files of a manager, as a killed process leaves them.
func killed(t *testing.T, m *Manager, to string) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := os.CopyFS(to, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A server that is stopped interrupts its jobs, which is no failed attempt.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	var runs atomic.Int32
	kinds := map[string]Kind{"index": {Writes: true, Run: func(ctx context.Context, task *Task) (any, error) {
		runs.Add(1)
		return hang(ctx, task)
	}}}
	var id string
	for range MaxAttempts + 2 {
		m := open(t, dir, kinds)
		if id == "" {
			id = enqueue(t, m, "index", nil).ID
		}
		wait(t, m, id, Running)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m := open(t, dir, kinds)
	if _, err := Open(t.Context(), dir, kinds, NewHub(), slog.New(slog.DiscardHandler)); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	wait(t, m, id, Running)
}

// A list that is damaged is an error, and not an empty one.
func TestDamagedList(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, listFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, nil, NewHub(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), listFile) {
		t.Error(err)
	}
}

// Only the newest jobs that have ended are kept.
func TestPrune(t *testing.T) {
	m := open(t, t.TempDir(), map[string]Kind{"a": {Run: func(context.Context, *Task) (any, error) { return nil, nil }}})
	var last Job
	for i := range maxFinished + 5 {
		last = wait(t, m, enqueue(t, m, "a", i).ID, Done)
	}
	if list := m.List(); len(list) != maxFinished || list[0].ID != last.ID {
		t.Error(len(list))
	}
}

// A client gets the jobs that have not ended, then every change.
func TestEvents(t *testing.T) {
	m := open(t, t.TempDir(), map[string]Kind{"index": {Run: hang}})
	j := enqueue(t, m, "index", nil)
	server := httptest.NewServer(m.hub)
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func() (event string, data Job) {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = name
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					t.Fatal(err)
				}
				return event, data
			}
		}
		return "", data
	}
	if event, got := next(); event != "job" || got.ID != j.ID || got.State != Running {
		t.Error(event, got)
	}
	if err := m.Remove(j.ID); err != nil {
		t.Fatal(err)
	}
	if event, got := next(); event != "job" || got.State != Canceled {
		t.Error(event, got)
	}
	m.hub.Close()
	if event, got := next(); event != "" {
		t.Error(event, got)
	}
}

// A client that takes no events is dropped, and the others and the jobs do not wait for it.
func TestSlowClient(t *testing.T) {
	h := NewHub()
	slow, _ := h.subscribe()
	for i := range backlog + 1 {
		h.Publish("library", i)
	}
	n := 0
	for line := range slow { // until it is closed
		if !bytes.HasPrefix(line, []byte("event: library\ndata: ")) {
			t.Errorf("%s", line)
		}
		n++
	}
	if n != backlog || len(h.clients) != 0 {
		t.Error(n)
	}
}
