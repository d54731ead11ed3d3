package terminal

import (
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
	bars := map[int64]*bar{}
	return func(u progress.Update) {
		mu.Lock()
		b, known := bars[u.ID]
		if !known {
			b = p.start(u.Stage, u.Total, u.Unit)
			bars[u.ID] = b
		}
		if u.Finished {
			delete(bars, u.ID)
		}
		mu.Unlock()
		if known {
			b.update(u)
		}
	}
}
