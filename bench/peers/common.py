"""What the scripts of the peers share.

A script is started as SCRIPT PEER CASE THREADS. It loads the peer, compares its result with
clipcue's in the folder CASE, and prints one line of JSON about the peer. Then it reads lines from
standard input. For each, a number of seconds, it repeats its work that long, and prints the median
time per item as JSON.
"""
import json
import os
import statistics
import struct
import sys
import time

import numpy


def load(path):
    """The arrays of a safetensors file of float32."""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        if t["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {t['dtype']}, not F32")
        begin, end = t["data_offsets"]
        flat = numpy.frombuffer(data, numpy.float32, (end - begin) // 4, 8 + size + begin)
        out[name] = flat.reshape(t["shape"]).copy()
    return out


def weights(case):
    return load(os.path.join(case, "backbone", "open_clip_model.safetensors"))


def inputs(case):
    return load(os.path.join(case, "case.safetensors"))


def error(got, want):
    """The largest difference, relative to the largest value."""
    return float(abs(got - want).max() / abs(want).max())


def cosine(got, want):
    """The lowest cosine between two rows."""
    a, b = (x / numpy.linalg.norm(x, axis=1, keepdims=True) for x in (got, want))
    return float((a * b).sum(1).min())


def avx2():
    """Whether the peer must not use AVX-512."""
    return os.environ.get("CLIPCUE_CPU") == "avx2"


def say(result):
    print(json.dumps(result), flush=True)


def serve(about, work, items, warm=True):
    """Print about, and measure work, which processes a number of items, whenever asked."""
    if warm:
        work()
    say(about)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            work()
            times.append((time.perf_counter() - begin) / items)
        say({"seconds": statistics.median(times)})


def start(peers):
    """Run the function of the named peer. A function takes the case and the number of threads,
    and returns the arguments of serve."""
    name, case, threads = sys.argv[1:4]
    serve(*peers[name](case, int(threads)))
