package vector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/progress"
)

// Hit is a result of a search.
type Hit struct {
	ID    int64
	Score float32 // cosine similarity with the query
}

// Index stores unit vectors of one width by id. All methods may be called from several
// goroutines. A vector that is not finite, or whose length differs from 1 by more than
// 0.001, is an error.
type Index interface {
	// Width returns the number of elements of a vector.
	Width() int
	// Len returns the number of vectors.
	Len(ctx context.Context) (int, error)
	// Add stores vectors [n,E] under n different ids, in place of earlier vectors of these
	// ids. When it returns without an error, the change is durable. After an error nothing
	// has changed, or, with an index behind a network, a part may have: the same Add again
	// completes it.
	Add(ctx context.Context, ids []int64, vectors []float32) error
	// Delete removes ids, durably, like Add. Ids that do not exist are ignored.
	Delete(ctx context.Context, ids []int64) error
	// Get returns the vectors [n,E] of n ids, in their order. It fails with
	// ErrNotFound if one does not exist.
	Get(ctx context.Context, ids []int64) ([]float32, error)
	// Search returns the k vectors nearest to a unit vector, or all if there are fewer, by
	// falling score, and by rising id if scores are equal.
	Search(ctx context.Context, query []float32, k int) ([]Hit, error)
	// IDs iterates over all ids, in no particular order. If the index is changed meanwhile,
	// either state of what changes is seen. An error ends the iteration.
	IDs(ctx context.Context) iter.Seq2[int64, error]
	// Build prepares approximate search, if the index does so on request and has enough
	// vectors. report may be nil.
	Build(ctx context.Context, report progress.Func) error
	// Verify reads the whole index. Damage is a *CorruptError.
	Verify(ctx context.Context) error
	// Location returns where the vectors are, for messages: a folder or an address.
	Location() string
	// Drop deletes all vectors and their storage, and closes the index.
	Drop(ctx context.Context) error
	// Close releases the resources of the index. No method may be called afterwards.
	Close() error
}

// off is the largest difference of a vector's length from 1.
const off = 0.001

// CheckAdd returns an error unless the arguments are valid for [Index.Add] of an index of
// the given width. Implementations of Index use it.
func CheckAdd(width int, ids []int64, vectors []float32) error {
	if len(vectors) != len(ids)*width {
		return fmt.Errorf("%d ids need %d numbers, got %d", len(ids), len(ids)*width, len(vectors))
	}
	seen := make(map[int64]struct{}, len(ids))
	for i, id := range ids {
		if _, twice := seen[id]; twice {
			return fmt.Errorf("id %d occurs twice in one call", id)
		}
		seen[id] = struct{}{}
		if err := checkUnit(vectors[i*width:][:width]); err != nil {
			return fmt.Errorf("the vector of id %d %w", id, err)
		}
	}
	return nil
}

// CheckSearch returns an error unless the arguments are valid for [Index.Search].
func CheckSearch(width int, query []float32, k int) error {
	if len(query) != width {
		return fmt.Errorf("the query must have width %d, got %d", width, len(query))
	}
	if k < 1 {
		return fmt.Errorf("number of vectors to search for must be at least 1, got %d", k)
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
		return fmt.Errorf("has length %.4g, not 1", length)
	}
	return nil
}

// better orders hits as Search returns them.
func better(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
}
