package compute_test

import (
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/compute/computetest"
)

// Every instruction set that this machine can run passes the conformance suite.
func TestConformance(t *testing.T) {
	for _, name := range compute.Backends() {
		t.Run(name, func(t *testing.T) {
			computetest.Run(t, func(threads int) compute.Device {
				d, err := compute.NewBackend(name, threads)
				if err != nil {
					t.Fatal(err)
				}
				return d
			})
		})
	}
}
