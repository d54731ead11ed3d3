"""Measures clipcue with random weights of the sizes of published models, in their files' layout.

A measurement of a model is a JSON file next to its folder, so that a table can be completed later.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

import families
import siglip
from families import FAMILIES, OpenCLIP

# By their names in `clipcue model list`.
MODELS = {
    "ViT-B/32": OpenCLIP("ViT-B-32-quickgelu"),
    "ViT-B/16": OpenCLIP("ViT-B-16-quickgelu"),
    "ViT-L/14": OpenCLIP("ViT-L-14-quickgelu"),
    "coca_ViT-B-32": FAMILIES["coca"],
    "EVA02-B-16": FAMILIES["eva02"],
    "PE-Core-B16-224": FAMILIES["pe-core"],
    "PE-Core-L14-336": FAMILIES["pe-core-l"],
    "siglip2-base-patch16-256": siglip.SiglipOpenCLIP("ViT-B-16-SigLIP2-256", siglip.gemma_tokenizer, 0, tokens=256_000),
    "MobileCLIP2-S0": FAMILIES["mobileclip2-s0"],
    "MobileCLIP2-S2": FAMILIES["mobileclip2-s2"],
    "MobileCLIP2-B": FAMILIES["mobileclip2-b"],
}
PRECISIONS = ["float32", "int8"]


def folder_of(root, name):
    return os.path.join(root, name.replace("/", "-"))


def make(root, names):
    """Writes the models that root does not have, as float32 like most published files."""
    families.DTYPE = torch.float32
    for name in names or MODELS:
        folder = folder_of(root, name)
        if os.path.exists(folder):
            continue
        torch.manual_seed(1)
        shutil.rmtree(folder + ".part", ignore_errors=True)
        with torch.no_grad():
            replace(MODELS[name], layers=None).make(folder + ".part", small=False)
        os.rename(folder + ".part", folder)
        print(f"{name}: {sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) / 1e6:.0f} MB", flush=True)


def run(args):
    """Returns the output of a program, its seconds and its largest resident memory in MiB."""
    begin = time.monotonic()
    child = subprocess.Popen(args, stdout=subprocess.PIPE)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise RuntimeError(f"{args} failed")
    return out, time.monotonic() - begin, usage.ru_maxrss / 1024


def measure_one(program, folder, image, precision, seconds):
    common = ["--model", folder, "--precision", precision]
    first = [run([program, "embed", "--json", *common, "--text=two dogs", image])[1:] for _ in range(2)]
    report = json.loads(run([program, "bench", "image", "text", "--json", f"--measure-seconds={seconds}", *common])[0])
    images, texts = report["results"]
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) / 2**20
    return {"file": size, "load": min(s for s, _ in first), "memory": max(m for _, m in first), "backend": report["backend"],
            "images": images["per_second"], "texts": texts["per_second"], "peak": images["peak_share"]}


def measure(program, root, names, seconds=3):
    image = os.path.join(root, "image.png")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)).save(image)
    for name in names or MODELS:
        results = {p: measure_one(program, folder_of(root, name), image, p, seconds) for p in PRECISIONS}
        backend = results["float32"]["backend"]
        with open(f"{folder_of(root, name)}.{backend}.json", "w") as f:
            json.dump(results, f, indent=1)
        print(name, backend, json.dumps(results), flush=True)


def table(root):
    """Prints the measurements in root as a table for each instruction set."""
    for backend in ["avx512", "avx2", "neon", "generic"]:
        rows = []
        for name in MODELS:
            path = f"{folder_of(root, name)}.{backend}.json"
            if os.path.exists(path):
                with open(path) as f:
                    r = json.load(f)
                pair = lambda key, form: " | ".join(form.format(r[p][key]) for p in PRECISIONS)
                rows.append(f"| `{name}` | {pair('images', '{:.3g}')} | {pair('texts', '{:.3g}')} | {r['float32']['file']:.0f} | {pair('memory', '{:.0f}')} | {pair('load', '{:.1f}')} |")
        if rows:
            print(f"\n{backend}:\n\n| model | images/s | int8 | texts/s | int8 | file, MiB | memory, MiB | int8 | load, s | int8 |\n|---|" + "---:|" * 9)
            print("\n".join(rows))
