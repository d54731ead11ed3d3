package text

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMap(t *testing.T) {
	type inner struct{ A string }
	type named string
	type outer struct {
		*inner
		S    string
		N    named
		L    []inner
		A    [2]string
		M    map[string]any
		P    *inner
		Nil  *inner
		Any  any
		At   time.Time
		F    []float32
		None []string
	}
	at := time.Unix(1, 0)
	in := outer{&inner{"x"}, "x", "x", []inner{{"x"}}, [2]string{"x", "y"}, map[string]any{"x": []string{"x"}, "n": nil}, &inner{"x"}, nil, "x", at, []float32{1}, nil}
	got := Map(&in, strings.ToUpper)
	want := outer{in.inner, "X", "X", []inner{{"X"}}, [2]string{"X", "Y"}, map[string]any{"X": []string{"X"}, "N": nil}, &inner{"X"}, nil, "X", at, []float32{1}, nil}
	if d := cmp.Diff(want, *got, cmp.AllowUnexported(outer{}, inner{})); d != "" {
		t.Error(d)
	}
	if in.S != "x" || in.L[0].A != "x" || in.P.A != "x" || in.M["x"].([]string)[0] != "x" {
		t.Errorf("the original changed: %+v", in)
	}
}
