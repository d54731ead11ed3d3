"""CLIP ViT in plain PyTorch, to compare with clipcue.

    peer.py export CASE GRAPH            write the image tower as an ONNX graph
    peer.py image CASE SECONDS THREADS   time the image tower
    peer.py train CASE SECONDS THREADS   time a training step

CASE is a folder with the weights, the inputs and clipcue's results. The last line of the output
is JSON. Shapes: B batch, T frames, C classes, L tokens, D width.
"""
import json
import os
import statistics
import struct
import sys
import time
import warnings

import torch
import torch.nn.functional as F


def load(path):
    """The tensors of a safetensors file of float32."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        if t["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {t['dtype']}, not F32")
        begin, end = t["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, offset=8 + size + begin, count=(end - begin) // 4)
        out[name] = flat.clone().reshape(t["shape"])
    return out


def count(w, prefix):
    """The number of blocks under prefix."""
    return len({k[len(prefix):].split(".")[0] for k in w if k.startswith(prefix)})


def block(w, name, x, heads, mask=None):
    """One pre-LN residual block with QuickGELU; x is [B, L, D]."""
    b, n, d = map(int, x.shape)  # plain numbers in an exported graph too
    h = F.layer_norm(x, (d,), w[name + ".ln_1.weight"], w[name + ".ln_1.bias"])
    q, k, v = F.linear(h, w[name + ".attn.in_proj_weight"], w[name + ".attn.in_proj_bias"]).chunk(3, -1)
    q, k, v = (t.reshape(b, n, heads, d // heads).transpose(1, 2) for t in (q, k, v))
    score = (q * (d // heads) ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        score = score + mask
    h = (score.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d)
    x = x + F.linear(h, w[name + ".attn.out_proj.weight"], w[name + ".attn.out_proj.bias"])
    h = F.layer_norm(x, (d,), w[name + ".ln_2.weight"], w[name + ".ln_2.bias"])
    h = F.linear(h, w[name + ".mlp.c_fc.weight"], w[name + ".mlp.c_fc.bias"])
    return x + F.linear(h * torch.sigmoid(1.702 * h), w[name + ".mlp.c_proj.weight"], w[name + ".mlp.c_proj.bias"])


def norm(w, name, x):
    return F.layer_norm(x, w[name + ".weight"].shape, w[name + ".weight"], w[name + ".bias"])


def blocks(w, prefix, x, mask=None):
    """The blocks under prefix, with heads of width 64."""
    heads = max(1, int(x.shape[-1]) // 64)
    for i in range(count(w, prefix)):
        x = block(w, f"{prefix}{i}", x, heads, mask)
    return x


def image(w, pixels):
    """pixels [B, 3, S, S] to features [B, E]."""
    conv = w["visual.conv1.weight"]
    x = F.conv2d(pixels, conv, stride=int(conv.shape[-1])).flatten(2).transpose(1, 2)
    x = torch.cat([w["visual.class_embedding"].expand(pixels.shape[0], 1, -1), x], 1)
    x = norm(w, "visual.ln_pre", x + w["visual.positional_embedding"])
    x = blocks(w, "visual.transformer.resblocks.", x)
    return norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"]


class Image(torch.nn.Module):
    def __init__(self, w):
        super().__init__()
        self.w = w

    def forward(self, pixels):
        return image(self.w, pixels)


class Step:
    """The paper's training step. It encodes all positions of all classes, as the
    authors' code does, but without a loop over the classes."""

    def __init__(self, w, adapter, case, prefix, postfix):
        self.w, self.case = w, case
        self.adapter = {k: v.requires_grad_() for k, v in adapter.items()}
        self.optimizer = torch.optim.AdamW(self.adapter.values(), lr=1e-4, weight_decay=0.01)
        names = case["names"].long()  # [C, n], padded with -1
        lengths = (names >= 0).sum(1)
        sot, eot = case["ends"].long().tolist()
        table = w["token_embedding.weight"]
        n = w["positional_embedding"].shape[0]
        self.tokens = torch.zeros(len(names), n, table.shape[1])
        self.isToken = torch.zeros(len(names), n, 1, dtype=torch.bool)
        self.eot = 1 + prefix + lengths + postfix
        for c, length in enumerate(lengths.tolist()):
            at = [0] + list(range(1 + prefix, 1 + prefix + length)) + [int(self.eot[c])]
            self.tokens[c, at] = table[torch.tensor([sot] + names[c, :length].tolist() + [eot])]
            self.isToken[c, at] = True
        self.mask = torch.full((n, n), float("-inf")).triu(1)
        self.target = case["target"].long()

    def loss(self):
        w, a = self.w, self.adapter
        x = torch.where(self.isToken, self.tokens, a["embedding.weight"]) + w["positional_embedding"]
        x = norm(w, "ln_final", blocks(w, "transformer.resblocks.", x, self.mask))
        text = x[torch.arange(len(x)), self.eot] @ w["text_projection"]
        x = blocks(a, "temporalModelling.resblocks.", self.case["frames"] + a["temporalEmbedding.weight"])
        logits = F.normalize(x.mean(1), dim=-1) @ F.normalize(text, dim=-1).t() / 0.07
        return F.cross_entropy(logits, self.target)

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def measure(f, seconds, items):
    """Warm up, and return the median time per item of at least three runs."""
    f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        f()
        times.append((time.perf_counter() - begin) / items)
    return {"seconds": statistics.median(times), "runs": len(times)}


def main(what, folder, *rest):
    w = load(os.path.join(folder, "backbone", "open_clip_model.safetensors"))
    case = load(os.path.join(folder, "case.safetensors"))
    if what == "export":
        warnings.simplefilter("ignore")  # sizes become constants, as intended
        with torch.inference_mode():
            torch.onnx.export(Image(w), case["pixels"], rest[0], opset_version=17, do_constant_folding=True,
                              input_names=["pixels"], output_names=["features"])
        return {}
    torch.set_num_threads(int(rest[1]))
    seconds, peer = float(rest[0]), {"peer": "PyTorch " + torch.__version__}
    if what == "image":
        with torch.inference_mode():
            want, got = case["features"], image(w, case["pixels"])
            error = float((got - want).abs().max() / want.abs().max())
            pixels = case["pixels"]
            return {**peer, "error": error, **measure(lambda: image(w, pixels), seconds, len(pixels))}
    adapter = load(os.path.join(folder, "adapter.safetensors"))
    step = Step(w, adapter, case, *case["prompts"].long().tolist())
    want = float(case["loss"])
    error = abs(step.run() - want) / want
    return {**peer, "error": error, **measure(step.run, seconds, 1)}


print(json.dumps(main(*sys.argv[1:])))
