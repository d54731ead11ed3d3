package compute

import "time"

// peakLoops is the number of iterations of a loop, which takes a few milliseconds.
const peakLoops = 1 << 21

// peakLoop runs a loop of independent multiply-adds on registers on each thread.
func (c *CPU) peakLoop() {
	c.parallel(c.threads, func(c *CPU, _ *worker, _ int) { c.kernels.peak(peakLoops) })
}

// peakFlops returns the number of floating-point operations in a peakLoop.
func (c *CPU) peakFlops() float64 {
	const perLoop = 2 * 12 // multiply-adds of whole vectors
	return perLoop * peakLoops * float64(c.kernels.vector*c.threads)
}

// Peak measures the highest rate of the device's threads in floating-point
// operations per second, with all operands in registers.
func (c *CPU) Peak() float64 {
	best := time.Duration(1 << 62)
	for range 8 {
		begin := time.Now()
		c.peakLoop()
		best = min(best, time.Since(begin))
	}
	return c.peakFlops() / best.Seconds()
}
