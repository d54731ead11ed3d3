// Package terminal shows the progress of long operations: bars with rate and remaining
// time on a terminal, a log line every few seconds elsewhere.
//
// Everything that is written to standard error while bars are shown goes through one
// [Writer]. [Progress.Func] connects the bars to package progress.
package terminal

import (
	"io"
	"log/slog"
	"time"

	"github.com/clipcue/clipcue/internal/text"
)

// interval is the time between two log lines of one bar.
const interval = 10 * time.Second

// Progress starts bars. It is safe for concurrent use.
type Progress struct {
	w      *Writer
	logger *slog.Logger
	now    func() time.Time
}

// New returns a Progress that draws bars on w if w is a terminal or a [Writer] to one,
// and otherwise logs to logger; nil logs nothing.
func New(w io.Writer, logger *slog.Logger) *Progress {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	writer, ok := w.(*Writer)
	if !ok {
		writer = NewWriter(w)
	}
	return &Progress{w: writer, logger: logger, now: time.Now}
}

// start starts a bar of total units; 0 means an unknown number. "bytes" are shown in KiB,
// MiB and so on.
func (p *Progress) start(name string, total int64, unit string) *bar {
	b := &bar{p: p, name: text.Quote(name), total: max(total, 0), unit: unit, started: p.now()}
	b.logged = b.started
	if p.w.terminal {
		b.hide = p.w.show(b)
	}
	return b
}

// Close ends bars that never finished, as after an error.
func (p *Progress) Close() {
	if p != nil {
		p.w.close()
	}
}
