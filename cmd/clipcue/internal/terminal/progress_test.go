package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clipcue/clipcue/progress"
	"github.com/google/go-cmp/cmp"
)

// lines is a slog handler that keeps each record as one line of text.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	s := r.Message
	r.Attrs(func(a slog.Attr) bool {
		s += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, s)
	return nil
}

// clock is a time that stands still until it is told to go on.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) pass(seconds float64) {
	c.t = c.t.Add(time.Duration(seconds * float64(time.Second)))
}

// logged returns a Progress without a terminal, its clock and its log.
func logged() (*Progress, *clock, *lines) {
	log, c := &lines{}, &clock{t: time.Unix(1000, 0)}
	p := New(&bytes.Buffer{}, slog.New(log))
	p.now = c.now
	return p, c, log
}

func TestLog(t *testing.T) {
	p, c, log := logged()
	b := p.Func().Start("extract", 100, "videos")
	c.pass(3) // start-up is not part of the rate
	for i := range 40 {
		b.Add(1)
		b.Note(fmt.Sprintf("video\n %d", i))
		c.pass(0.5)
	}
	b.Finish()
	b.Finish()
	b.Add(1)
	want := []string{
		"extract done=15 total=100 unit=videos per_second=2 message=video 13 left=43s",
		"extract done=35 total=100 unit=videos per_second=2 message=video 33 left=33s",
		"extract stopped done=40 total=100 unit=videos per_second=1.95 message=video 39 elapsed=23s",
	}
	if diff := cmp.Diff(want, log.text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Names of videos cannot change what a terminal shows.
func TestHostileNotes(t *testing.T) {
	for _, name := range []string{"a\x1b[2Jb", "a\u202eb", "a\u200bb", "a\nb", "a\rb", "\u009b2J", "a\xff"} {
		p, _, _ := logged()
		b := p.start(name, 10, "videos")
		b.set(progress.Update{Done: 1, Note: name})
		for _, shown := range []string{b.name, b.numbers()} {
			if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is shown as %q", name, shown)
			}
		}
	}
}

func TestLogOfAResumedRun(t *testing.T) {
	p, c, log := logged()
	b := p.Func().Start("train", 1000, "steps")
	b.Set(900)
	c.pass(10)
	b.Set(910)
	c.pass(90)
	b.Set(1000)
	b.Finish()
	want := []string{
		"train done=910 total=1000 unit=steps per_second=1 left=1m30s",
		"train done=1000 total=1000 unit=steps per_second=1",
		"train finished done=1000 total=1000 unit=steps per_second=1 elapsed=1m40s",
	}
	if diff := cmp.Diff(want, log.text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What is begun counts for the rate and the time left, not as done.
func TestLogOfUnitsUnderWay(t *testing.T) {
	p, c, log := logged()
	b := p.Func().Start("extract", 2, "videos")
	b.Underway(0.25)
	b.Set(0)
	c.pass(10)
	b.Underway(0.75)
	b.Set(0)
	c.pass(10)
	b.Underway(0)
	b.Set(1)
	c.pass(5)
	b.Finish()
	want := []string{
		"extract done=0 total=2 unit=videos per_second=0.05 left=25s",
		"extract done=1 total=2 unit=videos per_second=0.038 left=27s",
		"extract stopped done=1 total=2 unit=videos per_second=0.03 elapsed=25s",
	}
	if diff := cmp.Diff(want, log.text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLogWithoutATotal(t *testing.T) {
	p, c, log := logged()
	b := p.Func().Start("pull", -1, "bytes")
	c.pass(10)
	b.Add(5)
	b.Finish()
	want := []string{"pull done=5 unit=bytes", "pull finished done=5 unit=bytes elapsed=10s"}
	if diff := cmp.Diff(want, log.text); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNilDoesNothing(t *testing.T) {
	var p *Progress
	b := p.Func().Start("x", 1, "things")
	b.Add(1)
	b.Set(1)
	b.Note("m")
	b.Finish()
	p.Close()
	New(&bytes.Buffer{}, nil).Func().Start("x", 1, "things").Finish()
}

func TestNumbers(t *testing.T) {
	p, c, _ := logged()
	tests := []struct {
		total  int64
		unit   string
		perSec []int64
		done   bool
		want   string
	}{
		{total: 500, unit: "videos", want: "0/500 videos"},
		{total: 500, unit: "videos", perSec: []int64{1, 3, 4}, want: "8/500 videos, 3.5/s, 2m21s left"},
		{total: 8, unit: "videos", perSec: []int64{1, 3, 4}, want: "8/8 videos, 3.5/s"},
		{total: 8, unit: "videos", perSec: []int64{1, 3, 4}, done: true, want: "8/8 videos, 3.5/s, in 2s"},
		{unit: "frames", perSec: []int64{100, 1000}, want: "1100 frames, 1000/s"},
		{total: 10 << 20, unit: "bytes", perSec: []int64{1 << 20, 1 << 20}, want: "2.0 MiB/10.0 MiB, 1.0 MiB/s, 8s left"},
		{total: 1 << 62, unit: "steps", perSec: []int64{1, 1}, want: "2/4611686018427387904 steps, 1/s, >1000h left"},
	}
	for _, tt := range tests {
		b, u := p.start("x", tt.total, tt.unit), progress.Update{}
		for i, n := range tt.perSec {
			if i > 0 {
				c.pass(1)
			}
			u.Done += n
			b.update(u)
		}
		if tt.done {
			u.Finished = true
			b.update(u)
		}
		if got := b.numbers(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// screen returns a Progress that takes its buffer for a terminal.
func screen() (*Progress, *bytes.Buffer, *Writer) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.terminal = true
	return New(w, slog.New(slog.NewTextHandler(w, nil))), &out, w
}

func TestBars(t *testing.T) {
	p, out, w := screen()
	logger := slog.New(slog.NewTextHandler(w, nil))
	var work sync.WaitGroup
	for _, name := range []string{"extract", "train"} {
		work.Go(func() {
			b := p.Func().Start(name, 400, "steps")
			defer b.Finish()
			for i := range 400 {
				b.Add(1)
				b.Note("loss 1.23")
				if i%100 == 0 {
					logger.Info("halfway", "bar", name, "i", i)
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
	work.Wait()
	if w.screen != nil || w.active != 0 {
		t.Error("the screen outlived its bars")
	}
	text := out.String()
	for _, want := range []string{"extract [", "train [", "400/400 steps", "loss 1.23", "in 0s"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if strings.Contains(text, "finished") {
		t.Errorf("a bar was logged as well: %q", text)
	}
	// Each log line stands whole on a line of its own, and once.
	for _, name := range []string{"extract", "train"} {
		for i := 0; i < 400; i += 100 {
			line := fmt.Sprintf("msg=halfway bar=%s i=%d\n", name, i)
			before, _, ok := strings.Cut(text, line)
			if !ok || strings.Count(text, line) != 1 {
				t.Errorf("%q is not in %q once", line, text)
				continue
			}
			start := before[strings.LastIndexByte(before, '\n')+1:]
			if i := strings.LastIndex(start, "\x1b[J"); i >= 0 {
				start = start[i+len("\x1b[J"):]
			}
			if !strings.HasPrefix(start, "time=") {
				t.Errorf("%q stands before a log line", start)
			}
		}
	}

	out.Reset()
	logger.Info("after")
	if !strings.HasSuffix(out.String(), "msg=after\n") {
		t.Errorf("without bars a line waits: %q", out.String())
	}
	p.Func().Start("again", 1, "steps").Finish()
	if !strings.Contains(out.String(), "again [") {
		t.Errorf("no second screen: %q", out.String())
	}
}

func TestCloseEndsForgottenBars(t *testing.T) {
	p, out, w := screen()
	b := p.Func().Start("extract", 2, "videos")
	b.Add(1)
	slog.New(slog.NewTextHandler(w, nil)).Error("no such file")
	p.Close()
	b.Finish()
	if text := out.String(); !strings.Contains(text, "no such file") || !strings.Contains(text, "1/2 videos") {
		t.Errorf("lost: %q", text)
	}
	p.Close()
}

// broken is a terminal that has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestTerminalThatGoes(t *testing.T) {
	w := NewWriter(broken{})
	w.terminal = true
	p := New(w, nil)
	b := p.Func().Start("extract", 2, "videos")
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := w.Write([]byte("x\n")); err != nil {
			break // the screen has given up
		}
		time.Sleep(10 * time.Millisecond)
	}
	other := p.Func().Start("train", 2, "steps")
	b.Add(1)
	other.Add(1)
	other.Finish()
	b.Finish()
}

func TestPlainFilesAreNoTerminals(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if NewWriter(f).terminal || NewWriter(&bytes.Buffer{}).terminal {
		t.Error("taken for a terminal")
	}
}

func BenchmarkAdd(b *testing.B) {
	p, _, _ := screen()
	bar := p.Func().Start("train", int64(b.N), "steps")
	for b.Loop() {
		bar.Add(1)
	}
	bar.Finish()
}
