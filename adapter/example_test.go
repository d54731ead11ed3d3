package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// Open a run of any task together with its backbone, and react to errors.
func ExampleOpenRun() {
	run, err := adapter.OpenRun(context.Background(), "run", adapter.OpenOptions{})
	if errors.Is(err, train.ErrNotRun) {
		log.Fatal("this folder has no run")
	} else if err != nil {
		log.Fatal(err)
	}
	recognizer, err := recognition.New(run.File, run.Backbone)
	var wrong *adapter.WrongTaskError
	if errors.As(err, &wrong) {
		log.Fatalf("the run is for %s", wrong.Have)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(recognizer.Classes())
}
