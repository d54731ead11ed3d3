"""Videos and photos to features; see common.py. The folder CASE has clip.json and, from clipcue,
features.npy. `features.py data CASE` writes the photos."""
import glob
import json
import os
import sys

import numpy
from PIL import Image

import common
import decode

MEAN = numpy.array([0.48145466, 0.4578275, 0.40821073], numpy.float32)
STD = numpy.array([0.26862954, 0.26130258, 0.27577711], numpy.float32)
BATCH, PHOTOS = 8, 32


def data(case):
    """Writes photos: soft colors with noise."""
    rng = numpy.random.default_rng(1)
    for i in range(PHOTOS):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), numpy.uint8)).resize((1440, 1080), Image.BICUBIC)
        noise = rng.normal(0, 6, (1080, 1440, 3))
        Image.fromarray(numpy.clip(numpy.asarray(small) + noise, 0, 255).astype(numpy.uint8)).save(f"{case}/{i:03}.jpg", quality=85)


def normalized(frames):
    return ((numpy.stack(frames).astype(numpy.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2).copy()


def about(name, got, case):
    want = numpy.load(case + "/features.npy")
    return {"peer": name, "cosine": common.cosine(got, want)}


def video(decoder, encoder):
    """A decoder, and an encoder of batches."""
    def peer(case, threads):
        clip = decode.Clip(case)
        encode, name = encoder(clip.model, threads)

        def run():
            features, frames = [], []
            for f in decode.DECODERS[decoder][0](clip, threads):
                frames.append(f)
                if len(frames) == BATCH:
                    features.append(encode(normalized(frames)))
                    frames = []
            if frames:
                padding = [frames[0]] * (BATCH - len(frames))  # graphs have a fixed size
                features.append(encode(normalized(frames + padding))[:len(frames)])
            return numpy.concatenate(features)

        got = run()
        return about(f"{decode.version(decoder)}, {name}", got, case), run, len(got)
    return peer


def openvino(model, threads):
    import image
    compiled, name = image.openvino_model(model, threads)
    request = compiled.create_infer_request()
    return lambda pixels: request.infer({0: pixels})[0].copy(), name


def onnx(model, threads):
    import image
    session, name = image.onnx_session(model, threads)
    return lambda pixels: session.run(None, {"pixels": pixels})[0], name


def open_clip(case, threads):
    """Its preprocessing of files, and its image tower, in batches."""
    import open_clip
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    with open(case + "/clip.json") as f:
        folder = json.load(f)["model"]
    with open(os.path.join(folder, "backbone", "open_clip_config.json")) as f:
        config = json.load(f)["model_cfg"]
    model = open_clip.CLIP(**{k: v for k, v in config.items() if k in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")})
    model.load_state_dict({k: torch.from_numpy(v) for k, v in common.weights(folder).items()}, strict=False)
    model.eval()
    side = config["vision_cfg"]["image_size"]
    prepare = open_clip.image_transform(side, is_train=False, mean=MEAN.tolist(), std=STD.tolist())
    files = sorted(glob.glob(case + "/*.jpg"))

    def run():
        parts = (files[i:i + BATCH] for i in range(0, len(files), BATCH))
        return torch.cat([model.encode_image(torch.stack([prepare(Image.open(f)) for f in part])) for part in parts]).numpy()

    name = f"open_clip {open_clip.__version__}, PyTorch {torch.__version__}"
    return about(name, run(), case), run, len(files)


if sys.argv[1] == "data":
    if not glob.glob(sys.argv[2] + "/*.jpg"):
        data(sys.argv[2])
else:
    common.start({
        "pyav-openvino": video("pyav", openvino),
        "pyav-onnx": video("pyav", onnx),
        "open_clip": open_clip,
    })
