package fleet

import (
	"context"
	"math/rand/v2"
	"time"
)

// sleep waits, and reports whether ctx is still not done.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// jitter returns a random duration from half of d to d, so that machines that failed at
// the same time do not try again at the same time.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// attempts is the number of attempts of an operation on a bucket.
const attempts = 6

// retry calls do until it succeeds, fails with an error that final accepts, or has failed
// in all attempts. It returns the last error.
func retry(ctx context.Context, final func(error) bool, do func() error) error {
	wait := 200 * time.Millisecond
	for i := 1; ; i++ {
		err := do()
		if err == nil || final(err) || i == attempts || !sleep(ctx, jitter(wait)) {
			return err
		}
		wait *= 2
	}
}
