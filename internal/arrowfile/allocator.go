package arrowfile

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"

	budget "github.com/clipcue/clipcue/internal/memory"
)

// allocator allocates as much as a file of its size can need, because compressed buffers can
// claim any size. More is a panic, which package ipc and damaged return as an error.
type allocator struct {
	limit, used int64
}

// A file may be a thousandth of its content, and more if that is small.
const (
	expansion = 1000
	small     = 64 << 20
)

func newAllocator(file int64) *allocator {
	return &allocator{limit: min(budget.Limit(), small+expansion*file)}
}

func (a *allocator) Allocate(size int) []byte {
	a.take(size)
	return memory.DefaultAllocator.Allocate(size)
}

func (a *allocator) Reallocate(size int, b []byte) []byte {
	a.take(size - len(b))
	return memory.DefaultAllocator.Reallocate(size, b)
}

func (a *allocator) Free(b []byte) {
	a.used -= int64(len(b))
	memory.DefaultAllocator.Free(b)
}

func (a *allocator) take(bytes int) {
	if int64(bytes) > a.limit-a.used {
		panic(fmt.Errorf("its rows need %d bytes more than %d: %w of %d bytes", bytes, a.used, budget.ErrBudget, a.limit))
	}
	a.used += int64(bytes)
}
