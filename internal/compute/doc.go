// Package compute has clipcue's arithmetic: float32 matrices and the operations of the
// models. Each operation works on whole matrices in a [Device]'s memory. Only this package
// contains threads, SIMD instructions and memory layouts.
//
// # Determinism
//
// The same input gives the same bits, whatever the number of threads, because a
// sum is never split between workers. The bits of an element of a product depend
// only on its row and column, not on what is multiplied together with them.
//
// # Instruction sets
//
// On amd64 the inner loops (kernels) are assembly for AVX2 or AVX-512, on arm64 for NEON. The
// program in gen generates it. Every kernel has a reference version in plain Go, which other
// processors use. The environment variable CLIPCUE_CPU selects generic, avx2, avx512 or neon;
// the default is the fastest that the machine can run. NEON is tested under emulation only
// (make test-arm64): its speed is not measured, and its tile sizes are derived, not tuned.
//
// int8 products use AVX2, or the dot-product instructions of AVX-512 VNNI and Armv8.2. NEON
// machines without these use plain Go, which is not faster than float32.
// Resizing ([Resampler]) uses PIL's 8-bit fixed-point arithmetic. It has kernels because it
// took as long as decoding a video in plain Go.
//
// # Caches
//
// A worker multiplies a strip of rows by one panel of the weights after the other. The number of
// rows follows from the size of the core's L2 cache (cache.go) and changes no bit of a result.
// The number of terms that are summed at a time does change bits, so it is the same for all
// caches.
//
// # Shared keys
//
// The text tower is causal, so the start token and the prefix vectors give the same
// activations for every class. They are computed once. The rest of all classes is one
// ragged matrix whose rows attend to the shared rows and causally to their own class
// ([AttentionShape]).
//
// # Memory
//
// A [Matrix] hides its memory and stride. A [Weight] is packed once for the
// products it takes part in, so a frozen weight is stored only in the layout that
// it is multiplied in. Temporary memory is a stack ([Device.Mark],
// [Device.Release]) that keeps its chunks: after the first step of its kind, a
// step allocates nothing.
//
// # Other devices
//
// A device for a GPU is a package that implements [Device]. It creates matrices
// with [NewMatrix] and keeps its own representation in Weight.Packed. It must pass
// the suite in computetest.
package compute
