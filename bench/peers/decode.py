"""Frames of videos, decoded, selected and prepared for CLIP, and their features; see common.py. The
folder CASE has the clip.

A prepared frame is RGB, the shorter side resized to 224 by Pillow's bicubic filter, the center
cropped. Of the frames at two per second, all programs take those that a player shows at 0 s, 0.5 s, …
"""
import json

import numpy
from PIL import Image

import common

SIZE = 224


def prepare(rgb):
    picture = Image.fromarray(rgb)
    w, h = picture.size
    if w <= h:
        w, h = SIZE, int(SIZE * h / w)
    else:
        w, h = int(SIZE * w / h), SIZE
    left, top = round((w - SIZE) / 2), round((h - SIZE) / 2)
    picture = picture.resize((w, h), Image.BICUBIC, reducing_gap=None).crop((left, top, left + SIZE, top + SIZE))
    return numpy.asarray(picture)


class Clip:
    """A clip and the numbers of the frames to take: every step-th."""

    def __init__(self, folder):
        self.folder = folder
        with open(folder + "/clip.json") as f:
            self.__dict__.update(json.load(f))  # path, frames, step

    def indices(self):
        return range(0, self.frames, self.step)


def opencv(clip, threads):
    import cv2
    cv2.setNumThreads(threads)
    capture = cv2.VideoCapture(clip.path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    i = 0
    while capture.grab():
        if i % clip.step == 0:
            yield prepare(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
        i += 1


def pyav(clip, threads):
    import av
    with av.open(clip.path) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for i, frame in enumerate(container.decode(stream)):
            if i % clip.step == 0:
                yield prepare(frame.to_ndarray(format="rgb24"))


def torchcodec(clip, threads):
    import torch
    from torchcodec.decoders import VideoDecoder
    torch.set_num_threads(threads)
    decoder = VideoDecoder(clip.path, dimension_order="NHWC", num_ffmpeg_threads=threads, seek_mode="approximate")
    for i in range(0, len(clip.indices()), 8):  # not all at once: a frame of 1080p has 6 MB
        for frame in decoder.get_frames_at(list(clip.indices())[i:i + 8]).data:
            yield prepare(frame.numpy())


def decord(clip, threads):
    import decord
    reader = decord.VideoReader(clip.path, num_threads=threads)
    for i in range(0, len(clip.indices()), 8):
        for frame in reader.get_batch(list(clip.indices())[i:i + 8]).asnumpy():
            yield prepare(frame)


DECODERS = {"opencv": (opencv, "OpenCV", "cv2"), "pyav": (pyav, "PyAV", "av"), "torchcodec": (torchcodec, "torchcodec", "torchcodec"), "decord": (decord, "decord", "decord")}


def version(name):
    decoder, title, module = DECODERS[name]
    return f"{title} {__import__(module).__version__}"


def frames(name):
    """A peer that prepares frames. It reports the mean of each frame."""
    def peer(folder, threads):
        clip, decode = Clip(folder), DECODERS[name][0]
        means = [float(f.mean(dtype=numpy.float64)) for f in decode(clip, threads)]

        def run():
            for _ in decode(clip, threads):
                pass
        return {"peer": version(name), "means": means}, run, len(means)
    return peer


if __name__ == "__main__":
    common.start({name: frames(name) for name in DECODERS})
