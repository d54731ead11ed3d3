package dataset

import (
	"fmt"
	"testing"
)

func TestDivide(t *testing.T) {
	d := &Dataset{Classes: []string{"run", "sit", "rare"}}
	for i := range 20 {
		d.Samples = append(d.Samples, Sample{Path: fmt.Sprintf("run/%d.mp4", i), Label: "run"})
	}
	for i := range 3 {
		d.Samples = append(d.Samples, Sample{Path: fmt.Sprintf("sit/%d.mp4", i), Label: "sit"})
	}
	d.Samples = append(d.Samples, Sample{Path: "rare/0.mp4", Label: "rare"})
	got, err := d.Divide(0.25, 1)
	if err != nil {
		t.Fatal(err)
	}
	n := map[[2]string]int{}
	before := map[string]string{}
	for _, s := range got.Samples {
		n[[2]string{s.Label, s.Split}]++
		before[s.Path] = s.Split
	}
	for key, want := range map[[2]string]int{{"run", Test}: 5, {"run", Train}: 15, {"sit", Test}: 1, {"sit", Train}: 2, {"rare", Train}: 1} {
		if n[key] != want {
			t.Errorf("%v: %d samples instead of %d", key, n[key], want)
		}
	}
	if d.Samples[0].Split != "" {
		t.Error("the dataset itself was changed")
	}

	// Adding a video moves at most a few others, whatever their order.
	d.Samples = append([]Sample{{Path: "run/new.mp4", Label: "run"}}, d.Samples...)
	if got, err = d.Divide(0.25, 1); err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, s := range got.Samples {
		if was, ok := before[s.Path]; ok && was != s.Split {
			moved++
		}
	}
	if moved > 1 {
		t.Errorf("one more video moved %d others", moved)
	}

	d.Samples[0].Split = Val
	if same, err := d.Divide(0.25, 1); err != nil || same != d {
		t.Errorf("a dataset with splits is divided again: %v", err)
	}
	for _, share := range []float64{0, 1, -1} {
		if _, err := (&Dataset{Samples: []Sample{{}}}).Divide(share, 1); err == nil {
			t.Errorf("share %v is taken", share)
		}
	}
}
