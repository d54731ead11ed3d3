package progress_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/progress"
)

func Example() {
	var report progress.Func = func(u progress.Update) {
		fmt.Printf("%s: %d of %d %s, finished: %v\n", u.Stage, u.Done, u.Total, u.Unit, u.Finished)
	}
	stage := report.Start("extract", 2, "videos")
	stage.Add(1)
	stage.Add(1)
	stage.Finish()
	stage.Add(1) // ignored
	// Output:
	// extract: 0 of 2 videos, finished: false
	// extract: 1 of 2 videos, finished: false
	// extract: 2 of 2 videos, finished: false
	// extract: 2 of 2 videos, finished: true
}

func TestNilFunc(t *testing.T) {
	stage := progress.Func(nil).Start("extract", 2, "videos")
	stage.Add(1)
	stage.Set(1)
	stage.Underway(0.5)
	stage.Note("loss 1")
	stage.Finish()
}

// Updates of a stage arrive one after the other and none is lost.
func TestConcurrentUse(t *testing.T) {
	var last progress.Update
	stage := progress.Func(func(u progress.Update) { last = u }).Start("x", 0, "things")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				stage.Add(1)
			}
		})
	}
	wg.Wait()
	if last.Done != 800 {
		t.Errorf("%d of 800 were reported", last.Done)
	}
}
