package label

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// principal returns k orthonormal directions in which rows vary most.
func principal(x *mat.Dense, k int) [][]float32 {
	_, width := x.Dims()
	if width >= 4*(k+spare) {
		var product mat.Dense
		product.Mul(x.T(), x) // on all cores, unlike a symmetric product
		return dominant(mat.NewSymDense(width, product.RawMatrix().Data), k)
	}
	covariance := mat.NewSymDense(width, nil)
	covariance.SymOuterK(1, x.T())
	out := make([][]float32, k)
	for i, v := range eigenvectors(covariance, k) {
		out[i] = float32s(v)
	}
	return out
}

// eigenvectors returns the eigenvectors of the k largest eigenvalues.
func eigenvectors(s mat.Symmetric, k int) [][]float64 {
	n := s.SymmetricDim()
	var eigen mat.EigenSym
	eigen.Factorize(s, true) // fails only for what is not finite
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	out := make([][]float64, k)
	for i := range out {
		out[i] = mat.Col(nil, n-1-i, &vectors) // eigenvalues increase
	}
	return out
}

func float32s(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// Subspace iteration finds a few eigenvectors of a large matrix in a fraction of the time of all
// of them. With spare vectors the last ones converge, too.
const spare, rounds = 16, 12

// dominant returns about the eigenvectors of the k largest eigenvalues, by subspace iteration.
func dominant(covariance *mat.SymDense, k int) [][]float32 {
	width := covariance.SymmetricDim()
	ridge := 1e-9 * mat.Trace(covariance) / float64(width) // keeps vectors from vanishing
	random := rand.New(rand.NewPCG(uint64(width), uint64(k)))
	q, next := mat.NewDense(k+spare, width, nil), mat.NewDense(k+spare, width, nil)
	for i := range k + spare {
		for j := range width {
			q.Set(i, j, random.NormFloat64())
		}
	}
	orthonormalize(q)
	for range rounds {
		next.Mul(q, covariance)
		q.Scale(ridge, q)
		q.Add(q, next)
		orthonormalize(q)
	}
	next.Mul(q, covariance)
	var within mat.Dense
	within.Mul(next, q.T())
	out := make([][]float32, k)
	for i, v := range eigenvectors(mat.NewSymDense(k+spare, within.RawMatrix().Data), k) {
		var x mat.VecDense
		x.MulVec(q.T(), mat.NewVecDense(len(v), v))
		out[i] = float32s(x.RawVector().Data)
	}
	return out
}

// orthonormalize makes the rows of q orthonormal, by the modified Gram-Schmidt process.
func orthonormalize(q *mat.Dense) {
	n, _ := q.Dims()
	for i := range n {
		row := q.RawRowView(i)
		for range 2 { // the second time for rows that are nearly dependent
			floats.Scale(1/max(floats.Norm(row, 2), 1e-300), row)
			for j := range i {
				floats.AddScaled(row, -floats.Dot(row, q.RawRowView(j)), q.RawRowView(j))
			}
		}
		floats.Scale(1/max(floats.Norm(row, 2), 1e-300), row)
	}
}
