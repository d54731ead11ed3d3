package main

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/client"
	"github.com/clipcue/clipcue/internal/server/jobs"
)

// killable starts a server in a process of its own.
func killable(t *testing.T, args ...string) (*exec.Cmd, *client.Client) {
	t.Helper()
	p := program(context.WithoutCancel(t.Context()), t, append([]string{"serve", "-q", "--address", "127.0.0.1:0", "--tokens", filepath.Join(t.TempDir(), "none.json")}, args...)...)
	p.Env = append(p.Env, "XDG_CACHE_HOME="+t.TempDir())
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if !ok {
		t.Fatal(line, err)
	}
	c, err := client.New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// Whenever a server is killed, it has every mark that it has confirmed, and the next server
// completes the jobs.
func TestServeKilled(t *testing.T) {
	_, lib := newLibrary(t)
	more := filepath.Join(newWorld(t).videos, "growing")
	args := []string{"--library", lib, "--allow", more}
	p, c := killable(t, args...)
	l, err := c.CreateLabel(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := c.Videos(t.Context(), "", 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = p.Process.Kill() })
	confirmed := 0
	for ; err == nil; confirmed++ {
		start := 0.1 * float64(confirmed/len(list))
		m := client.NewMark{Video: list[confirmed%len(list)].Video, Start: start, End: start + 0.05, Positive: true}
		_, err = c.Mark(t.Context(), l.Label, []client.NewMark{m}, false)
	}
	confirmed-- // the last one failed
	var job client.Job
	for n := range jobs.MaxAttempts {
		p, c = killable(t, args...)
		if n == 0 {
			if job, err = c.AddJob(t.Context(), client.NewJob{Kind: "index", Folders: []string{more}}); err != nil {
				t.Fatal(err)
			}
		}
		if n < jobs.MaxAttempts-1 {
			time.Sleep(time.Duration(n+1) * 300 * time.Millisecond)
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}
	if job, err = c.Wait(t.Context(), job.ID); err != nil || job.State != "done" {
		t.Fatalf("%+v %v", job, err)
	}
	labels, err := c.Labels(t.Context())
	if err != nil || len(labels) != 1 || labels[0].Positives < confirmed || labels[0].Positives > confirmed+1 || confirmed == 0 {
		t.Errorf("%d marks were confirmed: %+v, %v", confirmed, labels, err)
	}
	must(t, exitDone, "library", "check", "--library", lib)
}
