package markfile

import (
	"errors"
	"fmt"
)

// layer holds the spans of a label that do not overlap, sorted by their start.
type layer struct {
	name string // of no other layer
	rows []Row
}

// layers divides sorted rows. Formats with tiers allow no overlap within a tier, so a label
// whose spans overlap gets several.
func layers(rows []Row) (out []*layer) {
	byLabel := map[string][]*layer{}
	names := map[string]bool{}
	for _, r := range rows {
		names[r.Label] = true
	}
rows:
	for _, r := range rows {
		for _, l := range byLabel[r.Label] {
			if l.rows[len(l.rows)-1].End <= r.Start {
				l.rows = append(l.rows, r)
				continue rows
			}
		}
		l := &layer{name: r.Label, rows: []Row{r}}
		if len(byLabel[r.Label]) > 0 {
			l.name = unused(names, r.Label)
		}
		byLabel[r.Label], out = append(byLabel[r.Label], l), append(out, l)
	}
	return out
}

// unused returns a name with a number that is not among the names, and adds it.
func unused(names map[string]bool, name string) string {
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s (%d)", name, i); !names[n] {
			names[n] = true
			return n
		}
	}
}

// maxRows is the largest number of spans in a file of a format whose spans are far smaller
// than a Row. The size of a file limits the others.
const maxRows = 1_000_000

var errRows = errors.New("it has more than a million spans")
