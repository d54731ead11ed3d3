// Package memory bounds the memory that sizes read from files can claim. A file of a few
// kilobytes can declare gigabytes (sparse files, image headers); such a file has to fail
// alone, by name, instead of ending the process.
package memory

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v4/mem"
)

// Share is the part of the free memory that is the default budget.
const Share = 0.5

// unknown is the budget on systems that do not report their memory.
const unknown = 4 << 30

// ErrBudget reports a request that does not fit in the budget.
var ErrBudget = errors.New("memory limit")

var budget struct {
	sync.Mutex
	limit, used int64
}

// SetLimit sets the budget in bytes. 0 restores the default: Share of the memory that was
// free at the first request, within the process's cgroup limit.
func SetLimit(bytes int64) {
	budget.Lock()
	defer budget.Unlock()
	budget.limit = bytes
}

// Limit returns the budget in bytes.
func Limit() int64 {
	budget.Lock()
	defer budget.Unlock()
	return limit()
}

func limit() int64 {
	if budget.limit <= 0 {
		budget.limit = free()
	}
	return budget.limit
}

// free returns Share of the memory that the process could use now.
func free() int64 {
	available := uint64(math.MaxInt64)
	if m, err := mem.VirtualMemory(); err == nil && m.Available > 0 {
		available = m.Available
	}
	if m, err := memlimit.FromCgroup(); err == nil && m > 0 {
		available = min(available, m)
	}
	if available == math.MaxInt64 {
		return unknown
	}
	return int64(Share * float64(available))
}

// Request reserves bytes of the budget for what, until release is called. A request that
// does not fit gives an error around ErrBudget with both sizes; nothing is reserved then,
// and release does nothing. release may be called more than once.
func Request(bytes int64, what string) (release func(), err error) {
	budget.Lock()
	defer budget.Unlock()
	limit := limit()
	if bytes < 0 || bytes > limit-budget.used {
		need := humanize.IBytes(uint64(max(bytes, 0)))
		if bytes < 0 {
			need = "more than 8 EiB"
		}
		return func() {}, fmt.Errorf("%s needs %s of memory: %w %s, of which %s is in use", what, need, ErrBudget, humanize.IBytes(uint64(limit)), humanize.IBytes(uint64(budget.used)))
	}
	budget.used += bytes
	return sync.OnceFunc(func() {
		budget.Lock()
		defer budget.Unlock()
		budget.used -= bytes
	}), nil
}
