package main

import (
	"os"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/bench/suite"
)

func samples(seconds ...float64) (out []sample) {
	for _, s := range seconds {
		out = append(out, sample{Seconds: s})
	}
	return out
}

// A ratio is that of the medians over all rounds; its extremes are those of single rounds.
func TestRatio(t *testing.T) {
	got := ratio(samples(1, 2, 4), samples(3, 3, 20))
	if want := (Spread{1.5, 1.5, 5}); got != want {
		t.Errorf("%+v instead of %+v", got, want)
	}
	if got := got.String(); got != "1.50 (1.50–5.00)" {
		t.Error(got)
	}
}

// The fastest peer is the first, and the fastest whose result is good enough has the goal.
func TestCompare(t *testing.T) {
	r := Results{Machine: suite.Machine{Backend: "avx2"}}
	c := comparison{what: "work", unit: "items/s", goal: map[string]float64{"avx2": 1.5}}
	ours := side{ready{Cosine: 0.9999}, samples(1)}
	r.compare(c, ours, []side{
		{ready{Peer: "slow", Cosine: 0.9995}, samples(4)},
		{ready{Peer: "inexact", Cosine: 0.99}, samples(1)},
		{ready{Peer: "fast", Cosine: 0.9991}, samples(2)},
	})
	want := "| work | 1.00 items/s (cosine 0.9999) | inexact | 1.00 items/s (cosine 0.9900) | 1.00 (1.00–1.00) × |  |\n" +
		"|  |  | fast | 0.50 items/s (cosine 0.9991) | 2.00 (2.00–2.00) × | ≥ 1.5 |\n" +
		"|  |  | slow | 0.25 items/s (cosine 0.9995) | 4.00 (4.00–4.00) × |  |\n"
	if got := markdown(&r); !strings.Contains(got, want) {
		t.Errorf("%s\ninstead of\n%s", got, want)
	}
}

// A peer whose result differs from clipcue's is not measured.
func TestAgree(t *testing.T) {
	ours := ready{Means: []float64{100, 120}}
	for want, theirs := range map[string]ready{
		"":                             {Means: []float64{101, 119}},
		"differs":                      {Means: ours.Means, Error: 0.1},
		"prepares 1 frames, clipcue 2": {Means: []float64{100}},
		"frame 2":                      {Means: []float64{100, 126}},
	} {
		err := agree(ours, theirs)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v instead of %q", err, want)
		}
	}
}

// Parts that were measured alike share a line.
func TestAbout(t *testing.T) {
	m := suite.Machine{CPU: "x", Backend: "avx2", Threads: 2}
	all := []*Results{{Part: "a", Machine: m, Go: "go1", Rounds: 3, Seconds: 4}, {Part: "b", Machine: m, Go: "go1", Rounds: 3, Seconds: 4}}
	if got := about(all); got != "x, avx2, 2 threads, go1; 3 rounds of 4 s." {
		t.Error(got)
	}
	all[1].Rounds, all[1].Others = 5, 0.25
	if got := about(all); got != "x, avx2, 2 threads, go1; 3 rounds of 4 s: a. x, avx2, 2 threads, go1; 5 rounds of 4 s: b. During b, other programs used up to 25 % of the processors." {
		t.Error(got)
	}
}

// The tables replace the text between the marks, repeatedly, and nothing else changes. The README
// has the marks.
func TestBetween(t *testing.T) {
	text, err := between("above\n"+begin+"old\n"+end+"below\n", "table\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "above\n" + begin + "\ntable\n\n" + end + "below\n"; text != want {
		t.Errorf("%q instead of %q", text, want)
	}
	again, err := between(text, "table\n")
	if err != nil || again != text {
		t.Errorf("%v: %s", err, again)
	}
	if _, err := between("no marks", ""); err == nil {
		t.Error("a file without marks was written")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := between(string(readme), ""); err != nil {
		t.Error(err)
	}
}

// The time of other programs is that of all less that of a process.
func TestOthers(t *testing.T) {
	if got := others(clock{all: 100, busy: 50, own: 10}, clock{all: 300, busy: 200, own: 110}); got != 0.25 {
		t.Errorf("%v", got)
	}
	if got := others(clock{}, clock{}); got != 0 {
		t.Errorf("%v where the system reports nothing", got)
	}
}
