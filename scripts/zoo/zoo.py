"""Compares clipcue with the authors' libraries, and writes the fixtures of its tests.

  zoo.py fixtures testdata/zoo [NAME...]
  zoo.py parity path/to/clipcue [NAME...]
  zoo.py models FOLDER [NAME...]
  zoo.py measure FOLDER path/to/clipcue [NAME...]
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import families
import measure
import siglip

FAMILIES = families.FAMILIES | siglip.FAMILIES
FIXTURES = families.FIXTURES + siglip.FIXTURES

TEXTS = ["two dogs, one cat", "a", "it's a test of 42 words", "wait!? no!!"]  # CoCa takes a first ! for padding
NAMES = ["run", "sit down", "eat"]


class Fixed(torch.nn.Module):
    """Stands for the token embedding: gives vectors that are already there."""

    def __init__(self, vectors):
        super().__init__()
        self.vectors = vectors

    def forward(self, _):
        return self.vectors


def prompt_reference(m, generator):
    """The features of names between two prompt vectors and one after it, and the gradient of their
    product with given directions."""
    start, end = m.special
    ids = m.tokens(NAMES)
    owner, attribute = m.embedding
    table = getattr(owner, attribute)
    width = table.weight.shape[1]
    prompts = (0.5 * torch.randn(3, width, generator=generator)).requires_grad_()
    rows, marked = [], torch.full_like(ids, m.pad)
    for i, text in enumerate(ids):
        words = [t for t in text.tolist() if t not in (start, end, m.pad)]
        layout = ([start] if start is not None else []) + [~0, ~1] + words + [~2] + ([end] if end is not None else [])
        layout += [m.pad] * (ids.shape[1] - len(layout))
        marked[i] = torch.tensor([t if t >= 0 else 256 for t in layout])
        rows.append(torch.stack([prompts[~t] if t < 0 else table.weight[t] for t in layout]))
    setattr(owner, attribute, Fixed(torch.stack(rows)))
    features = m.texts(marked)
    setattr(owner, attribute, table)
    up = torch.randn(features.shape, generator=generator)
    (features * up).sum().backward()
    return {"prompts": prompts.detach(), "prompt_up": up, "prompt_features": features.detach(), "prompt_grad": prompts.grad}


def fixtures(out, names):
    for name in names or FIXTURES:
        folder = os.path.join(out, name)
        torch.manual_seed(1)
        m = FAMILIES[name].make(folder, small=True)
        generator = torch.Generator().manual_seed(2)
        rgb = torch.randint(0, 256, (2, m.side, m.side, 3), generator=generator, dtype=torch.uint8)
        pixels = (rgb.permute(0, 3, 1, 2).float() / 255 - torch.tensor(m.mean)[:, None, None]) / torch.tensor(m.std)[:, None, None]
        with torch.no_grad():
            expected = {}
            if m.images:
                expected |= {"rgb": rgb, "image": m.images(pixels)}
            if m.texts:
                expected |= {"text": m.texts(m.tokens(TEXTS))}
        if m.texts:
            expected |= prompt_reference(m, generator)
        save_file({k: v.contiguous() for k, v in expected.items()}, folder + ".safetensors",
                  {"texts": json.dumps(TEXTS), "names": json.dumps(NAMES)})
        size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) + os.path.getsize(folder + ".safetensors")
        print(f"{name}: {size / 1000:.0f} kB")


LONG = " ".join(["a dog runs over a green field"] * 29)[: 200 * 7]
MANY = ["", "cat", LONG, "Café à la crème, naïve Zoë", "a 🐶 and a 👩‍👩‍👧", "一只狗在草地上奔跑", "كلب يركض في الحقل", "it's 3_4 <b>&amp;</b>!"]
SIZES = [(31, 257), (224, 224), (640, 360), (97, 55), (1001, 777)]


def noise(path, size, seed):
    """An image with structure at all scales."""
    rng, w, h = np.random.default_rng(seed), *size
    x = np.zeros((h, w, 3))
    for scale in (2, 5, 13, 60):
        coarse = rng.uniform(0, 255, (h // scale + 2, w // scale + 2, 3)).astype(np.uint8)
        x += np.asarray(Image.fromarray(coarse).resize((w, h), Image.BICUBIC), float)
    Image.fromarray((x / 4).astype(np.uint8)).save(path)


def worst(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


def clipcue(program, folder, args):
    out = subprocess.run([program, "embed", "--json", "--truncate", "--model", folder, *args], capture_output=True, text=True)
    if out.returncode != 0:
        raise RuntimeError(out.stderr.strip().splitlines()[-1] if out.stderr.strip() else "failed")
    rows = json.loads(out.stdout)["items"]
    return np.array([r["embedding"] for r in rows])


def parity(program, names):
    print(f"{'family':<18}{'images':>10}{'texts':>10}   largest difference, of the largest value")
    failed = False
    for name in names or FAMILIES:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            torch.manual_seed(1)
            try:
                m = FAMILIES[name].make(folder, small=False)
                files = []
                for i, size in enumerate(SIZES):
                    files.append(os.path.join(folder, f"{i}.png"))
                    noise(files[-1], size, i)
                image = text = 0.0
                if m.images:
                    want = m.images(torch.stack([m.preprocess(Image.open(f)) for f in files])).numpy()
                    image = worst(clipcue(program, folder, files), want)
                if m.texts:
                    text = worst(clipcue(program, folder, [f"--text={t}" for t in MANY]), m.texts(m.tokens(MANY)).numpy())
            except Exception as e:  # one family must not hide the others
                print(f"{name:<18}failed: {e}")
                failed = True
                continue
            failed |= not (image <= 2e-5 and text <= 2e-5)
            print(f"{name:<18}{image:>10.1e}{text:>10.1e}{'   FAIL' if max(image, text) > 2e-5 else ''}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    command, path, *rest = sys.argv[1:]
    if command == "measure":
        measure.measure(rest[0], path, rest[1:])
        measure.table(path)
    else:
        {"fixtures": fixtures, "parity": parity, "models": measure.make}[command](path, rest)
