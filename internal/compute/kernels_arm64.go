package compute

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// neon is what every arm64 machine runs. It was written for the large cores, with
// four multiply-adds under way at once, but has been run by emulation only.
var neon = &kernels{
	name: "neon",
	rows: 8, cols: 8, lanes: 4, depth: 512,
	tiles:         neonTiles,
	finish:        [3]func(*tile){QuickGELU: neonFinishQuickGELU, GELU: neonFinishGELU},
	activateGrad:  [3]func(dx, dy, x []float32){QuickGELU: neonQuickGELUGrad, GELU: neonGELUGrad},
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

// dotInts need the dot product of bytes, which came with Armv8.2.
var dotInts = &intKernels{cols: 8, lanes: 4, group: 4, tiles: neonIntTiles, extent: neonExtent, quantize: neonQuantize, byteDots: neonByteDots}

// plainInts are in plain Go, in tiles as high as those of floats.
var plainInts = func() *intKernels {
	ints, heights := *generic.ints, []func(*tile){nil}
	for rows := 1; rows <= 8; rows++ {
		heights = append(heights, func(t *tile) { genericIntTile(t, rows) })
	}
	ints.tiles = [][]func(*tile){nil, heights}
	return &ints
}()

// available lists the kernels that the machine runs, the best last.
var available = sync.OnceValue(func() []*kernels {
	if cpu.ARM64.HasASIMDDP {
		neon.ints = dotInts
	}
	return []*kernels{generic, neon}
})
