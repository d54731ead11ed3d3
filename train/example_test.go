package train_test

import (
	"fmt"

	"github.com/clipcue/clipcue/train"
)

// A linear warm-up times half a cosine wave that ends at a hundredth of the rate.
func ExampleConfig_RateAt() {
	c := train.Config{Steps: 100, LearningRate: 1e-3, Schedule: "cosine", Warmup: 10}
	for _, step := range []int{0, 9, 55, 99} {
		fmt.Printf("step %2d: %.6f\n", step, c.RateAt(step))
	}
	// Output:
	// step  0: 0.000100
	// step  9: 0.000980
	// step 55: 0.000428
	// step 99: 0.000010
}
