package vector

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
)

// graph is a hierarchical navigable small world (Malkov & Yashunin, IEEE TPAMI 2020,
// arXiv 1603.09320) over the first rows of a generation. Every row is in layer 0, and one
// in links of the rows of a layer is in the next. All similarities are those of the levels.
//
// Its links do not depend on the number of threads that build it: rows are inserted in
// parts of batch, as ParlayANN does (Manohar et al., PPoPP 2024). Each row of a part
// searches the graph without the part, and all other rows of the part; then each row that
// was found takes its new neighbors, all at once.
type graph struct {
	rows  int
	entry int32 // a row of the highest layer, -1 if there is none
	// Rows with equal levels, as still images produce, would be each other's only neighbors.
	// One of them is in the graph; it leads to the first of its twins, each twin to the
	// next, and the last to -1.
	twins []int32 // [rows]
	base  []int32 // [rows,2·links]: the neighbors in layer 0, the rest -1
	upper []int32 // [.,links]: those in the layers 1, 2, … of the rows that are in them
	start []int32 // where a row's begin in upper, in units of links
	// thin graphs were begun by earlier versions, whose rows chose half as many neighbors in
	// layer 0. Their searches need twice the candidates for the same recall.
	thin bool

	idle    sync.Pool // of walkers
	file    mapping   // what twins, base and upper are in, if it was read
	release func()    // of its memory, nil if it was built
}

const (
	links    = 16  // M in the paper
	breadth  = 150 // efConstruction in the paper
	together = 4   // rows whose neighbors are visited at a time
	ways     = 16  // entries from layer to layer; the paper's 1 ends in the wrong one of thousands of clusters
	batch    = 1024
	maxLayer = 15
	seed     = 0x636c6970
)

// layer returns the highest layer that a row is in.
func layer(row int32) int {
	// splitmix64 of the row: its leading zeros, four bits at a time (as links is 16),
	// are the layer.
	z := uint64(row)*0x9e3779b97f4a7c15 + seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return min(bits.LeadingZeros64(z^z>>31)/4, maxLayer)
}

// neighbors returns those of a row in a layer, for reading and writing.
func (g *graph) neighbors(row int32, layer int) []int32 {
	if layer == 0 {
		return g.base[int(row)*2*links:][:2*links]
	}
	return g.upper[(int(g.start[row])+layer-1)*links:][:links]
}

// inGraph reports whether walks can find a row: it is not a twin of another, and was not
// deleted before it was inserted.
func (g *graph) inGraph(row int32) bool {
	return g.base[int(row)*2*links] >= 0 || row == g.entry
}

// extend makes room for the rows up to rows.
func (g *graph) extend(rows int) {
	var above int
	g.start, above = starts(rows)
	g.twins = unknown(g.twins, rows)
	g.base = unknown(g.base, rows*2*links)
	g.upper = unknown(g.upper, above*links)
	g.rows = rows
}

// starts returns where the neighbors of each row begin in upper, and where the last end.
func starts(rows int) (start []int32, end int) {
	start = make([]int32, rows)
	for row := range start {
		start[row] = int32(end)
		end += layer(int32(row))
	}
	return start, end
}

// unknown returns a copy of x that has n elements, the new ones -1.
func unknown(x []int32, n int) []int32 {
	longer := make([]int32, n)
	for i := copy(longer, x); i < n; i++ {
		longer[i] = -1
	}
	return longer
}

// free releases the memory of a graph that was read.
func (g *graph) free() {
	g.file.free()
	if g.release != nil {
		g.release()
	}
}

// A place is a row and its similarity in one number: the greater, the nearer. The last bit
// is set when the row's neighbors have been visited.
type place uint64

const seen place = 1

func placeOf(row int32, similarity float32) place {
	b := math.Float32bits(similarity)
	if b>>31 == 0 {
		b |= 1 << 31
	} else {
		b = ^b
	}
	return place(b)<<32 | place(math.MaxInt32-row)<<1
}

