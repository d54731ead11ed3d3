package vector

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/progress"
)

const scene = 64 // the width of vectors of the graph's tests

func inClusters(_ *rand.Rand, n, width int) []float32 {
	c := newClusters(n, width)
	all := make([]float32, n*width)
	for i := range n {
		c.point(all[i*width:][:width], 3, i)
	}
	return all
}

// graphWorlds are sets of vectors for the graph.
var graphWorlds = map[string]func(rng *rand.Rand, n, width int) []float32{
	"anywhere": worlds["anywhere"],
	"clusters": inClusters,
	"a cluster after the other": func(rng *rand.Rand, n, width int) []float32 {
		all := inClusters(rng, n, width)
		rows := slices.Collect(slices.Chunk(all, width))
		slices.SortFunc(rows, func(a, b []float32) int { return slices.Compare(a, b) })
		return slices.Concat(rows...)
	},
	"forty of each": func(rng *rand.Rand, n, width int) []float32 {
		few := worlds["anywhere"](rng, (n+39)/40, width)
		var all []float32
		for range 40 {
			all = append(all, few...)
		}
		return all[:n*width]
	},
	"one and the same": worlds["one and the same"],
}

// recall returns the share of the k nearest that a search finds. Another vector with the same
// score counts as well.
func recall(t *testing.T, x *embedded, queries []float32, k int) float64 {
	t.Helper()
	found, wanted := 0, 0
	for query := range slices.Chunk(queries, x.width) {
		hits, err := x.Search(t.Context(), query, k)
		if err != nil {
			t.Fatal(err)
		}
		want := brute(x.store, query, k)
		if len(hits) != len(want) || !slices.IsSortedFunc(hits, better) {
			t.Fatalf("%d hits of %d, or not in order", len(hits), len(want))
		}
		for _, h := range hits {
			if _, ok := x.store.rowOf(h.ID); !ok {
				t.Fatalf("id %d is not in the index", h.ID)
			}
			if h.Score >= want[len(want)-1].Score {
				found++
			}
		}
		wanted += len(want)
	}
	return float64(found) / float64(wanted)
}

func addScenes(t *testing.T, x *embedded, first int64, vectors []float32) {
	t.Helper()
	ids := make([]int64, len(vectors)/scene)
	for i := range ids {
		ids[i] = first + int64(i)
	}
	if err := x.Add(t.Context(), ids, vectors); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, x *embedded) {
	t.Helper()
	if err := x.Build(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestGraph(t *testing.T) {
	for name, world := range graphWorlds {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(61, 62))
			const n = 3000
			vectors := world(rng, n, scene)
			queries := slices.Concat(world(rng, 40, scene), vectors[:40*scene])
			dir := t.TempDir()
			x, err := openFolder(dir, scene, Options{Graph: 1000})
			if err != nil {
				t.Fatal(err)
			}
			addScenes(t, x, 0, vectors[:n/2*scene])
			build(t, x)
			addScenes(t, x, n/2, vectors[n/2*scene:])
			// Vectors that were added after the graph was built are found, too.
			if r := recall(t, x, queries, 10); r < 0.98 {
				t.Errorf("recall %v of a graph of half", r)
			}
			build(t, x)
			if r := recall(t, x, queries, 10); r < 0.98 {
				t.Errorf("recall %v", r)
			}
			mustClose(t, x)
			if x, err = openFolder(dir, scene, Options{Graph: 1000, ReadOnly: true}); err != nil || x.graph.rows != n {
				t.Fatalf("the graph is not there: %v", err)
			}
			if r := recall(t, x, queries, 10); r < 0.98 {
				t.Errorf("recall %v when it is opened again", r)
			}
			mustClose(t, x)
			// Deleted vectors are visited, but not returned.
			if x, err = openFolder(dir, scene, Options{Graph: 1000}); err != nil {
				t.Fatal(err)
			}
			var gone []int64
			for id := range int64(n) {
				if id%3 != 0 {
					gone = append(gone, id)
				}
			}
			if err := x.Delete(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			if r := recall(t, x, queries, 10); r < 0.98 {
				t.Errorf("recall %v among the dead", r)
			}
			if err := x.Delete(t.Context(), []int64{0, 3, 6, 9}); err != nil {
				t.Fatal(err)
			}
			if r := recall(t, x, queries, 600); r < 0.98 {
				t.Errorf("recall %v of many", r)
			}
			mustClose(t, x)
		})
	}
}

// The links do not depend on the number of threads.
func TestGraphIsDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	s := storeOf(t, inClusters(nil, 3000, scene), scene)
	defer s.close()
	var first *graph
	for _, threads := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(threads)
		g := &graph{entry: -1}
		if err := g.build(t.Context(), s, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = g
		}
		if g.entry != first.entry || !slices.Equal(g.base, first.base) || !slices.Equal(g.upper, first.upper) {
			t.Fatalf("%d threads: other links", threads)
		}
	}
}

