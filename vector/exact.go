package vector

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
)

// The exact search reads a quarter of the bytes. With x = s·l + r, a vector as levels l
// and the rounding error r, and the query q = t·m + u likewise,
//
//	x·q = s·t·(l·m) + r·q + s·l·u
//
// The scan of the levels computes the first term, exactly except for its last rounding. By
// the Cauchy–Schwarz inequality |r·q| <= |r|·|q|, and
// |s·l·u| <= (|x|+|r|)·|u|. The log has |r| of every row, so that
//
//	|x·q - s·t·(l·m)| <= |r|·(|q|+|u|) + |x|·|u|
//
// bounds each score from both sides. Let L be the k-th greatest of the lower bounds. Then k
// scores are at least L, so a row whose upper bound is below L is not among the k best. The
// scores of the other rows are computed, from the highest upper bound downwards, until the
// k-th best of them is above all remaining bounds. slack covers the rounding of float32 in
// the bounds and in the scores, so that the bounds never separate two scores that are equal
// as float32.
const slack = 2e-6

// bound is a row that may be among the best: its score is at most upper.
type bound struct {
	row   int32
	upper float32
}

// exact returns the k nearest living rows.
func (s *store) exact(ctx context.Context, query []float32, k int) ([]Hit, error) {
	k = min(k, s.living)
	if k == 0 {
		return nil, nil
	}
	candidates, err := s.scan(ctx, query, k, 0)
	if err != nil {
		return nil, err
	}
	return s.best(query, candidates, k)
}

// best returns the k nearest of the candidates. It reads only the vectors that it needs.
func (s *store) best(query []float32, candidates []bound, k int) ([]Hit, error) {
	slices.SortFunc(candidates, func(a, b bound) int { return cmp.Or(cmp.Compare(b.upper, a.upper), cmp.Compare(a.row, b.row)) })
	best := top[Hit]{limit: k, compare: better}
	for _, c := range candidates {
		if worst, full := best.worst(); full && c.upper < worst.Score-slack {
			break
		}
		x, err := s.vector(c.row)
		if err != nil {
			return nil, err
		}
		best.add(Hit{s.ids[c.row], float32(compute.Dot(query, x))})
	}
	return best.sorted(), nil
}

// margin is the largest distance of a score from that of the levels: perRest for each unit
// of the norm of the row's rounding error, plus fixed.
type margin struct{ perRest, fixed float32 }

// roundQuery rounds a query to levels. step is its scale.
func roundQuery(q *compute.Int8Query, query []float32) (step float32, m margin) {
	step, rest := q.Quantize(query)
	length := float32(math.Sqrt(compute.Dot(query, query)))
	return step, margin{length + rest, (1+off)*rest + slack}
}

func (m margin) of(rest float32) float32 { return rest*m.perRest + m.fixed }

// scanned is the number of rows that a goroutine scans at a time.
const scanned = 512

// consecutive are the numbers of these rows.
var consecutive = compute.Consecutive(scanned)

// scan returns the rows of from..rows-1 that may be among the k best of these.
func (s *store) scan(ctx context.Context, query []float32, k, from int) ([]bound, error) {
	var (
		next  atomic.Int64  // first row that no goroutine has claimed
		limit = newRising() // the highest k-th lower bound of all goroutines
		mu    sync.Mutex
		all   []bound
	)
	next.Store(int64(from))
	group, ctx := errgroup.WithContext(ctx)
	parts := max(1, (s.rows-from+scanned-1)/scanned)
	for range min(runtime.GOMAXPROCS(0), parts) {
		group.Go(func() error {
			defer crash.Recover()
			return s.guarded(func() error {
				found, err := s.scanParts(ctx, query, k, &next, limit)
				mu.Lock()
				all = append(all, found...)
				mu.Unlock()
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	lowest := limit.get()
	return slices.DeleteFunc(all, func(b bound) bool { return b.upper < lowest }), nil
}

// scanParts is the part of scan that one goroutine does: it claims rows from next until none
// are left.
func (s *store) scanParts(ctx context.Context, query []float32, k int, next *atomic.Int64, limit *rising) (found []bound, err error) {
	var (
		q      compute.Int8Query
		dots   [scanned]int32
		lower  = top[float32]{limit: k, compare: func(a, b float32) int { return cmp.Compare(b, a) }}
		lowest = limit.get() // rows with an upper bound below it are not among the best
	)
	step, m := roundQuery(&q, query)
	for {
		first := int(next.Add(scanned)) - scanned
		if first >= s.rows {
			return found, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(scanned, s.rows-first)
		q.Dots(dots[:n], s.levelMap.data[first*s.stride:][:n*s.stride], consecutive[:n])
		scales, rests := s.scales[first:][:n], s.rests[first:][:n]
		lowest = max(lowest, limit.get())
		for i, dot := range dots[:n] {
			middle := scales[i] * step * float32(dot)
			margin := m.of(rests[i])
			if middle+margin >= lowest {
				found = append(found, bound{int32(first + i), middle + margin})
			}
			if middle-margin > lowest {
				lower.add(middle - margin)
				if worst, full := lower.worst(); full {
					lowest = max(lowest, worst)
				}
			}
		}
		limit.raise(lowest)
	}
}

// rising is a number that can only increase.
type rising struct{ bits atomic.Uint32 }

func newRising() *rising {
	f := new(rising)
	f.bits.Store(math.Float32bits(float32(math.Inf(-1))))
	return f
}

func (f *rising) get() float32 { return math.Float32frombits(f.bits.Load()) }

func (f *rising) raise(x float32) {
	for {
		bits := f.bits.Load()
		if x <= math.Float32frombits(bits) || f.bits.CompareAndSwap(bits, math.Float32bits(x)) {
			return
		}
	}
}
