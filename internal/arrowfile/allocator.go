package arrowfile

import (
	"fmt"

	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/clipcue/clipcue/internal/memory"
)

// allocator allocates up to the limit of memory, because compressed buffers can claim any size. More
// is a panic, which package ipc and damaged return as an error.
type allocator struct {
	used int64
}

func (a *allocator) Allocate(size int) []byte {
	a.take(size)
	return arrowmemory.DefaultAllocator.Allocate(size)
}

func (a *allocator) Reallocate(size int, b []byte) []byte {
	a.take(size - len(b))
	return arrowmemory.DefaultAllocator.Reallocate(size, b)
}

func (a *allocator) Free(b []byte) {
	a.used -= int64(len(b))
	arrowmemory.DefaultAllocator.Free(b)
}

func (a *allocator) take(bytes int) {
	if a.used += int64(bytes); bytes > 1<<50 || a.used > memory.Limit() {
		panic(fmt.Errorf("a batch of rows: %w", memory.ErrBudget))
	}
}
