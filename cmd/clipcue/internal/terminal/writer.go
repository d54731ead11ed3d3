package terminal

import (
	"io"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Writer writes to standard error. While bars are on the screen, the lines appear above
// them. Each Write must hold whole lines, as those of log/slog do.
type Writer struct {
	out      io.Writer
	terminal bool // bars can be drawn

	mu     sync.Mutex
	screen *mpb.Progress // nil while no bar runs
	active int           // bars running
}

// NewWriter wraps out, usually os.Stderr.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out}
	if f, ok := out.(*os.File); ok {
		w.terminal = term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	}
	return w
}

// Write is safe for concurrent use.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.screen != nil {
		// The screen fails if drawing has failed; the line is still written.
		if n, err := w.screen.Write(p); err == nil {
			return n, nil
		}
	}
	return w.out.Write(p)
}

// show puts a bar on the screen and returns a function that ends it, or nil if the bar
// cannot be drawn. The screen exists as long as it has bars.
func (w *Writer) show(b *bar) (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.screen == nil {
		w.screen = mpb.New(mpb.WithOutput(w.out), mpb.WithAutoRefresh())
	}
	screen := w.screen
	line, err := screen.Add(b.total, b.filler(),
		mpb.PrependDecorators(decor.Name(b.name)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.numbers() })))
	if err != nil {
		return nil // drawing has failed before; the bar is logged
	}
	w.active++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.screen != screen {
			return // closed in the meantime
		}
		line.Abort(false) // leaves the line as it is
		w.active--
		if w.active == 0 {
			screen.Wait()
			w.screen = nil
		}
	}
}

// close ends all bars and writes the lines above them.
func (w *Writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.screen != nil {
		w.screen.Shutdown()
		w.screen, w.active = nil, 0
	}
}
