package compute

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// strip is how many rows of x a worker multiplies by all panels in turn: rows, or fewer if they
// have more than floats values together.
type strip struct{ rows, floats int }

// The strips of a core with an L2 cache of fullL2 bytes or more. With fewer rows, the weights are
// read more often from the caches behind it; with more, the rows do not stay in it.
const (
	fullL2    = 1 << 20
	fullRows  = 108
	fewRows   = 24
	usualDeep = 3072 // values of a row for which all of the rows are used
)

// stripFor returns the strip for a core with an L2 cache of the given number of bytes.
func stripFor(l2 int) strip {
	rows := max(fewRows, int(fullRows*min(1, float64(l2)/fullL2)))
	return strip{rows, rows * usualDeep}
}

// rowsFor returns the number of rows, given the number of values of a row.
func (s strip) rowsFor(depth int) int { return min(s.rows, s.floats/max(depth, 1)) }

// l2 returns the bytes of the L2 cache of a core, or fullL2 if nothing reports it.
var l2 = sync.OnceValue(func() int {
	if n := cpuid.CPU.Cache.L2; n > 0 {
		return n
	}
	return sysfsL2(sysfsCaches)
})

// sysfsCaches is where Linux describes the caches of the first core. Unlike cpuid, it does so on
// arm64, too.
const sysfsCaches = "/sys/devices/system/cpu/cpu0/cache"

// sysfsL2 returns the bytes of the L2 cache that a folder like sysfsCaches describes.
func sysfsL2(dir string) int {
	levels, _ := filepath.Glob(filepath.Join(dir, "index*", "level")) // the pattern is correct
	for _, path := range levels {
		level, err1 := os.ReadFile(path)
		size, err2 := os.ReadFile(filepath.Join(filepath.Dir(path), "size")) // such as 512K
		if err1 != nil || err2 != nil || strings.TrimSpace(string(level)) != "2" {
			continue
		}
		if k, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(string(size)), "K")); err == nil && k > 0 {
			return k << 10
		}
	}
	return fullL2
}
