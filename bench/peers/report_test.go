package main

import (
	"os"
	"strings"
	"testing"
)

func samples(seconds ...float64) (out []sample) {
	for _, s := range seconds {
		out = append(out, sample{Seconds: s})
	}
	return out
}

// A ratio is that of the medians over all rounds; its extremes are those of single rounds.
func TestRatio(t *testing.T) {
	var r Report
	ours, theirs := &side{name: "clipcue", samples: samples(1, 2, 4)}, &side{name: "other", samples: samples(3, 3, 20)}
	r.ratio("work", "items/s", ours, theirs, "", "")
	r.ratio("work", "items/s", ours, nil, "", "")
	if len(r.Rows) != 1 {
		t.Fatalf("%+v", r.Rows)
	}
	if got, want := r.Rows[0].Value, (Spread{1.5, 1.5, 5}); got != want {
		t.Errorf("%+v instead of %+v", got, want)
	}
	if got := r.Rows[0].Value.String(); got != "1.50 (1.50–5.00)" {
		t.Error(got)
	}
}

// The table replaces the text between the marks, repeatedly, and nothing else changes. The
// README has the marks.
func TestBetween(t *testing.T) {
	r := Report{Skipped: []string{"other: there is none"}}
	r.ratio("work", "items/s", &side{name: "clipcue", samples: samples(1)}, &side{name: "other", samples: samples(2)}, "≥ 1", "note")
	text, err := between("above\n"+begin+"old\n"+end+"below\n", r.markdown())
	if err != nil {
		t.Fatal(err)
	}
	again, err := between(text, r.markdown())
	if err != nil || again != text {
		t.Errorf("%v: %s", err, again)
	}
	if !strings.HasPrefix(text, "above\n"+begin) || !strings.HasSuffix(text, end+"below\n") || strings.Contains(text, "old") ||
		!strings.Contains(text, "| work (note) | 1.00 items/s | other | 0.50 items/s | 2.00 (2.00–2.00) × | ≥ 1 |\n") {
		t.Error(text)
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
