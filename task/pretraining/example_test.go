package pretraining_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/task/pretraining"
	"github.com/clipcue/clipcue/train"
)

// Train a CLIP model on captioned images, or resume the run.
func ExampleTrain() {
	data, err := pretraining.Open("pairs.jsonl", 0.1, 0)
	if err != nil {
		log.Fatal(err)
	}
	result, err := pretraining.Train(context.Background(), pretraining.DefaultConfig(),
		pretraining.Run{Run: train.Run{Dir: "run", Resume: true}, Train: data.Train})
	var interrupted *train.InterruptedError
	if errors.As(err, &interrupted) {
		log.Fatalf("interrupted after step %d", interrupted.Step)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Steps)
}
