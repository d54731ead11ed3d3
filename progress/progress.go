// Package progress is how long operations report how far they are.
//
// An operation takes a [Func], which may be nil. A Func is called with the state of
// one stage of the work whenever that changes:
//
//	report := func(u progress.Update) { fmt.Printf("%s: %d of %d %s\n", u.Stage, u.Done, u.Total, u.Unit) }
//	feature.Extract(ctx, backbone, videos, store, feature.Options{Progress: report})
package progress

import (
	"sync"
	"sync/atomic"
)

// Func receives updates. Updates of one stage arrive one after the other; those of
// different stages may arrive at the same time. A Func must return quickly: the work
// waits for it.
type Func func(Update)

// Update is the state of a stage.
type Update struct {
	ID    int64  // unique per stage, since two stages may have the same name
	Stage string // such as "extract"
	Done  int64  // completed units
	Total int64  // of all units; 0 if unknown
	Unit  string // such as "videos" or "bytes"
	// Underway is the completed share of the units that have been started: 0.5 for
	// one that is half done.
	Underway float64
	Note     string // such as "loss 1.23"
	Finished bool   // no more updates of this stage follow
}

// Stage reports one stage of an operation. A nil Stage does nothing. It is safe for
// concurrent use.
type Stage struct {
	report Func
	mu     sync.Mutex
	state  Update
}

var stages atomic.Int64

// Start begins a stage of total units; 0 means an unknown number. Every stage must be
// finished with [Stage.Finish]. A nil Func returns a nil Stage.
func (f Func) Start(stage string, total int64, unit string) *Stage {
	if f == nil {
		return nil
	}
	s := &Stage{report: f, state: Update{ID: stages.Add(1), Stage: stage, Total: max(total, 0), Unit: unit}}
	s.report(s.state)
	return s
}

// Add reports n more completed units.
func (s *Stage) Add(n int64) { s.change(func(u *Update) { u.Done += n }) }

// Set reports n completed units in all. The first Set is where a resumed operation
// starts.
func (s *Stage) Set(n int64) { s.change(func(u *Update) { u.Done = n }) }

// Underway sets the completed share of the units that have been started. It is
// reported with the next Add, Set or Finish, so that no update counts a unit twice.
func (s *Stage) Underway(units float64) { s.set(func(u *Update) { u.Underway = units }) }

// Note sets a short text to show next to the numbers. It is reported with the next Add,
// Set or Finish.
func (s *Stage) Note(text string) { s.set(func(u *Update) { u.Note = text }) }

// Finish ends the stage. Later calls do nothing.
func (s *Stage) Finish() { s.change(func(u *Update) { u.Finished = true }) }

func (s *Stage) set(f func(*Update)) {
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		f(&s.state)
	}
}

// change changes the state and reports it.
func (s *Stage) change(f func(*Update)) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Finished {
		return
	}
	f(&s.state)
	s.report(s.state)
}
