package main

import "slices"

// comparison is a row group of the table: clipcue and programs that do the same.
type comparison struct {
	part   string // what --only selects
	what   string
	unit   string
	ours   string // clipcue's worker, a key of workers
	script string // the script of the peers
	peers  []peer
	// input returns the folder with the inputs of all programs.
	input func(*run) (string, error)
	// goal is the ratio to reach over the fastest peer, by instruction set; none has 0.
	goal map[string]float64
	// anywhere is set for work in which instruction sets play no role. It is measured once.
	anywhere bool
}

// peer is a program to compare with.
type peer struct {
	name string // as its script knows it
	// unlimited is the title of a program that uses AVX-512 wherever it is available. It is not
	// compared with clipcue's AVX2.
	unlimited string
}

// least is the cosine to the features of float32 that int8 needs to count for a goal. For
// approximate searches, it is the recall relative to clipcue's.
const least = 0.999

// goals returns the same goal for all instruction sets.
func goals(ratio float64) map[string]float64 {
	return map[string]float64{"avx512": ratio, "avx2": ratio}
}

var comparisons = []comparison{
	{part: "images", what: "image tower, batch 8, float32", unit: "images/s", ours: "image", script: "image.py", input: (*run).model,
		peers: []peer{{name: "pytorch"}, {name: "compile"}, {name: "openvino"}, {name: "onnx", unlimited: "ONNX Runtime"}},
		goal:  map[string]float64{"avx512": 1.4, "avx2": 1.5}},
	{part: "int8", what: "image tower, batch 8, int8", unit: "images/s", ours: "image-int8", script: "image.py", input: (*run).model,
		peers: []peer{{name: "openvino-int8"}, {name: "onnx-dynamic", unlimited: "ONNX Runtime"}, {name: "onnx-static", unlimited: "ONNX Runtime"}},
		goal:  goals(1.5)},
	{part: "training", what: "training step", unit: "steps/s", ours: "train", script: "train.py", input: (*run).model,
		peers: []peer{{name: "authors"}}, goal: goals(6)},
	{part: "training", what: "training step", unit: "steps/s", ours: "train", script: "train.py", input: (*run).model,
		peers: []peer{{name: "shared"}}, goal: goals(1.5)},
	{part: "text", what: "text tower, 1,000 short texts", unit: "texts/s", ours: "text", script: "text.py", input: (*run).model,
		peers: []peer{{name: "tower"}}, goal: goals(2)},
	{part: "text", what: "tokenizing 1,000 short texts", unit: "texts/s", ours: "tokenize", script: "text.py", input: (*run).model,
		peers: []peer{{name: "huggingface"}, {name: "simple"}}, anywhere: true},
	{part: "search", what: "exact search, 1,000,000 × 512", unit: "searches/s", ours: "exact", script: "search.py",
		input: func(r *run) (string, error) { return r.vectors(1_000_000) },
		peers: []peer{{name: "numpy"}, {name: "flat"}}, goal: goals(3)},
	{part: "graph", what: "approximate search, 200,000 × 512", unit: "searches/s", ours: "graph", script: "search.py",
		input: func(r *run) (string, error) { return r.vectors(200_000) },
		peers: []peer{{name: "hnswlib", unlimited: "hnswlib"}, {name: "hnsw"}, {name: "ivfpq"}}, goal: goals(1.7)},
	{part: "decode", what: "1080p H.264, two frames/s, all of them keyframes, to prepared frames", unit: "frames/s", ours: "decode", script: "decode.py",
		input: func(r *run) (string, error) { return r.clip(hard, 15) },
		peers: decoders, goal: goals(1.2), anywhere: true},
	{part: "decode-long", what: "1080p H.264, two frames/s, a keyframe every 250 frames, to prepared frames", unit: "frames/s", ours: "decode", script: "decode.py",
		input: func(r *run) (string, error) { return r.clip(long, 15) },
		peers: decoders, goal: goals(1.2), anywhere: true},
	{part: "decode-all", what: "640×360 H.264, every frame, to prepared frames", unit: "frames/s", ours: "decode", script: "decode.py",
		input: func(r *run) (string, error) { return r.clip(small, 1) },
		peers: decoders, goal: goals(1), anywhere: true},
	{part: "video", what: "1080p H.264, two frames/s, to features", unit: "frames/s", ours: "video", script: "features.py",
		input: func(r *run) (string, error) { return r.clip(hard, 15) },
		peers: []peer{{name: "pyav-openvino"}, {name: "pyav-onnx", unlimited: "ONNX Runtime"}}, goal: goals(1.3)},
	{part: "photos", what: "JPEG files of 1440×1080 to features", unit: "images/s", ours: "photos", script: "features.py", input: (*run).photos,
		peers: []peer{{name: "open_clip"}}, goal: goals(1.3)},
}

var decoders = []peer{{name: "opencv"}, {name: "pyav"}, {name: "torchcodec"}, {name: "decord"}}

// partNames lists the parts that can be measured alone.
func partNames() (names []string) {
	for _, c := range comparisons {
		names = append(names, c.part)
	}
	for _, a := range alone {
		names = append(names, a.part)
	}
	return slices.Compact(names)
}
