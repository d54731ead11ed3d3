"""A machine-learning server in the way of Immich's: FastAPI, Pillow, and ONNX Runtime with a batch of
one and two threads for each run. Needs fastapi, uvicorn, python-multipart, pillow, numpy, tokenizers,
onnxruntime. PEER_MODEL is the folder that export.py has written."""

import io
import json
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import asyncio
import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, File, Form
from PIL import Image
from tokenizers import Tokenizer

folder = pathlib.Path(os.environ["PEER_MODEL"])
config = json.loads((folder / "preprocess.json").read_text())
mean, std = np.array(config["mean"], np.float32), np.array(config["std"], np.float32)
options = ort.SessionOptions()
options.inter_op_num_threads, options.intra_op_num_threads = 1, 2
visual, textual = (ort.InferenceSession(str(folder / f), options) for f in ("visual.onnx", "textual.onnx"))
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_padding(length=config["context"], pad_token="<|endoftext|>", pad_id=tokenizer.token_to_id("<|endoftext|>"))
tokenizer.enable_truncation(max_length=config["context"])
pool = ThreadPoolExecutor(os.cpu_count())
app = FastAPI()


def pixels(image, size):
    width, height = image.size
    if width < height:
        image = image.resize((size, int(height / width * size)), Image.Resampling.BICUBIC)
    else:
        image = image.resize((int(width / height * size), size), Image.Resampling.BICUBIC)
    left, top = int(image.width / 2 - size / 2), int(image.height / 2 - size / 2)
    x = np.asarray(image.crop((left, top, left + size, top + size)), np.float32) / 255
    return ((x - mean) / std).transpose(2, 0, 1)[None]


def encode_image(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return visual.run(None, {"input": pixels(image, config["size"])})[0][0], image.size


def encode_text(text):
    return textual.run(None, {"input": np.array([tokenizer.encode(" ".join(text.split())).ids], np.int32)})[0][0]


@app.get("/ping")
def ping():
    return "pong"


@app.post("/predict")
async def predict(entries: str = Form(), image: bytes | None = File(default=None), text: str | None = Form(default=None)):
    loop = asyncio.get_running_loop()
    if image is None:
        return {"clip": json.dumps((await loop.run_in_executor(pool, encode_text, text)).tolist())}
    x, (width, height) = await loop.run_in_executor(pool, encode_image, image)
    return {"clip": json.dumps(x.tolist()), "imageHeight": height, "imageWidth": width}
