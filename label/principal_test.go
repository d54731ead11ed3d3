package label

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/clipcue/clipcue/internal/compute"
)

// The directions of wide embeddings are orthonormal and hold as much of the variance as exact
// ones, also if the rows vary in fewer directions.
func TestDominantDirections(t *testing.T) {
	const width, k = 320, 64
	random := rand.New(rand.NewPCG(1, 2))
	for _, rank := range []int{10, width} {
		x := mat.NewDense(600, width, nil)
		for i := range 600 {
			for j := range rank {
				x.Set(i, j, random.NormFloat64()/float64(1+j))
			}
		}
		var covariance mat.SymDense
		covariance.SymOuterK(1, x.T())
		variance := func(rows [][]float32) (sum float64) {
			for _, r := range rows {
				v := mat.NewVecDense(width, nil)
				for j, y := range r {
					v.SetVec(j, float64(y))
				}
				sum += mat.Inner(v, &covariance, v)
			}
			return sum
		}
		var exact [][]float32
		for _, v := range eigenvectors(&covariance, k) {
			exact = append(exact, float32s(v))
		}
		found := principal(x, k)
		if got, want := variance(found), variance(exact); !(got >= 0.9999*want) {
			t.Errorf("rank %d: variance %v of %v", rank, got, want)
		}
		for i, a := range found {
			for j, b := range found[:i+1] {
				want := 0.
				if i == j {
					want = 1
				}
				if math.Abs(compute.Dot(a, b)-want) > 1e-5 {
					t.Fatalf("rank %d: the product of directions %d and %d is %v", rank, i, j, compute.Dot(a, b))
				}
			}
		}
	}
}