func (p place) similarity() float32 {
	b := uint32(p >> 32)
	if b>>31 == 1 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

func (p place) row() int32 { return math.MaxInt32 - int32(uint32(p)>>1) }

// walker searches a graph. It is used by one goroutine at a time.
type walker struct {
	s       *store
	query   compute.Int8Query
	other   compute.Int8Query
	pool    []place  // the rows found, the nearest first
	visited []uint64 // a bit for each row: whether this search found it
	rows    []int32  // the rows that it found
	scored  int      // how many of them were compared with the query
	dots    []int32
	kept    []int32
	entries []int32 // to a layer
	among   []int32 // mates
}

func newWalker(s *store, rows int) *walker {
	return &walker{s: s, visited: make([]uint64, (rows+63)/64)}
}

// begin starts a search that does not find the rows of skip.
func (w *walker) begin(skip ...int32) {
	for _, row := range w.rows {
		w.visited[row/64] = 0
	}
	w.rows, w.pool = w.rows[:0], w.pool[:0]
	w.find(skip)
	w.scored = len(w.rows)
}

// find adds the rows that are new to those that score compares with the query. A negative
// number ends them.
func (w *walker) find(rows []int32) {
	for _, row := range rows {
		if row < 0 {
			break
		}
		if bit := uint64(1) << (row % 64); w.visited[row/64]&bit == 0 {
			w.visited[row/64] |= bit
			w.rows = append(w.rows, row)
		}
	}
}

// score adds the rows that were found since the last call to the pool of at most limit, and
// returns the first position in the pool that changed.
func (w *walker) score(limit int, flag place) (first int) {
	at := w.rows[w.scored:]
	w.scored = len(w.rows)
	w.dots = slices.Grow(w.dots[:0], len(at))[:len(at)]
	w.query.Dots(w.dots, w.s.levelMap.data[:w.s.rows*w.s.stride], at)
	first = len(w.pool)
	for i, row := range at {
		p := placeOf(row, w.s.scales[row]*float32(w.dots[i])) | flag
		if len(w.pool) == limit {
			if p < w.pool[limit-1] {
				continue
			}
			w.pool = w.pool[:limit-1]
		}
		// Usually it belongs near the end.
		n := len(w.pool)
		low, high := 0, n
		for low < high {
			if middle := (low + high) / 2; w.pool[middle] > p {
				low = middle + 1
			} else {
				high = middle
			}
		}
		w.pool = append(w.pool, 0)
		copy(w.pool[low+1:], w.pool[low:n])
		w.pool[low] = p
		first = min(first, low)
	}
	return first
}

// visit finds rows and scores them.
func (w *walker) visit(rows []int32, limit int, flag place) {
	w.find(rows)
	w.score(limit, flag)
}

// walk visits the neighbors of the nearest rows, until those of all rows in the pool have
// been visited. Most of its time is waiting for memory: the links and levels of a few rows
// are independent of each other, so the processor loads them at the same time.
func (w *walker) walk(g *graph, layer, limit int) {
	for i := 0; i < len(w.pool); {
		for n := 0; i < len(w.pool) && n < together; i++ {
			if w.pool[i]&seen == 0 {
				w.pool[i] |= seen
				w.find(g.neighbors(w.pool[i].row(), layer))
				n++
			}
		}
		i = min(i, w.score(limit, 0))
	}
}

// descend makes entries those to a layer that it finds from above.
func (w *walker) descend(g *graph, to int) {
	w.entries = append(w.entries[:0], g.entry)
	for l := layer(g.entry); l > to; l-- {
		w.begin()
		w.visit(w.entries, ways, 0)
		w.walk(g, l, ways)
		w.leave()
	}
}

// leave makes the nearest rows in the pool the entries to the layer below.
func (w *walker) leave() {
	w.entries = w.entries[:0]
	for _, p := range w.pool[:min(ways, len(w.pool))] {
		w.entries = append(w.entries, p.row())
	}
}

// near fills the pool with rows near the query.
func (g *graph) near(w *walker, limit int) {
	w.descend(g, 0)
	w.begin()
	w.visit(w.entries, limit, 0)
	w.walk(g, 0, limit)
}

// choose returns up to limit of the places, the nearest first, each nearer to the
// row that they were found for than to any that was chosen before it: the paper's
// algorithm 4. scale is that row's.
func (w *walker) choose(places []place, scale float32, limit int) []int32 {
	w.kept = w.kept[:0]
	for _, p := range places {
		if len(w.kept) == limit {
			break
		}
		row := p.row()
		w.other.Set(w.s.levelRow(int(row)))
		w.dots = slices.Grow(w.dots[:0], len(w.kept))[:len(w.kept)]
		w.other.Dots(w.dots, w.s.levelMap.data[:w.s.rows*w.s.stride], w.kept)
		near := true
		for i, k := range w.kept {
			if w.s.scales[k]*float32(w.dots[i])*w.s.scales[row] >= scale*p.similarity() {
				near = false
				break
			}
		}
		if near {
			w.kept = append(w.kept, row)
		}
	}
	return w.kept
}

// insert finds the neighbors of a row, among the graph's rows and its mates in the part.
func (g *graph) insert(w *walker, row int32, mates []int32) {
	w.query.Set(w.s.levelRow(int(row)))
	top := -1
	if g.entry >= 0 {
		top = layer(g.entry)
		w.descend(g, layer(row))
	}
	for l := layer(row); l >= 0; l-- {
		w.begin(row)
		if l <= top {
			w.visit(w.entries, breadth, 0)
			w.walk(g, l, breadth)
			w.leave()
		}
		w.among = w.among[:0]
		for _, m := range mates {
			if layer(m) >= l {
				w.among = append(w.among, m)
			}
		}
		w.visit(w.among, breadth, seen)
		own := g.neighbors(row, l)
		chosen := w.choose(w.pool, w.s.scales[row], len(own))
		for i := range own {
			own[i] = -1
		}
		copy(own, chosen)
	}
}

// edge is a row that has become a neighbor of to.
type edge struct {
	to    int32
	layer int32
	row   int32
}

// accept adds the rows of edges, which have one to and one layer, to the neighbors of to,
// and keeps the best of all.
func (g *graph) accept(w *walker, edges []edge) {
	to, l := edges[0].to, int(edges[0].layer)
	own := g.neighbors(to, l)
	w.query.Set(w.s.levelRow(int(to)))
	w.begin(to)
	w.find(own)
	for _, e := range edges {
		w.find([]int32{e.row})
	}
	w.score(math.MaxInt, 0)
	if len(w.pool) <= len(own) {
		for i, p := range w.pool {
			own[i] = p.row()
		}
		return
	}
	chosen := w.choose(w.pool, w.s.scales[to], len(own))
	for i := range own {
		own[i] = -1
	}
	copy(own, chosen)
}

// candidates returns the number of candidates that a search for the k nearest keeps.
func (g *graph) candidates(k int) int {
	if g.thin {
		return max(256, 4*k)
	}
	return max(128, 4*k)
}

// search returns the living rows near a query that a walk of this limit finds.
func (g *graph) search(s *store, query []float32, limit int) []bound {
	w, _ := g.idle.Get().(*walker)
	if w == nil {
		w = newWalker(s, g.rows)
	}
	step, m := roundQuery(&w.query, query)
	g.near(w, limit)
	found := make([]bound, 0, len(w.pool))
	for _, p := range w.pool {
		for row := p.row(); row >= 0; row = g.twins[row] {
			if s.alive(row) {
				found = append(found, bound{row, step*p.similarity() + m.of(s.rests[row])})
			}
		}
	}
	g.idle.Put(w)
	return found
}

// builder adds rows to a graph. It reuses what it allocates for a part: the next collection of
// garbage may come only when it has as much as the graph.
type builder struct {
	g       *graph
	s       *store
	workers []*walker
	same    map[uint32]int32 // a row of the graph by the checksum of its levels
	new     []edge
	groups  [][]edge
}

// build adds the rows of a store that the graph lacks and that are alive. report is called
// with the number of rows that are done.
func (g *graph) build(ctx context.Context, s *store, report func(rows int)) error {
	first := g.rows
	if err := s.guarded(func() error { g.extend(s.rows); return nil }); err != nil {
		return err
	}
	b := builder{g: g, s: s, workers: make([]*walker, runtime.GOMAXPROCS(0)), same: map[uint32]int32{}}
	for i := range b.workers {
		b.workers[i] = newWalker(s, s.rows)
	}
	for row := range int32(first) {
		if g.inGraph(row) {
			b.same[s.levelSums[row]] = row
		}
	}
	for ; first < s.rows; first += batch {
		part := b.part(int32(first), int32(min(first+batch, s.rows)))
		if err := b.share(ctx, len(part), func(w *walker, i int) { g.insert(w, part[i], part) }); err != nil {
			return err
		}
		groups := b.edges(part)
		if err := b.share(ctx, len(groups), func(w *walker, i int) { g.accept(w, groups[i]) }); err != nil {
			return err
		}
		for _, row := range part {
			if g.entry < 0 || layer(row) > layer(g.entry) {
				g.entry = row
			}
		}
		report(min(first+batch, s.rows))
	}
	return nil
}

// share makes the workers do n things, each once.
func (b *builder) share(ctx context.Context, n int, do func(w *walker, i int)) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range b.workers {
		group.Go(func() error {
			defer crash.Recover()
			return b.s.guarded(func() error {
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= n {
						return nil
					}
					do(w, i)
				}
				return ctx.Err()
			})
		})
	}
	return group.Wait()
}

