package fleet

import (
	"context"
	"fmt"
	"os"

	"github.com/clipcue/clipcue/feature"
)

// receipt is the answer to a list of units.
type receipt struct {
	Accepted int      `json:"accepted"`
	Present  int      `json:"present"` // in the store
	Known    int      `json:"known"`   // waiting or being processed
	Unhashed []int    `json:"unhashed"`
	Refused  []string `json:"refused"` // one line each
}

// submit adds units that the store lacks to the ledger. Units whose content must be known to
// decide are returned as unhashed: the submitter hashes them and submits them again.
func (c *Coordinator) submit(ctx context.Context, units []Unit) (any, error) {
	var out receipt
	var wanted []Unit
	c.submitting.Lock() // two submitters may have the same videos
	defer c.submitting.Unlock()
	for i, u := range units {
		s, err := c.compare(ctx, u)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case err != nil:
			out.Refused = append(out.Refused, fmt.Sprintf("%s: %v", u.Source, err))
		case s == present:
			out.Present++
		case s == known:
			out.Known++
		case u.content() == "":
			out.Unhashed = append(out.Unhashed, i)
		default:
			wanted = append(wanted, u)
		}
	}
	out.Accepted = len(wanted)
	if err := c.ledger.put(ctx, c.o.Recipe, wanted, waiting); err != nil {
		return nil, err
	}
	if len(wanted) > 0 {
		c.fill()
	}
	return out, nil
}

// standing says what the coordinator has of a unit.
type standing int

const (
	missing standing = iota
	known            // waiting or queued
	present          // in the store
)

// compare compares a unit with the ledger and the store.
func (c *Coordinator) compare(ctx context.Context, u Unit) (standing, error) {
	if err := c.store.CheckID(u.ID); err != nil {
		return 0, err
	}
	r, found, err := c.ledger.find(ctx, u.ID)
	if err != nil {
		return 0, err
	}
	if found && r.state != failed {
		same := sameVersion(r.unit, u)
		switch {
		case r.unit.Source != u.Source && !same:
			return 0, fmt.Errorf("%w: %s", feature.ErrIDTaken, r.unit.Source)
		case same && r.state == done:
			return present, nil
		case same:
			return known, nil
		}
		return missing, nil
	}
	return c.stored(u)
}

// sameVersion reports whether two units are of the same content, as far as it is known.
func sameVersion(a, b Unit) bool {
	if x, y := a.content(), b.content(); x != "" && y != "" {
		return x == y
	}
	return a.Source == b.Source && a.Size == b.Size && a.Modified.Equal(b.Modified)
}

// stored compares a unit with the store.
func (c *Coordinator) stored(u Unit) (standing, error) {
	p, err := c.o.Store.Provenance(u.ID)
	if err != nil {
		return missing, nil //nolint:nilerr // a file that cannot be read counts as missing
	}
	r := c.o.Recipe
	wanted := p.Stream == r.Stream && (p.Partial == "" || r.AllowPartial)
	switch {
	case wanted && p.Size == u.Size && (p.Modified.Equal(u.Modified) || p.SHA256 == u.SHA256):
		return present, nil
	case p.Source != u.Source && u.content() != "" && exists(p.Source):
		return 0, fmt.Errorf("%w: %s", feature.ErrIDTaken, p.Source)
	}
	return missing, nil
}

// exists reports whether the source of a stored sequence may still exist.
func exists(source string) bool {
	_, err := os.Stat(source)
	return err == nil || isAddress(source)
}
