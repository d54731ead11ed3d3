package compute

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// neon holds the kernels that every arm64 machine can run. They were designed for large cores
// and have only been run under emulation.
var neon = &kernels{
	name: "neon",
	rows: 8, cols: 8, lanes: 4, depth: 512,
	tiles:         neonTiles,
	finish:        [activations]func(*tile){QuickGELU: neonFinishQuickGELU, GELU: neonFinishGELU, TanhGELU: neonFinishTanhGELU, SiLU: neonFinishSiLU},
	activateGrad:  [activations]func(dx, dy, x []float32){QuickGELU: neonQuickGELUGrad, GELU: neonGELUGrad, TanhGELU: neonTanhGELUGrad, SiLU: neonSiLUGrad},
	softmax:       neonSoftmax,
	softmaxGrad:   neonSoftmaxGrad,
	layerNorm:     neonLayerNorm,
	layerNormGrad: neonLayerNormGrad,
	normParamGrad: neonNormParamGrad,
	axpy:          neonAxpy,
	scale:         neonScale,
	dot:           neonDot,
	adamw:         neonAdamW,
	transpose:     neonTranspose,
	transposed:    8,
	ints:          plainInts,
	resample:      genericResample,
	peak:          neonPeak,
	vector:        4,
}

// dotInts require the dot-product instructions of Armv8.2.
var dotInts = &intKernels{rows: 8, cols: 8, lanes: 4, tiles: neonIntTiles, extent: neonExtent, quantize: neonQuantize, byteDots: neonByteDots}

// plainInts are in plain Go.
var plainInts = func() *intKernels {
	ints, heights := *generic.ints, []func(*tile){nil}
	ints.rows = 8
	for rows := 1; rows <= ints.rows; rows++ {
		heights = append(heights, func(t *tile) { genericIntTile(t, rows) })
	}
	ints.tiles = [][]func(*tile){nil, heights}
	return &ints
}()

// available returns the kernels that the machine can run, fastest last.
var available = sync.OnceValue(func() []*kernels {
	if cpu.ARM64.HasASIMDDP {
		neon.ints = dotInts
	}
	return []*kernels{generic, neon}
})
