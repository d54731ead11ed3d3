package vector

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/compute"
)

// clustered fills vectors with points of clusters, as many as the square root of their number:
// the center, a difference of twice that length in 24 directions of the cluster (features of
// scenes differ in few directions), and noise of a quarter of the length.
type clusters struct {
	width   int
	centers []float32
}

const inCluster = 24

func newClusters(n, width int) *clusters {
	rng := rand.New(rand.NewPCG(51, 52))
	count := max(1, int(math.Sqrt(float64(n))))
	c := &clusters{width, make([]float32, count*width)}
	for i := range c.centers {
		c.centers[i] = float32(rng.NormFloat64())
	}
	return c
}

// point writes point i of a stream to x.
func (c *clusters) point(x []float32, stream uint64, i int) {
	rng := rand.New(rand.NewPCG(stream, uint64(i)))
	count := len(c.centers) / c.width
	cluster := rng.IntN(count)
	center := c.centers[cluster*c.width:][:c.width]
	for j := range x {
		x[j] = center[j] + 0.25*float32(rng.NormFloat64())
	}
	for d := range inCluster {
		// The directions are the centers of other clusters.
		along := c.centers[(cluster*37+d*11+1)%count*c.width:][:c.width]
		by := float32(rng.NormFloat64() * 2 / math.Sqrt(inCluster))
		for j := range x {
			x[j] += by * along[j]
		}
	}
	scale := float32(1 / math.Sqrt(compute.Dot(x, x)))
	for j := range x {
		x[j] *= scale
	}
}

// vectorsEnv has the number of vectors of width 512 for the benchmarks; without it they are
// skipped. With the suffix _DIR, it names a folder in which the index is kept for later runs.
const vectorsEnv = "CLIPCUE_VECTORS"

func million(b *testing.B, graph bool) (*embedded, *clusters) {
	n, err := strconv.Atoi(os.Getenv(vectorsEnv))
	if err != nil {
		b.Skipf("%s is not set to a number of vectors (1000000 take a few minutes)", vectorsEnv)
	}
	const width = 512
	c := newClusters(n, width)
	dir := os.Getenv(vectorsEnv + "_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	o := Options{}
	if graph {
		o.Graph = n
	}
	begin := time.Now()
	x, err := openFolder(filepath.Join(dir, "index"), width, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	b.Logf("opened in %.2f s", time.Since(begin).Seconds())
	begin = time.Now()
	const many = 20000
	for from, _ := x.Len(b.Context()); from < n; from += many {
		m := min(many, n-from)
		ids, vectors := make([]int64, m), make([]float32, m*width)
		var work sync.WaitGroup
		for p := range runtime.GOMAXPROCS(0) {
			work.Go(func() {
				for i := p; i < m; i += runtime.GOMAXPROCS(0) {
					ids[i] = int64(from + i)
					c.point(vectors[i*width:][:width], 1, from+i)
				}
			})
		}
		work.Wait()
		if err := x.Add(b.Context(), ids, vectors); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("made and added in %.1f s", time.Since(begin).Seconds())
	begin = time.Now()
	if err := x.Build(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	b.Logf("graph built in %.1f s", time.Since(begin).Seconds())
	return x, c
}

// BenchmarkExact and BenchmarkGraph search for the ten nearest. They report the time of a
// search, the share of the true ten that it finds, and the peak memory of the process,
// including mapped files.
func BenchmarkExact(b *testing.B) {
	x, c := million(b, false)
	measure(b, "10", c, x.Search, nil)
}

func BenchmarkGraph(b *testing.B) {
	x, c := million(b, true)
	b.Logf("%.0f MiB before the first search", peakMiB())
	exact := func(query []float32) []Hit {
		hits, err := x.store.exact(b.Context(), query, 10)
		if err != nil {
			b.Fatal(err)
		}
		return hits
	}
	measure(b, "10", c, x.Search, exact)
	for _, limit := range []int{64, 256, 512} { // Search takes 128
		measure(b, fmt.Sprintf("10-of-%d", limit), c, func(_ context.Context, query []float32, k int) ([]Hit, error) {
			return x.store.best(query, x.graph.search(x.store, query, limit), k)
		}, exact)
	}
}

// measure times a search, and compares its results with those of exact unless that is nil.
func measure(b *testing.B, name string, c *clusters, search func(context.Context, []float32, int) ([]Hit, error), exact func([]float32) []Hit) {
	const queries, k = 200, 10
	vectors := make([]float32, queries*c.width)
	for i := range queries {
		c.point(vectors[i*c.width:][:c.width], 2, i)
	}
	b.Run(name, func(b *testing.B) {
		answers := make([][]Hit, queries)
		i := 0
		for b.Loop() {
			hits, err := search(b.Context(), vectors[i*c.width:][:c.width], k)
			if err != nil {
				b.Fatal(err)
			}
			answers[i] = hits
			i = (i + 1) % queries
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/query")
		b.ReportMetric(peakMiB(), "peak-MiB")
		b.ReportMetric(0, "ns/op")
		if exact == nil {
			return
		}
		found, wanted := 0, 0
		for i, hits := range answers {
			if hits == nil {
				continue
			}
			for _, h := range exact(vectors[i*c.width:][:c.width]) {
				if slices.Contains(hits, h) {
					found++
				}
				wanted++
			}
		}
		b.ReportMetric(float64(found)/float64(wanted), "recall@10")
	})
}

// peakMiB returns the peak memory of the process, if the system reports it.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			return float64(n) / 1024
		}
	}
	return 0
}
