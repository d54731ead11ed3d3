package library_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/clipcue/clipcue/library"
)

// Checksums of rows never change: libraries have them.
func FuzzAppendValue(f *testing.F) {
	for _, x := range []float64{0, math.Copysign(0, -1), 1, 1e6, 123456789, 1e20, 1e21, 1e-4, 1e-5, 0.1, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64} {
		f.Add(x, int64(x), "a\x00\xff")
	}
	f.Fuzz(func(t *testing.T, x float64, n int64, s string) {
		if got := string(library.AppendValue(nil, []byte(s))); got != "bytes "+s {
			t.Errorf("got %q", got)
		}
		for _, v := range []any{x, n, s, nil, true} {
			if got, want := string(library.AppendValue(nil, v)), fmt.Sprintf("%T %v", v, v); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}
