// Package computetest is the conformance suite of [compute.Device]. It compares
// every operation with a float64 implementation of its definition, gradients with
// central differences, and checks that results do not depend on the number of
// threads or on which rows are computed together. Every device must pass it.
package computetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/internal/compute"
)

// Open returns a new device with the given number of threads. A device without
// such a setting ignores the number.
type Open func(threads int) compute.Device

// Run runs the suite on the devices that open returns.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"Products", testProducts},
		{"Linear", testLinear},
		{"MLP", testMLP},
		{"ProductsAroundEdges", testProductsAroundEdges},
		{"RowsDoNotChangeBits", testRowsDoNotChangeBits},
		{"Int8", testInt8},
		{"Int8IsClose", testInt8IsClose},
		{"Activations", testActivations},
		{"LayerNorm", testLayerNorm},
		{"Rows", testRows},
		{"Mean", testMean},
		{"Normalize", testNormalize},
		{"AdamW", testAdamW},
		{"ExtractPatches", testPatches},
		{"Multiply", testMultiply},
		{"Rotate", testRotate},
		{"NormalizePixels", testPixels},
		{"UnfoldImages", testUnfoldImages},
		{"Depthwise", testDepthwise},
		{"Gate", testGate},
		{"Attention", testAttention},
		{"AttentionAtSize", testAttentionAtSize},
		{"CrossEntropy", testCrossEntropy},
		{"FocalLoss", testFocal},
		{"FocalLossFarOut", testFocalFarOut},
		{"IntervalLoss", testIntervals},
		{"ThreadsDoNotChangeBits", testThreadsDoNotChangeBits},
		{"TemporaryMemoryIsReused", testTemporaryMemoryIsReused},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// devices returns one device with a single thread and one with several.
func devices(open Open) map[string]compute.Device {
	all := map[string]compute.Device{}
	for _, threads := range []int{1, 3} {
		all[fmt.Sprintf("threads=%d", threads)] = open(threads)
	}
	return all
}

// onDevices checks a property with random sizes on every device.
func onDevices(t *testing.T, open Open, f func(t *rapid.T, d compute.Device, rng *rand.Rand)) {
	for name, d := range devices(open) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				mark := d.Mark()
				f(r, d, rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0)))
				d.Release(mark)
			})
		})
	}
}
