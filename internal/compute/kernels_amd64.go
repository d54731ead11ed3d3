package compute

import (
	"sync"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./gen

var avx2 = &kernels{
	name: "avx2",
	rows: 6, cols: 16, lanes: 8, depth: 384,
	tiles:         avx2Tiles,
	finish:        [activations]func(*tile){QuickGELU: avx2FinishQuickGELU, GELU: avx2FinishGELU, TanhGELU: avx2FinishTanhGELU, SiLU: avx2FinishSiLU},
	activateGrad:  [activations]func(dx, dy, x []float32){QuickGELU: avx2QuickGELUGrad, GELU: avx2GELUGrad, TanhGELU: avx2TanhGELUGrad, SiLU: avx2SiLUGrad},
	softmax:       avx2Softmax,
	softmaxGrad:   avx2SoftmaxGrad,
	layerNorm:     avx2LayerNorm,
	layerNormGrad: avx2LayerNormGrad,
	normParamGrad: avx2NormParamGrad,
	axpy:          avx2Axpy,
	scale:         avx2Scale,
	dot:           avx2Dot,
	adamw:         avx2AdamW,
	transpose:     avx2Transpose,
	depthwise:     avx2Depthwise,
	transposed:    8,
	ints:          avx2Ints,
	resample:      avx2Resample,
	peak:          avx2Peak,
	vector:        8,
}

var avx2Ints = &intKernels{rows: 3, cols: 16, lanes: 8, tiles: avx2IntTiles, extent: avx2Extent, quantize: avx2Quantize, byteDots: avx2ByteDots}

var avx2Resample = &resampleKernels{pack: avx2PackPixels, across: avx2Across, down: avx2Down}

// avxVNNIInts requires one more extension than the rest of AVX2.
var avxVNNIInts = &intKernels{rows: 6, cols: 16, lanes: 8, tiles: avx2VNNITiles, extent: avx2Extent, quantize: avx2Quantize, byteDots: avx2ByteDots}

// vnniInts requires one more extension than the rest of AVX-512.
var vnniInts = &intKernels{rows: 6, cols: 64, lanes: 16, tiles: avx512IntTiles, extent: avx512Extent, quantize: avx512Quantize, byteDots: avx512ByteDots}

var avx512 = &kernels{
	name: "avx512",
	rows: 6, cols: 64, lanes: 16, depth: 768,
	tiles:         avx512Tiles,
	finish:        [activations]func(*tile){QuickGELU: avx512FinishQuickGELU, GELU: avx512FinishGELU, TanhGELU: avx512FinishTanhGELU, SiLU: avx512FinishSiLU},
	activateGrad:  [activations]func(dx, dy, x []float32){QuickGELU: avx512QuickGELUGrad, GELU: avx512GELUGrad, TanhGELU: avx512TanhGELUGrad, SiLU: avx512SiLUGrad},
	softmax:       avx512Softmax,
	softmaxGrad:   avx512SoftmaxGrad,
	layerNorm:     avx512LayerNorm,
	layerNormGrad: avx512LayerNormGrad,
	normParamGrad: avx512NormParamGrad,
	axpy:          avx512Axpy,
	scale:         avx512Scale,
	dot:           avx512Dot,
	adamw:         avx512AdamW,
	transpose:     avx512Transpose,
	depthwise:     avx512Depthwise,
	transposed:    16,
	ints:          avx2Ints,
	resample:      avx2Resample,
	peak:          avx512Peak,
	vector:        16,
}

// available returns the kernels that the machine can run, fastest last. It also checks that
// the operating system saves the registers.
var available = sync.OnceValue(func() []*kernels {
	all := []*kernels{generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		if cpu.X86.HasAVXVNNI {
			avx2.ints = avxVNNIInts
		}
		all = append(all, avx2)
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2 {
		if cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW {
			avx512.ints = vnniInts
		}
		all = append(all, avx512)
	}
	return all
})
