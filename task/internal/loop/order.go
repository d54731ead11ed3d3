package loop

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Order is the order in which a run visits N samples. Every epoch visits all of them in
// another random order; batches continue across epochs. The order depends only on the seed and
// the step.
type Order struct {
	Seed uint64
	N    int

	epoch int
	perm  []int // of that epoch
}

// Batch returns the sample numbers of a step.
func (o *Order) Batch(step, size int) []int {
	out := make([]int, size)
	for i := range out {
		k := step*size + i
		if epoch := k / o.N; epoch != o.epoch || o.perm == nil {
			o.perm, o.epoch = rand.New(rand.NewPCG(o.Seed, uint64(epoch)<<1)).Perm(o.N), epoch
		}
		out[i] = o.perm[k%o.N]
	}
	return out
}

// Rand returns the random stream of a step. Odd streams belong to steps, even ones to
// epochs.
func (o *Order) Rand(step int) *rand.Rand {
	return rand.New(rand.NewPCG(o.Seed, uint64(step)<<1|1))
}

// Few lists the first few names, for an error message.
func Few(names []string) string {
	const few = 8
	if n := len(names); n > few {
		return strings.Join(names[:few], ", ") + fmt.Sprintf(", and %d more", n-few)
	}
	return strings.Join(names, ", ")
}

// KeepResidual draws the windows, of n, that keep the residual in adapter.Forward: each
// loses it with probability drop (stochastic depth). nil means all keep it.
func KeepResidual(n int, drop float64, rng *rand.Rand) []int32 {
	if drop == 0 {
		return nil
	}
	kept := []int32{}
	for i := range n {
		if rng.Float64() >= drop {
			kept = append(kept, int32(i))
		}
	}
	return kept
}
