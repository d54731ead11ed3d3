package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/compute"
)

// clustered fills vectors with points of as many clusters as the square root of
// all: a centre and, twice as long, a difference in 24 directions that are the
// cluster's own (as features of scenes differ in few ways) and, a quarter as long,
// in all.
type clusters struct {
	width   int
	centres []float32
}

const inCluster = 24

func newClusters(n, width int) *clusters {
	rng := rand.New(rand.NewPCG(51, 52))
	count := max(1, int(math.Sqrt(float64(n))))
	c := &clusters{width, make([]float32, count*width)}
	for i := range c.centres {
		c.centres[i] = float32(rng.NormFloat64())
	}
	return c
}

// point writes the i-th point of a stream to x.
func (c *clusters) point(x []float32, stream uint64, i int) {
	rng := rand.New(rand.NewPCG(stream, uint64(i)))
	count := len(c.centres) / c.width
	cluster := rng.IntN(count)
	centre := c.centres[cluster*c.width:][:c.width]
	for j := range x {
		x[j] = centre[j] + 0.25*float32(rng.NormFloat64())
	}
	for d := range inCluster {
		// A direction is another centre's, the cluster's place further.
		along := c.centres[(cluster*37+d*11+1)%count*c.width:][:c.width]
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

// vectorsEnv asks for the benchmark on so many vectors of width 512.
const vectorsEnv = "CLIPCUE_VECTORS"

// million is the index of the benchmarks, made once: in the folder that
// CLIPCUE_VECTORS_DIR names, if it does.
func million(b *testing.B) (*Embedded, *clusters) {
	n, err := strconv.Atoi(os.Getenv(vectorsEnv))
	if err != nil {
		b.Skipf("%s is not set to the number of vectors (1000000 take a few minutes)", vectorsEnv)
	}
	const width = 512
	c := newClusters(n, width)
	dir := os.Getenv(vectorsEnv + "_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	x, err := Open(filepath.Join(dir, "index"), width, Options{Graph: n})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	begin := time.Now()
	const many = 20000
	for from, _ := x.Len(); from < n; from += many {
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
	b.Logf("added in %.1f s", time.Since(begin).Seconds())
	begin = time.Now()
	if err := x.Build(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	b.Logf("built in %.1f s", time.Since(begin).Seconds())
	return x, c
}

// BenchmarkSearch measures both searches for the ten nearest: the time of one, the
// share of the true ones that it finds, and the most memory that was resident.
func BenchmarkSearch(b *testing.B) {
	x, c := million(b)
	const queries, k = 200, 10
	vectors := make([]float32, queries*c.width)
	truth := make([]map[int64]bool, queries)
	for i := range queries {
		query := vectors[i*c.width:][:c.width]
		c.point(query, 2, i)
		hits, err := x.store.exact(b.Context(), query, k, 0)
		if err != nil {
			b.Fatal(err)
		}
		truth[i] = map[int64]bool{}
		for _, h := range hits {
			truth[i][h.ID] = true
		}
	}
	run := func(name string, search func(query []float32) ([]Hit, error)) {
		b.Run(name, func(b *testing.B) {
			found, asked := 0, 0
			for b.Loop() {
				i := asked % queries
				asked++
				hits, err := search(vectors[i*c.width:][:c.width])
				if err != nil {
					b.Fatal(err)
				}
				for _, h := range hits {
					if truth[i][h.ID] {
						found++
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/query")
			b.ReportMetric(float64(found)/float64(k*asked), "recall@10")
			b.ReportMetric(peakMiB(), "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
	run("exact", func(query []float32) ([]Hit, error) { return x.store.exact(b.Context(), query, k, 0) })
	for _, limit := range []int{50, 100, 200, 400} {
		run(fmt.Sprintf("graph-%d", limit), func(query []float32) ([]Hit, error) {
			hits, err := x.graph.search(x.store, query, limit)
			best := top[Hit]{limit: k, compare: better}
			for _, h := range hits {
				best.add(h)
			}
			return best.sorted(), err
		})
	}
}

// peakMiB is the most memory that the process has had, where the system tells.
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