// Each row has different neighbors in each layer, not itself, and none behind a gap. Rows use
// most of their room in layer 0, all but a few rows can be reached there, and a search with
// few candidates finds most of the nearest.
func TestGraphQuality(t *testing.T) {
	const n, queries, k, few = 5000, 100, 10, 32
	s := storeOf(t, inClusters(nil, n, scene), scene)
	defer s.close()
	g, used := graphOf(t, s), 0
	for row := range int32(n) {
		for l := range layer(row) + 1 {
			all := g.neighbors(row, l)
			own := all[:len(all)-count(all, -1)]
			for i, to := range own {
				if to < 0 || to == row || layer(to) < l || slices.Contains(own[:i], to) {
					t.Fatalf("row %d, layer %d: %v", row, l, all)
				}
			}
			if l == 0 {
				used += len(own)
			}
		}
	}
	if mean := float64(used) / n; mean < 23 {
		t.Errorf("%v neighbors in layer 0", mean)
	}
	w := newWalker(s, n)
	w.find([]int32{g.entry})
	for i := 0; i < len(w.rows); i++ {
		w.find(g.neighbors(w.rows[i], 0))
	}
	if len(w.rows) < n*999/1000 {
		t.Errorf("%d of %d rows can be reached", len(w.rows), n)
	}
	found, query, c := 0, make([]float32, scene), newClusters(n, scene)
	for i := range queries {
		c.point(query, 4, i)
		hits, err := s.best(query, g.search(s, query, few), k)
		if err != nil {
			t.Fatal(err)
		}
		worst := brute(s, query, k)[k-1].Score
		for _, h := range hits {
			if h.Score >= worst {
				found++
			}
		}
	}
	if r := float64(found) / (queries * k); r < 0.975 {
		t.Errorf("recall %v with %d candidates", r, few)
	}
}

func count(rows []int32, x int32) (n int) {
	for _, row := range rows {
		if row == x {
			n++
		}
	}
	return n
}

func graphOf(t *testing.T, s *store) *graph {
	t.Helper()
	g := &graph{entry: -1}
	if err := g.build(t.Context(), s, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return g
}

// A graph of an earlier version can be read, and is searched with more candidates, also when
// rows were added to it.
func TestThinGraph(t *testing.T) {
	dir := t.TempDir()
	vectors := inClusters(nil, 1500, scene)
	open := func() *embedded {
		x, err := openFolder(dir, scene, Options{Graph: 100})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := open()
	addScenes(t, x, 0, vectors[:1000*scene])
	build(t, x)
	if n := x.graph.candidates(10); n != 128 {
		t.Errorf("%d candidates", n)
	}
	x.graph.thin = true
	if err := x.graph.write(x.store.dir); err != nil {
		t.Fatal(err)
	}
	mustClose(t, x)
	if b, err := os.ReadFile(filepath.Join(dir, "000001", graphFile)); err != nil || string(b[:8]) != "clipgrf1" {
		t.Fatalf("%q, %v", b[:8], err)
	}
	x = open()
	for range 2 {
		if few, many := x.graph.candidates(10), x.graph.candidates(100); few != 256 || many != 400 {
			t.Errorf("%d and %d candidates", few, many)
		}
		if r := recall(t, x, vectors[:20*scene], 10); r < 0.98 {
			t.Errorf("recall %v", r)
		}
		addScenes(t, x, 1000, vectors[1000*scene:])
		build(t, x)
	}
	mustClose(t, x)
}

// A damaged graph is not used, and is rebuilt.
func TestDamagedGraph(t *testing.T) {
	dir := t.TempDir()
	vectors := inClusters(nil, 1500, scene)
	x, err := openFolder(dir, scene, Options{Graph: 100})
	if err != nil {
		t.Fatal(err)
	}
	addScenes(t, x, 0, vectors)
	build(t, x)
	mustClose(t, x)
	path := filepath.Join(dir, "000001", graphFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 1 + len(whole)/100 {
		damaged := slices.Clone(whole)
		damaged[at] ^= 4
		if at > len(whole)/2 {
			damaged = damaged[:at]
		}
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := readGraph(filepath.Dir(path), 1500)
		if _, ok := errors.AsType[*CorruptError](err); !ok {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	if x, err = openFolder(dir, scene, Options{Graph: 100}); err != nil {
		t.Fatal(err)
	}
	if r := recall(t, x, vectors[:20*scene], 10); r != 1 || x.graph != nil {
		t.Errorf("recall %v without a graph", r)
	}
	if err := x.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("verified: %v", err)
	}
	build(t, x)
	if err := x.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	mustClose(t, x)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("another graph, %v", err)
	}
}

// FuzzGraph reads an arbitrary graph and searches it.
func FuzzGraph(f *testing.F) {
	vectors := worlds["anywhere"](rand.New(rand.NewPCG(71, 72)), 30, narrow)
	dir := f.TempDir()
	x, err := openFolder(dir, narrow, Options{Graph: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { x.Close() })
	ids := make([]int64, 30)
	for i := range ids {
		ids[i] = int64(i)
	}
	if err := errors.Join(x.Add(f.Context(), ids, vectors), x.Build(f.Context(), nil)); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "000001", graphFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 4 { // with a checksum that is right
			b = slices.Clone(b)
			sum := checksum(b[:len(b)-4])
			copy(b[len(b)-4:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
		}
		g := graph{file: mapping{data: b}}
		if err := g.decode(30); err != nil || g.entry < 0 {
			return
		}
		g.search(x.store, vectors[:narrow], 10)
	})
}

// An interrupted build changes nothing, and reports its progress.
func TestInterruptedBuild(t *testing.T) {
	dir := t.TempDir()
	vectors := worlds["anywhere"](rand.New(rand.NewPCG(81, 82)), 3000, scene)
	x, err := openFolder(dir, scene, Options{Graph: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	addScenes(t, x, 0, vectors)
	ctx, cancel := context.WithCancel(t.Context())
	var told []int64
	err = x.Build(ctx, func(u progress.Update) {
		if told = append(told, u.Done); u.Total != 3000 {
			t.Errorf("%d rows in all", u.Total)
		}
		if u.Done > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(told, []int64{0, batch, batch}) || x.graph != nil {
		t.Errorf("%v after %v rows", err, told)
	}
	reader, err := openFolder(dir, scene, Options{Graph: 100, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Build(t.Context(), nil); err == nil {
		t.Error("a reader has built a graph")
	}
	build(t, x)
	if r := recall(t, x, vectors[:20*scene], 10); r < 0.98 || x.graph == nil {
		t.Errorf("recall %v", r)
	}
}
