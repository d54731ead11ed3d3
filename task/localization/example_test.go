package localization_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
)

// A model that was trained finds new classes by their names in stored features.
func Example() {
	m, err := tiny.Load(clip.Options{Towers: clip.TextTower})
	if err != nil {
		log.Fatal(err)
	}
	f, err := adapter.ReadFile("run/best.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	l, err := localization.New(f, m)
	if err != nil {
		log.Fatal(err)
	}
	if err := l.SetClasses(context.Background(), []string{"red circle", "blue star"}); err != nil {
		log.Fatal(err)
	}
	q, err := feature.ReadFile("features/long.mp4.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	found, err := l.Localize(context.Background(), q)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range localization.RemoveDuplicates(found, 0.5) {
		fmt.Printf("%.1f to %.1f s: %s (%.0f %%)\n", d.Start, d.End, d.Label, 100*d.Score)
	}
}

// Results of any program are measured as ActivityNet's evaluation does.
func ExampleScore() {
	truth, err := dataset.LoadSegments("../../testdata/metrics/detection_gt.json", "")
	if err != nil {
		log.Fatal(err)
	}
	results, err := localization.ReadResults("../../testdata/metrics/detection_result.json")
	if err != nil {
		log.Fatal(err)
	}
	s, err := localization.Score(truth, results, proposal.ActivityNetThresholds)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("average mAP %.4f over %d classes\n", s.Average, len(s.Classes))
	// Output: average mAP 0.6178 over 2 classes
}
