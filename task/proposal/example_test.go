package proposal_test

import (
	"context"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// Train on videos with stored features, and find segments in another video.
func Example() {
	store, err := feature.Open("features")
	if err != nil {
		log.Fatal(err)
	}
	detector, _, err := proposal.Train(context.Background(), proposal.DefaultConfig(), proposal.DefaultTrainConfig(), proposal.Run{
		Run:      train.Run{Dir: "run"},
		Features: feature.NewCache(store, 0),
		Train: []proposal.Example{
			{ID: "kitchen.mp4", Segments: []video.Span{{Start: 3.5, End: 8}, {Start: 20, End: 21.5}}},
			{ID: "nothing.mp4"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	sequence, err := store.Get("garden.mp4")
	if err != nil {
		log.Fatal(err)
	}
	found, err := detector.Propose(context.Background(), sequence)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range found {
		fmt.Printf("%.1f to %.1f s: %.2f\n", p.Start, p.End, p.Score)
	}
}

// Recall of two proposals per video, and of two windows.
func ExampleAverageRecall() {
	examples := []proposal.Example{{ID: "a.mp4", Segments: []video.Span{{Start: 1, End: 5}, {Start: 6, End: 9}}}}
	found := []proposal.Proposal{
		{Span: video.Span{Start: 1, End: 4.8}, Score: 0.9},
		{Span: video.Span{Start: 6.2, End: 9}, Score: 0.8},
	}
	even := proposal.SlidingWindows(video.Span{Start: 0, End: 10}, []float64{4}, 2)
	tIoUs, ns := []float64{0.5, 0.7, 0.9}, []int{1, 2}
	recall, err := proposal.AverageRecall(examples, [][]proposal.Proposal{found}, tIoUs, ns)
	if err != nil {
		log.Fatal(err)
	}
	baseline, err := proposal.AverageRecall(examples, [][]proposal.Proposal{even}, tIoUs, ns)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("proposals", recall)
	fmt.Println("windows  ", baseline)
	// Output:
	// proposals [0.5 1]
	// windows   [0.3333333333333333 0.5]
}
