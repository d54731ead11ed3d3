package compute

import "time"

// peakLoops is so much that one loop takes a few milliseconds.
const peakLoops = 1 << 21

// peakLoop runs, on each thread, a loop of independent multiply-adds that never
// leave the registers: the most that the processor can do.
func (c *CPU) peakLoop() {
	c.parallel(c.threads, func(c *CPU, _ *worker, _ int) { c.kernels.peak(peakLoops) })
}

// peakFlops is how many floating-point operations a peakLoop does.
func (c *CPU) peakFlops() float64 {
	const perLoop = 2 * 12 // multiply-adds of whole vectors
	return perLoop * peakLoops * float64(c.kernels.vector*c.threads)
}

// Peak measures how many floating-point operations a second the device's
// threads can do at best, on numbers that are all at hand: the measure for
// everything else.
func (c *CPU) Peak() float64 {
	best := time.Duration(1 << 62)
	for range 8 {
		begin := time.Now()
		c.peakLoop()
		best = min(best, time.Since(begin))
	}
	return c.peakFlops() / best.Seconds()
}
