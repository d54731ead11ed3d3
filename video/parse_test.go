package video

import "testing"

func TestParseSampling(t *testing.T) {
	for _, s := range []Sampling{EveryFrame(), AtRate(2), AtRate(29.97), Count(16)} {
		got, err := ParseSampling(s.String())
		if err != nil || got != s {
			t.Errorf("%v comes back as %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "fps", "fps=", "fps=x", "fps=-1", "fps=NaN", "frames=0", "every=2", "2"} {
		if s, err := ParseSampling(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
}
