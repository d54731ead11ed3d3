package terminal

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/progress"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar shows how far one stage is. It is safe for concurrent use.
type bar struct {
	p          *Progress
	name, unit string
	total      int64 // 0: unknown
	started    time.Time
	hide       func() // ends the bar on the screen; nil without a screen

	mu      sync.Mutex
	current int64
	under   float64 // finished parts of units under way
	message string
	over    bool
	logged  time.Time // the last log line
	// The rate counts from the first report: what was done before belongs to an earlier
	// run, and the time before is start-up.
	base      float64
	baseTime  time.Time
	hasReport bool
}

// update shows the state of a stage. A finished stage ends the bar.
func (b *bar) update(u progress.Update) {
	if u.Finished {
		b.mu.Lock()
		b.set(u)
		b.mu.Unlock()
		b.done()
		return
	}
	b.report(u)
}

func (b *bar) set(u progress.Update) {
	b.current, b.under = u.Done, u.Underway
	// A line break or a control character would break the layout of the bars.
	b.message = text.Quote(strings.Join(strings.Fields(u.Note), " "))
}

// done ends the bar.
func (b *bar) done() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	if b.hide != nil {
		b.hide() // draws once more, which needs the lock
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	end := "finished"
	if b.current < b.total {
		end = "stopped"
	}
	elapsed := slog.String("elapsed", b.p.now().Sub(b.started).Round(time.Second).String())
	b.p.logger.Info(b.name+" "+end, append(b.attributes(), elapsed)...)
}

func (b *bar) report(u progress.Update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(u)
	now := b.p.now()
	if !b.hasReport {
		b.hasReport, b.base, b.baseTime = true, b.sofar(), now
	}
	if b.hide == nil && now.Sub(b.logged) >= interval {
		b.logged = now
		attributes := b.attributes()
		if left := b.left(now); left != "" {
			attributes = append(attributes, slog.String("left", left))
		}
		b.p.logger.Info(b.name, attributes...)
	}
}

// attributes returns the numbers of a log line.
func (b *bar) attributes() []any {
	a := []any{slog.Int64("done", b.current)}
	if b.total > 0 {
		a = append(a, slog.Int64("total", b.total))
	}
	a = append(a, slog.String("unit", b.unit))
	if rate := b.rate(b.p.now()); rate > 0 {
		a = append(a, slog.Float64("per_second", math.Round(rate*1000)/1000))
	}
	if b.message != "" {
		a = append(a, slog.String("message", b.message))
	}
	return a
}

// sofar returns the number of finished units, with parts of those under way.
func (b *bar) sofar() float64 { return float64(b.current) + b.under }

// rate returns the units per second, or 0 if that is not known yet.
func (b *bar) rate(now time.Time) float64 {
	seconds := now.Sub(b.baseTime).Seconds()
	if !b.hasReport || seconds <= 0 || b.sofar() <= b.base {
		return 0
	}
	return (b.sofar() - b.base) / seconds
}

// left returns the remaining time, or "" if it is not known.
func (b *bar) left(now time.Time) string {
	rate := b.rate(now)
	if rate == 0 || b.sofar() >= float64(b.total) {
		return ""
	}
	seconds := (float64(b.total) - b.sofar()) / rate
	if seconds > 1000*3600 {
		return ">1000h"
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// filler returns what draws the bar. It reads the state when the screen is drawn, as
// numbers does, so that a report costs next to nothing.
func (b *bar) filler() mpb.BarFiller {
	if b.total == 0 {
		return mpb.NopStyle().Build()
	}
	style := mpb.BarStyle().Build()
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		b.mu.Lock()
		s.Current = min(b.current, b.total)
		b.mu.Unlock()
		s.Completed = s.Current == b.total
		return style.Fill(w, s)
	})
}

// numbers returns the text after the bar.
func (b *bar) numbers() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.p.now()
	var parts []string
	count := b.amount(float64(b.current))
	if b.total > 0 {
		count += "/" + b.amount(float64(b.total))
	}
	if b.unit != "bytes" {
		count += " " + b.unit
	}
	parts = append(parts, count)
	if rate := b.rate(now); rate > 0 {
		parts = append(parts, b.amount(rate)+"/s")
	}
	if b.over {
		parts = append(parts, "in "+now.Sub(b.started).Round(time.Second).String())
	} else if left := b.left(now); left != "" {
		parts = append(parts, left+" left")
	}
	if b.message != "" {
		parts = append(parts, b.message)
	}
	return strings.Join(parts, ", ")
}

// amount formats a number of units, or a rate.
func (b *bar) amount(n float64) string {
	switch {
	case b.unit == "bytes":
		return fmt.Sprintf("% .1f", decor.SizeB1024(n))
	case n == math.Trunc(n) || n >= 100:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}
