"""Decoding and resizing with OpenCV and PIL, to compare with clipcue.

    decode.py SECONDS THREADS FILE...

Every frame of every file is preprocessed as by CLIP, except for normalization: RGB, the
shorter side resized to 224 by PIL's bicubic filter, the center cropped. The last line of the
output is JSON: the median time per frame, and for each file the number of frames and the mean of
all their bytes.
"""
import json
import statistics
import sys
import time

import cv2
import numpy
import PIL
from PIL import Image

SIZE = 224


def frame(bgr):
    picture = Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    w, h = picture.size
    if w <= h:
        w, h = SIZE, int(SIZE * h / w)
    else:
        w, h = int(SIZE * w / h), SIZE
    left, top = round((w - SIZE) / 2), round((h - SIZE) / 2)
    picture = picture.resize((w, h), Image.BICUBIC).crop((left, top, left + SIZE, top + SIZE))
    return numpy.asarray(picture)


def frames(path):
    capture = cv2.VideoCapture(path)
    while True:
        there, bgr = capture.read()
        if not there:
            return
        yield frame(bgr)


def main(seconds, threads, *files):
    cv2.setNumThreads(int(threads))
    seen = []  # this pass is also the warm-up
    for path in files:
        sums = [int(f.sum(dtype=numpy.int64)) for f in frames(path)]
        seen.append({"frames": len(sums), "mean": sum(sums) / (len(sums) * 3 * SIZE * SIZE)})
    total = sum(s["frames"] for s in seen)
    times, end = [], time.perf_counter() + float(seconds)
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        for path in files:
            for f in frames(path):
                pass
        times.append((time.perf_counter() - begin) / total)
    return {"peer": f"OpenCV {cv2.__version__}, PIL {PIL.__version__}", "seconds": statistics.median(times), "clips": seen}


print(json.dumps(main(*sys.argv[1:])))
