package main

import (
	"fmt"
	"math"
	"os"
	"slices"
)

// side is a program that was measured.
type side struct {
	ready
	samples []sample // one per round
}

const (
	// tolerance is the largest accepted difference between a peer's result and clipcue's, relative
	// to the largest value.
	tolerance = 1e-3
	// levels is that between the means of prepared frames. Programs differ in the matrix by which
	// they convert YUV to RGB if a file does not name one.
	levels = 5.
)

// compare measures clipcue and its peers in turn, and adds a row for each peer.
func (r *run) compare(c comparison, to *Results) error {
	dir, err := c.input(r)
	if err != nil {
		return err
	}
	programs, err := r.start(c, dir, to)
	defer func() {
		for _, p := range programs {
			p.stop()
		}
	}()
	if err != nil || r.prepare {
		return err
	}
	sides := make([]side, len(programs))
	for round := range r.rounds {
		for i, p := range programs {
			s, err := p.measure(r.seconds)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", c.what, p.name, err)
			}
			say("round %d of %d: %s: %s: %.4g ms, others %.0f %%", round+1, r.rounds, c.what, p.Peer, 1000*s.Seconds, 100*s.others)
			to.Others = max(to.Others, s.others)
			sides[i].ready = p.ready
			sides[i].samples = append(sides[i].samples, s)
		}
	}
	to.compare(c, sides[0], sides[1:])
	return nil
}

// start starts clipcue, and then those peers that can be compared with it. clipcue comes first: it
// writes what the peers compare their results with.
func (r *run) start(c comparison, dir string, to *Results) (programs []*process, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	threads := fmt.Sprint(r.threads)
	ours, err := start(r.ctx, "clipcue", self, "--worker", c.ours, "--threads", threads, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: clipcue: %w", c.what, err)
	}
	programs = append(programs, ours)
	for _, p := range c.peers {
		if p.unlimited != "" && r.cpu != "" {
			to.skip("%s: %s cannot be limited to AVX2", c.what, p.unlimited)
			continue
		}
		say("%s: starting %s", c.what, p.name)
		theirs, err := start(r.ctx, p.name, r.python, script(c.script), p.name, dir, threads)
		if r.ctx.Err() != nil {
			return programs, r.ctx.Err()
		}
		if err == nil {
			if err = agree(ours.ready, theirs.ready); err != nil {
				theirs.stop()
			}
		}
		if err != nil {
			to.skip("%s: %s: %v", c.what, p.name, err)
			continue
		}
		programs = append(programs, theirs)
	}
	return programs, nil
}

// agree returns an error if the result of a peer differs from clipcue's by more than rounding.
func agree(ours, theirs ready) error {
	if !(theirs.Error <= tolerance) {
		return fmt.Errorf("its result differs from clipcue's by %.2g of the largest value", theirs.Error)
	}
	if len(ours.Means) != len(theirs.Means) {
		return fmt.Errorf("it prepares %d frames, clipcue %d", len(theirs.Means), len(ours.Means))
	}
	for i, a := range ours.Means {
		if b := theirs.Means[i]; !(math.Abs(a-b) <= levels) {
			return fmt.Errorf("its frame %d has the mean %.1f, that of clipcue %.1f", i+1, b, a)
		}
	}
	return nil
}

// counts reports whether the result of a peer is good enough for its speed to count for a goal.
func counts(ours, theirs ready) bool {
	return (theirs.Cosine == 0 || theirs.Cosine >= least) && theirs.Recall >= least*ours.Recall
}

// compare adds the rows of a comparison: the fastest peer first. The fastest whose result counts has
// the goal.
func (r *Results) compare(c comparison, ours side, theirs []side) {
	var rows []Row
	for _, t := range theirs {
		row := Row{What: c.what, Unit: c.unit, Clipcue: median(ours.samples), Note: note(ours.ready, ours.samples), Peer: t.Peer,
			Theirs: median(t.samples), PeerNote: note(t.ready, t.samples), Counts: counts(ours.ready, t.ready), Value: ratio(ours.samples, t.samples)}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return int(math.Copysign(1, a.Value.Median-b.Value.Median)) })
	goal := c.goal[r.Backend]
	for i := range rows {
		if rows[i].Counts && goal > 0 {
			rows[i].Goal, goal = fmt.Sprintf("≥ %g", goal), 0
		}
	}
	r.Rows = append(r.Rows, rows...)
}
