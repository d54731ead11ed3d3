package label

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/crash"
)

// Teacher teaches one label: it learns the head, proposes the moments to mark next, and
// estimates the quality.
type Teacher struct {
	p      *problem
	marks  []Mark
	head   *Head
	scores []float32
}

// Teach learns the head of a label from its marks and the embedding [E] of its text, of
// length 1, and scores all moments.
func Teach(m *Moments, text []float32, marks []Mark) (*Teacher, error) {
	return teach(m, text, marks, false, nil)
}

func teach(m *Moments, text []float32, marks []Mark, trained bool, evidence []float32) (*Teacher, error) {
	p, err := newProblem(m, text)
	if err != nil {
		return nil, err
	}
	p.trained, p.evidence = trained, evidence
	t := &Teacher{p: p, marks: marks}
	if t.head, err = p.fit(marks, nil); err != nil {
		return nil, err
	}
	t.scores = p.scores(t.head)
	return t, nil
}

// Head returns the head.
func (t *Teacher) Head() *Head { return t.head }

// Scores returns the score of each moment.
func (t *Teacher) Scores() []float32 { return t.scores }

// A Feed selects moments to mark.
type Feed string

// The feeds. None repeats marked moments, and the moments of a feed do not overlap.
const (
	Likely    Feed = "likely"    // highest scores first
	Uncertain Feed = "uncertain" // closest to the threshold first
	Random    Feed = "random"    // drawn evenly, in an order that the seed determines
)

// Feeds returns the names of the feeds.
func Feeds() []Feed { return []Feed{Likely, Uncertain, Random} }

// Suggest returns at most n moments of a feed that match, or all if match is nil. seed only
// affects the feed [Random].
func (t *Teacher) Suggest(feed Feed, n int, seed uint64, match func(row int) bool) []int {
	key := func(i int) float64 { return -float64(t.scores[i]) }
	switch feed {
	case Uncertain:
		middle := t.head.Threshold
		if math.IsInf(middle, 1) {
			middle = 0
		}
		key = func(i int) float64 { return math.Abs(float64(t.scores[i]) - middle) }
	case Random:
		source := rand.New(rand.NewPCG(seed, 0))
		keys := make([]float64, len(t.scores))
		for i := range keys {
			keys[i] = source.Float64()
		}
		key = func(i int) float64 { return keys[i] }
	}
	// A moment of which half is marked shows nothing new.
	marked := t.p.m.touched(t.marks, 0.5-1e-9)
	var left queue
	for i := range t.scores {
		if !marked[i] && (match == nil || match(i)) {
			left = append(left, ranked{key(i), i})
		}
	}
	heap.Init(&left)
	var out []int
	for len(left) > 0 && len(out) < n {
		i := heap.Pop(&left).(ranked).row
		if !slices.ContainsFunc(out, func(j int) bool { return t.p.m.spans[i].overlap(t.p.m.spans[j]) > 0 }) {
			out = append(out, i)
		}
	}
	return out
}

// ranked is a moment with its place in a feed.
type ranked struct {
	key float64
	row int
}

// queue is a heap of moments, of which only the first few are needed.
type queue []ranked

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	return q[i].key < q[j].key || q[i].key == q[j].key && q[i].row < q[j].row
}
func (q *queue) Push(x any) { *q = append(*q, x.(ranked)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

// Suspect is a mark that the other marks contradict.
type Suspect struct {
	Mark int // its index
	// Margin is how far the score of the mark is on the wrong side of the threshold when the
	// head learns from the other marks alone. It is positive.
	Margin float64
}

// leftOut is the greatest number of parts that marks are divided into to find suspects.
const leftOut = 20

// Suspects returns the marks that the others contradict, the worst first. With more than
// 20 marks, it leaves out a twentieth of them at a time.
func (t *Teacher) Suspects(ctx context.Context) ([]Suspect, error) {
	margins := make([]float64, len(t.marks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for part := range min(leftOut, len(t.marks)) {
		group.Go(func() error {
			defer crash.Recover()
			if err := ctx.Err(); err != nil {
				return err
			}
			var others []Mark
			skip := map[int64]bool{}
			for i, k := range t.marks {
				if i%leftOut == part {
					skip[k.Video] = true
				} else {
					others = append(others, k)
				}
			}
			h, err := t.p.fit(others, skip)
			if err != nil || math.IsInf(h.Threshold, 1) { // nothing to compare them with
				return err
			}
			for i := part; i < len(t.marks); i += leftOut {
				margins[i] = h.Threshold - t.p.markScore(h, t.marks[i])
				if !t.marks[i].Positive {
					margins[i] = -margins[i]
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []Suspect
	for i, m := range margins {
		if m > 0 {
			out = append(out, Suspect{i, m})
		}
	}
	slices.SortFunc(out, func(a, b Suspect) int { return cmp.Or(cmp.Compare(b.Margin, a.Margin), a.Mark-b.Mark) })
	return out, nil
}

// markScore returns the mean score of the moments of a mark.
func (p *problem) markScore(h *Head, k Mark) float64 {
	var sum float64
	score, rows := p.scoring(h), spread(p.m.showing(k), perMark)
	for _, i := range rows {
		sum += score(i)
	}
	return sum / float64(max(1, len(rows)))
}
