// Package vector finds, among many unit vectors, those nearest to a query.
//
// [Index] is what a library of videos needs of an engine. [Open] gives the
// embedded one, a folder of memory-mapped files; package vector/weaviate speaks to
// a Weaviate server.
package vector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// Hit is a vector that a search found.
type Hit struct {
	ID    int64
	Score float32 // the cosine of its angle with the query
}

// Index keeps unit vectors of one width under ids. All methods may be called from
// several goroutines. Vectors that are more than 0.001 off length 1, or not finite,
// are refused.
type Index interface {
	// Width is how many elements a vector has.
	Width() int
	// Len returns the number of vectors.
	Len(ctx context.Context) (int, error)
	// Add stores vectors [n,E] under n ids, which have to differ; a vector that an
	// id had is replaced. When it returns without an error, all is durable. After
	// an error nothing has changed, or, with an engine behind a network, a part may
	// have: the same Add again completes it.
	Add(ctx context.Context, ids []int64, vectors []float32) error
	// Delete removes ids, durably, like Add. Ids that are not there do no harm.
	Delete(ctx context.Context, ids []int64) error
	// Get returns the vectors [n,E] of n ids, in their order. It fails with
	// ErrNotFound if one is not there.
	Get(ctx context.Context, ids []int64) ([]float32, error)
	// Search returns the k vectors nearest to a unit vector, or all if there are
	// fewer: by falling score, and by rising id where scores are equal.
	Search(ctx context.Context, query []float32, k int) ([]Hit, error)
	// IDs goes through all ids, in no particular order. The index may be changed
	// meanwhile: of what changes, either state is seen. After an error it ends.
	IDs(ctx context.Context) iter.Seq2[int64, error]
	// Build prepares approximate search if the engine does so on request and there are
	// enough vectors for it. report, which may be nil, receives progress.
	Build(ctx context.Context, report func(done, total int)) error
	// Verify reads the whole index. Damage is a *CorruptError.
	Verify(ctx context.Context) error
	// Location is where the vectors are, for messages: a folder or an address.
	Location() string
	// Drop deletes all vectors and their storage, and closes the index.
	Drop(ctx context.Context) error
	// Close gives back what the index holds. Nothing may be called after it.
	Close() error
}

// off is how far a vector's length may be from 1.
const off = 0.001

// CheckAdd returns an error if the arguments are not right for [Index.Add] of an
// index of this width. It is for those who write engines.
func CheckAdd(width int, ids []int64, vectors []float32) error {
	if len(vectors) != len(ids)*width {
		return fmt.Errorf("%d ids with %d numbers: the index takes %d for each", len(ids), len(vectors), width)
	}
	seen := make(map[int64]struct{}, len(ids))
	for i, id := range ids {
		if _, twice := seen[id]; twice {
			return fmt.Errorf("id %d is there twice in one call", id)
		}
		seen[id] = struct{}{}
		if err := checkUnit(vectors[i*width:][:width]); err != nil {
			return fmt.Errorf("the vector of id %d %w", id, err)
		}
	}
	return nil
}

// CheckSearch does for [Index.Search] what [CheckAdd] does for Add.
func CheckSearch(width int, query []float32, k int) error {
	if len(query) != width {
		return fmt.Errorf("a query of width %d: the index holds vectors of width %d", len(query), width)
	}
	if k < 1 {
		return fmt.Errorf("a search for %d vectors: it has to be at least 1", k)
	}
	if err := checkUnit(query); err != nil {
		return fmt.Errorf("the query %w", err)
	}
	return nil
}

func checkUnit(x []float32) error {
	length := math.Sqrt(compute.Dot(x, x))
	switch {
	case length-length != 0:
		return errors.New("has numbers that are not finite")
	case math.Abs(length-1) > off:
		return fmt.Errorf("has length %.4g: normalize it to 1", length)
	}
	return nil
}

// better orders hits as Search returns them.
func better(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
}
