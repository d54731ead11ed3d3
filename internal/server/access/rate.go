package access

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// TooManyError reports too many attempts from one address.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many attempts; wait %v", max(time.Second, e.Wait.Round(time.Second)))
}

// attempts limits attempts per address: a few at once, then one every some seconds.
type attempts struct {
	every time.Duration
	burst int

	mu sync.Mutex
	by map[string]*rate.Limiter
}

// maxAddresses bounds the memory of attempts.
const maxAddresses = 10_000

// wait counts an attempt. It returns 0, or how long the address has to wait.
func (a *attempts) wait(address string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, key := time.Now(), network(address)
	l := a.by[key]
	if l == nil {
		if len(a.by) >= maxAddresses {
			a.forget(now)
		}
		l = rate.NewLimiter(rate.Every(a.every), a.burst)
		a.by[key] = l
	}
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// forget removes the addresses that may attempt as much as new ones. If there are none,
// all addresses start again.
func (a *attempts) forget(now time.Time) {
	for key, l := range a.by {
		if l.TokensAt(now) >= float64(a.burst) {
			delete(a.by, key)
		}
	}
	if len(a.by) >= maxAddresses {
		clear(a.by)
	}
}

// network returns the part of an address that one user controls: of IPv6, 64 bits.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, _ := a.Prefix(64)
	return p.String()
}
