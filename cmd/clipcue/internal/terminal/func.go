package terminal

import (
	"strings"
	"sync"

	"github.com/clipcue/clipcue/progress"
)

// Func returns a function that shows the stages of operations as bars; nil for a nil
// Progress.
func (p *Progress) Func() progress.Func {
	if p == nil {
		return nil
	}
	var mu sync.Mutex
	bars := map[int64]*Bar{}
	return func(u progress.Update) {
		mu.Lock()
		b, known := bars[u.ID]
		if !known {
			b = p.Start(u.Stage, u.Total, u.Unit)
			bars[u.ID] = b
		}
		if u.Finished {
			delete(bars, u.ID)
		}
		mu.Unlock()
		if known {
			b.update(u)
		}
		if u.Finished {
			b.Done()
		}
	}
}

// update shows the state of a stage.
func (b *Bar) update(u progress.Update) {
	if b == nil {
		return
	}
	b.report(func() {
		b.current, b.under = u.Done, u.Underway
		// A line break would break the layout of the bars.
		b.message = strings.Join(strings.Fields(u.Note), " ")
	})
}
