// The image tower with ONNX Runtime, to compare with clipcue:
//
//	node onnx.js CASE GRAPH SECONDS THREADS
//
// CASE is a folder with the inputs and clipcue's results. The last line of the output is JSON.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const ort = require('onnxruntime-node');

// load reads the tensors of a safetensors file of float32.
function load(file) {
  const data = fs.readFileSync(file);
  const size = Number(data.readBigUInt64LE(0));
  const out = {};
  for (const [name, t] of Object.entries(JSON.parse(data.toString('utf8', 8, 8 + size)))) {
    if (name === '__metadata__') continue;
    const [begin, end] = t.data_offsets.map((at) => 8 + size + at);
    const copy = data.buffer.slice(data.byteOffset + begin, data.byteOffset + end);
    out[name] = { shape: t.shape, data: new Float32Array(copy) };
  }
  return out;
}

async function main(folder, graph, seconds, threads) {
  const inputs = load(path.join(folder, 'case.safetensors'));
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const { shape, data } = inputs.pixels;
  const feeds = { pixels: new ort.Tensor('float32', data, shape) };
  const got = (await session.run(feeds)).features.data; // warm-up
  const want = inputs.features.data;
  let error = 0;
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    error = Math.max(error, Math.abs(got[i] - want[i]));
    most = Math.max(most, Math.abs(want[i]));
  }
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < 3 || performance.now() < end) {
    const begin = performance.now();
    await session.run(feeds);
    times.push((performance.now() - begin) / 1000 / shape[0]);
  }
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  const median = times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  const version = require('onnxruntime-node/package.json').version;
  return { peer: 'ONNX Runtime ' + version, error: error / most, seconds: median, runs: times.length };
}

main(...process.argv.slice(2)).then(
  (result) => console.log(JSON.stringify(result)),
  (error) => { console.error(error.message); process.exit(1); },
);
