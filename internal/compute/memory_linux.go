package compute

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of huge pages, with which large matrices cause few TLB misses.
const hugePage = 2 << 20

func newBlock(n int) block {
	size := 4 * n
	spare := 0
	if size >= hugePage {
		spare = hugePage
	}
	pages, err := syscall.Mmap(-1, 0, max(size+spare, 1), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return block{floats: aligned(n)}
	}
	at := pages
	if spare > 0 {
		at = pages[-uintptr(unsafe.Pointer(&pages[0]))%hugePage:]
		// Without huge pages, the memory is only slower.
		_ = syscall.Madvise(at, syscall.MADV_HUGEPAGE)
	}
	return block{floats: unsafe.Slice((*float32)(unsafe.Pointer(&at[0])), n), pages: pages}
}

func (b block) free() {
	if b.pages != nil {
		// It can only fail for a range that was never mapped.
		_ = syscall.Munmap(b.pages)
	}
}
