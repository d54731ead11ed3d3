"""Compares `clipcue immich` with peer.py: the same requests, the same weights, one server after the
other. Prints images per second, latencies and how far the embeddings differ."""

import argparse
import io
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

MODEL = "ViT-B-32__openai"
TEXTS = ["a dog on a beach", "Zwei Kinder – im „Garten“", "it’s a cat & a mouse", "caf\u0065\u0301  ΟΔΟΣ\t2024", "word " * 200]


def photos(n, side):
    """Returns JPEG files with the size of Immich's previews."""
    rng, files = np.random.default_rng(1), []
    for i in range(n):
        size = (side, side * 3 // 4) if i % 2 else (side * 3 // 4 + i, side)
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        noise = rng.normal(0, 6, (size[1], size[0], 3))
        b = io.BytesIO()
        Image.fromarray(np.clip(np.asarray(small) + noise, 0, 255).astype(np.uint8)).save(b, "JPEG", quality=80)
        files.append(b.getvalue())
    return files


def post(address, fields):
    """Sends a form as Node's fetch does."""
    mark, body = uuid.uuid4().hex, b""
    for name, value in fields.items():
        file = b'; filename="blob"\r\nContent-Type: application/octet-stream' if isinstance(value, bytes) else b""
        data = value if isinstance(value, bytes) else value.encode()
        body += b"--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n" % (mark.encode(), name.encode(), file, data)
    r = urllib.request.Request(address + "/predict", body + b"--%s--\r\n" % mark.encode(), {"Content-Type": "multipart/form-data; boundary=" + mark})
    start = time.perf_counter()
    with urllib.request.urlopen(r) as answer:
        x = json.load(answer)
    return np.array(json.loads(x["clip"])), time.perf_counter() - start


def image(address, data):
    return post(address, {"entries": json.dumps({"clip": {"visual": {"modelName": MODEL}}}), "image": data})


def text(address, words):
    return post(address, {"entries": json.dumps({"clip": {"textual": {"modelName": MODEL, "options": {}}}}), "text": words})


def measure(name, command, env, files, a):
    """Returns the embeddings that a server gives."""
    port = 18700 + os.getpid() % 200
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([c.replace("PORT", str(port)) for c in command], env=os.environ | env, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address + "/ping")
                break
            except OSError:
                time.sleep(0.1)
        found = np.stack([image(address, f)[0] for f in files] + [text(address, t)[0] for t in TEXTS])
        with ThreadPoolExecutor(a.flight) as pool:
            end, start, waits = time.perf_counter() + a.seconds, time.perf_counter(), []

            def work(k):
                while time.perf_counter() < end:
                    waits.append(image(address, files[(k + len(waits)) % len(files)])[1])

            list(pool.map(work, range(a.flight)))
            took = time.perf_counter() - start
        p50, p95 = np.percentile(waits, [50, 95]) * 1000
        print(f"{name:16} {len(waits) / took:7.1f} images/s   p50 {p50:6.0f} ms   p95 {p95:6.0f} ms", flush=True)
        return found
    finally:
        server.terminate()
        server.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--clipcue", default="bin/clipcue")
    p.add_argument("--model", required=True, help="folder with OpenCLIP's weights")
    p.add_argument("--onnx", required=True, help="folder of export.py")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--flight", type=int, default=8, help="requests at a time")
    p.add_argument("--side", type=int, default=1440, help="longer side of the photos; Immich's previews have 1440")
    p.add_argument("--rounds", type=int, default=2)
    a = p.parse_args()
    files, here = photos(16, a.side), pathlib.Path(__file__).parent
    own = [a.clipcue, "immich", "-q", "--listen", "127.0.0.1:PORT", "--weights", f"{MODEL}={a.model}"]
    servers = [
        ("ONNX Runtime", [sys.executable, "-m", "uvicorn", "--app-dir", str(here), "--log-level", "warning", "--port", "PORT", "peer:app"]),
        ("clipcue", own), ("clipcue int8", own + ["--precision", "int8"]),
    ]
    for _ in range(a.rounds):
        found = {name: measure(name, command, {"PEER_MODEL": a.onnx}, files, a) for name, command in servers}
    exact = found.pop("ONNX Runtime")
    for name, x in found.items():
        cosine = (x * exact).sum(1)
        for what, rows in (("images", slice(0, len(files))), ("texts", slice(len(files), None))):
            print(f"{name}, {what}: largest difference {np.abs(x - exact)[rows].max():.1e}, lowest cosine {cosine[rows].min():.6f}")


if __name__ == "__main__":
    main()
