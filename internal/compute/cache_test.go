package compute

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Products are bitwise the same whatever the caches.
func TestStripsAreExact(t *testing.T) {
	for _, k := range available() {
		for _, threads := range []int{1, 3} {
			c := newCPU(threads, k)
			for _, s := range [][3]int{{1, 5, 7}, {131, 70, 801}, {260, 129, 3073}} {
				x, w, bias := filled(c, s[0], s[2]), filled(c, s[1], s[2]), filled(c, 1, s[1])
				for _, form := range []Form{Forward, ForwardInt8} {
					packed := c.Pack(w, form)
					var want []float32
					for _, bytes := range []int{fullL2, 0, 128 << 10, 512 << 10, 64 << 20} {
						c.strip = stripFor(bytes)
						y, got := c.New(s[0], s[1]), make([]float32, s[0]*s[1])
						c.Linear(y, x, packed, Epilogue{Bias: bias, Act: GELU})
						c.Download(got, y)
						if want == nil {
							want = got
						}
						if !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
							t.Errorf("%s, %d threads, %v, form %v: another product with %d bytes of cache", k.name, threads, s, form, bytes)
						}
					}
				}
			}
		}
	}
}

func TestStripFor(t *testing.T) {
	for bytes, want := range map[int]strip{
		2 << 20: {108, 108 * 3072}, 1 << 20: {108, 108 * 3072}, 512 << 10: {54, 54 * 3072}, 256 << 10: {27, 27 * 3072}, 0: {24, 24 * 3072}} {
		if got := stripFor(bytes); got != want {
			t.Errorf("%d bytes: %v, want %v", bytes, got, want)
		}
	}
	if l2() < 64<<10 {
		t.Errorf("the L2 cache has %d bytes", l2())
	}
}

func TestSysfsL2(t *testing.T) {
	dir := t.TempDir()
	if got := sysfsL2(dir); got != fullL2 {
		t.Errorf("%d bytes without a description", got)
	}
	for i, c := range [][2]string{{"1", "32K"}, {"2", "damaged"}, {"2", "512K"}, {"3", "32768K"}} {
		cache := filepath.Join(dir, fmt.Sprintf("index%d", i))
		if err := os.Mkdir(cache, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{"level": c[0], "size": c[1]} {
			if err := os.WriteFile(filepath.Join(cache, name), []byte(content+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := sysfsL2(dir); got != 512<<10 {
		t.Errorf("%d bytes", got)
	}
}

// BenchmarkStrips multiplies as the image tower does, with the strips of other caches.
func BenchmarkStrips(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		for _, s := range [][2]int{{4 * width, width}, {width, 4 * width}} {
			y, x, w := filled(c, rowsAll, s[0]), filled(c, rowsAll, s[1]), c.Pack(filled(c, s[0], s[1]), Forward)
			for _, kb := range []int{256, 512, 1024} {
				b.Run(fmt.Sprintf("%d-to-%d/L2=%dK", s[1], s[0], kb), func(b *testing.B) {
					c.strip = stripFor(kb << 10)
					against(b, c, 2*rowsAll*float64(s[0]*s[1]), func() { c.Linear(y, x, w, Epilogue{}) })
				})
			}
		}
	})
}
