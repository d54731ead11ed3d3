"""Exports a folder with an OpenCLIP model to ONNX, one file per tower, with normalized embeddings and
a batch of one, as Immich's models are. Needs torch, open_clip_torch, transformers and onnx."""

import argparse
import json
import pathlib

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file
from transformers import CLIPTokenizer


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", type=pathlib.Path, help="folder with open_clip_config.json and open_clip_model.safetensors")
    p.add_argument("out", type=pathlib.Path)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.backends.mha.set_fastpath_enabled(False)
    config = json.loads((a.model / "open_clip_config.json").read_text())
    model = open_clip.CLIP(**{k: v for k, v in config["model_cfg"].items() if k in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")})
    model.load_state_dict({k: v.float() for k, v in load_file(a.model / "open_clip_model.safetensors").items()}, strict=False)
    model.eval().requires_grad_(False)
    side = config["model_cfg"]["vision_cfg"]["image_size"]
    context = config["model_cfg"]["text_cfg"]["context_length"]
    for name, forward, example in [
        ("visual", lambda x: model.encode_image(x, normalize=True), torch.randn(1, 3, side, side)),
        ("textual", lambda x: model.encode_text(x, normalize=True), torch.ones(1, context, dtype=torch.int32)),
    ]:
        model.forward = forward
        torch.onnx.export(model, (example,), str(a.out / f"{name}.onnx"), input_names=["input"],
                          output_names=["embedding"], opset_version=17, dynamo=False)
    (a.out / "preprocess.json").write_text(json.dumps(config["preprocess_cfg"] | {"size": side, "context": context}))
    own = SimpleTokenizer()
    merges = [tuple(pair) for pair, _ in sorted(own.bpe_ranks.items(), key=lambda kv: kv[1])]
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {marks.get(token, token): i for token, i in own.encoder.items()}
    CLIPTokenizer(vocab=vocab, merges=merges).backend_tokenizer.save(str(a.out / "tokenizer.json"))


if __name__ == "__main__":
    main()
