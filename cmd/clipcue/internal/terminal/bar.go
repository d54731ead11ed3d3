package terminal

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Bar shows how far one piece of work is. It is safe for concurrent use.
type Bar struct {
	p          *Progress
	name, unit string
	total      int64 // 0: unknown
	started    time.Time
	hide       func() // takes the bar off the screen; nil where there is none

	mu      sync.Mutex
	current int64
	under   float64 // units, of those that are begun
	message string
	over    bool
	logged  time.Time // the last log line
	// The rate counts from the first report on: what stands before is start-up,
	// or work of an earlier run that is being resumed.
	base      float64
	baseTime  time.Time
	hasReport bool
}

// Add reports n more units.
func (b *Bar) Add(n int64) {
	if b != nil {
		b.report(func() { b.current += n })
	}
}

// Set reports n units in all. A first Set is where a resumed run starts.
func (b *Bar) Set(n int64) {
	if b != nil {
		b.report(func() { b.current = n })
	}
}

// Underway tells how much of the units that are begun is done: 1.5 for one that is
// done and one that is half done, neither of which is reported yet. The rate and the
// time left then do not jump from unit to unit.
func (b *Bar) Underway(units float64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.under = units
}

// Message shows a few words behind the bar, such as "loss 1.23".
func (b *Bar) Message(text string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// A line break would tear the screen apart.
	b.message = strings.Join(strings.Fields(text), " ")
}

// Done ends the bar; reports after it are ignored. A second Done does nothing.
func (b *Bar) Done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	first := !b.over
	b.over = true
	b.mu.Unlock()
	if !first {
		return
	}
	if b.hide != nil {
		b.hide() // draws a last time, and so must not hold the lock
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

func (b *Bar) report(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	change()
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

// attributes are the numbers of a log line.
func (b *Bar) attributes() []any {
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

// sofar are the units that are done, with parts of those that are begun.
func (b *Bar) sofar() float64 { return float64(b.current) + b.under }

// rate is in units a second; 0 means that it is not known yet.
func (b *Bar) rate(now time.Time) float64 {
	seconds := now.Sub(b.baseTime).Seconds()
	if !b.hasReport || seconds <= 0 || b.sofar() <= b.base {
		return 0
	}
	return (b.sofar() - b.base) / seconds
}

// left is the time that remains, "" if it cannot be told.
func (b *Bar) left(now time.Time) string {
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

// filler draws the bar itself. The screen asks when it draws, here as for the
// numbers, so that a report costs next to nothing.
func (b *Bar) filler() mpb.BarFiller {
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

// numbers is the text behind the bar.
func (b *Bar) numbers() string {
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

// amount writes a number of units, in a second where it is a rate.
func (b *Bar) amount(n float64) string {
	switch {
	case b.unit == "bytes":
		return fmt.Sprintf("% .1f", decor.SizeB1024(n))
	case n == math.Trunc(n) || n >= 100:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}