// part returns the living rows from first to last-1 that are to be inserted. Rows with the
// levels of one in the graph become its twins instead.
func (b *builder) part(first, last int32) (part []int32) {
	for row := first; row < last; row++ {
		if !b.s.alive(row) {
			continue
		}
		sum := b.s.levelSums[row]
		twin, ok := b.same[sum]
		if ok && bytes.Equal(b.s.levelRow(int(twin)), b.s.levelRow(int(row))) {
			b.g.twins[row], b.g.twins[twin] = b.g.twins[twin], row
			continue
		}
		b.same[sum] = row
		part = append(part, row)
	}
	return part
}

// edges returns the edges from the neighbors of inserted rows back to them, grouped by
// neighbor and layer.
func (b *builder) edges(part []int32) [][]edge {
	edges, groups := b.new[:0], b.groups[:0]
	for _, row := range part {
		for l := range layer(row) + 1 {
			for _, to := range b.g.neighbors(row, l) {
				if to >= 0 {
					edges = append(edges, edge{to, int32(l), row})
				}
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.layer, b.layer), cmp.Compare(a.row, b.row))
	})
	for from := 0; from < len(edges); {
		to := from + 1
		for to < len(edges) && edges[to].to == edges[from].to && edges[to].layer == edges[from].layer {
			to++
		}
		groups = append(groups, edges[from:to])
		from = to
	}
	b.new, b.groups = edges, groups
	return groups
}
