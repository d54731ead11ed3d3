"""Writes the fixtures of SigLIP and SigLIP 2 below testdata/zoo: small random models in OpenCLIP's and
Transformers' layouts with their tokenizers, and what OpenCLIP and Transformers compute with them.

Needs torch, timm, open_clip_torch, transformers, sentencepiece and protobuf from PyPI.
"""

import argparse
import json
import logging
import pathlib
import tempfile

import open_clip
import sentencepiece
import tokenizers
import torch
import transformers
from open_clip.tokenizer import HFTokenizer, get_clean_fn
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from transformers.convert_slow_tokenizer import T5Converter

logging.disable(logging.ERROR)
WIDTH, HEADS, LAYERS, IMAGE, PATCH, CONTEXT = 24, 12, 2, 32, 8, 16

CORPUS = """a photo of a cat on the beach
a video of two people dancing in the street
the dog is running across a green field with a ball
someone cooks pasta and cuts vegetables in a kitchen
a red car drives through the city at night
children are playing football; it's raining and nobody cares
Ünïcödé Äpfel über Größe straße café naïve élève señor
日本語のテキスト 写真 猫 犬 車
中文 图片 一只猫 一只狗 在 跑步
مرحبا بالعالم صورة قطة كلب سيارة
русский текст кошка собака машина бежит
""" * 20

TEXTS = [
    "", " ", "a", "hello world", "A photo of a Cat!", "two  spaces   here ", " leading", "trailing ", "tab\tand\nnewline\r\nx",
    "Ünïcödé ÄÖÜ ß ẞ", "İstanbul IĞDIR ΟΔΟΣ Σ", "日本語のテキスト、写真。", "中文 图片 一只猫", "مرحبا بالعالم صورة قطة",
    "русский ТЕКСТ: кошка Ё", "한국어 고양이", "😀 emoji 👨‍👩‍👧‍👦 family 🇩🇪", "e\u0301 combining a\u030a", "ﬁ ligature ½ ² №",
    "full width ＡＢＣ　space", "control \x01\x02\x1f\x7f end", "zero\u200bwidth\ufeff", "it's don't we'll", "under_score __init__",
    "a/b\\c <b>bold</b> &amp; &lt;x&gt;", "▁already▁marked", "\u00a0nbsp\u2003em", "“curly” ‘quotes’ — dash …", "x" * 120,
    "word " * 200, "</s> eos <unk> <pad> <eos> <bos>", "\n\n\n \n", "100% 3.14 1,000", "q\u0301\u0302\u0303", "ǅ ǆ ŉ", "???", "_",
]

# A small part of SentencePiece's usual normalization: sources and targets are code points.
RULES = {"ﬁ": "fi", "½": "1⁄2", "²": "2", "№": "No", "Ａ": "A", "Ｂ": "B", "Ｃ": "C", "\u3000": " ", "\u200b": " ", "\ufeff": "",
         "\x01": "", "\x1f": " ", "…": "...", "e\u0301": "é", "a\u030a": "å", "、": ",", "ǆ": "dž", "ŉ": "ʼn", "\u00a0": " "}


def train(folder, kind, size, **options):
    """Returns the path of a SentencePiece model."""
    corpus, rules = folder / "corpus.txt", folder / "rules.tsv"
    corpus.write_text(CORPUS)
    code = lambda s: " ".join(f"{ord(c):04X}" for c in s)
    rules.write_text("".join(f"{code(a)}\t{code(b)}\n" for a, b in RULES.items()))
    if kind == "unigram":
        options["normalization_rule_tsv"] = str(rules)
    sentencepiece.SentencePieceTrainer.Train(
        input=str(corpus), model_prefix=str(folder / kind), model_type=kind, vocab_size=size, num_threads=1, minloglevel=2,
        hard_vocab_limit=False, **options)
    return folder / f"{kind}.model"


def unigram(folder):
    return train(folder, "unigram", 400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def t5_tokenizer(out, folder):
    """The tokenizer.json of SigLIP in OpenCLIP's repositories."""
    class Slow:
        vocab_file, _extra_ids, legacy, unk_token, add_prefix_space = str(unigram(folder)), 0, False, "<unk>", True

        def convert_tokens_to_ids(self, token):
            return {"</s>": 1}[token]

    tok = transformers.PreTrainedTokenizerFast(
        tokenizer_object=T5Converter(Slow()).converted(), eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    tok.save_pretrained(out)
    config = json.loads((out / "tokenizer_config.json").read_text())
    config.update(tokenizer_class="T5Tokenizer", extra_ids=0)
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def siglip_tokenizer(out, folder):
    """The spiece.model of SigLIP in Google's repositories."""
    transformers.SiglipTokenizer(vocab_file=str(unigram(folder))).save_pretrained(out)


def gemma_tokenizer(out, folder):
    """The tokenizer.json of SigLIP 2."""
    model = train(folder, "bpe", 420, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
                  remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                  bos_piece="<bos>", unk_piece="<unk>", user_defined_symbols=["\n", "\n\n", "▁▁", "<b>", "</b>"])
    sp = sentencepiece.SentencePieceProcessor(model_file=str(model))
    vocabulary = {sp.id_to_piece(i): i for i in range(len(sp))}
    merges = [(-sp.get_score(i), p[:k], p[k:]) for p, i in vocabulary.items() if i > 265
              for k in range(1, len(p)) if p[:k] in vocabulary and p[k:] in vocabulary]
    merges.sort(key=lambda m: m[0])
    tok = transformers.Siglip2Tokenizer(vocab=vocabulary, merges=[m[1:] for m in merges], padding_side="right",
                                        add_bos_token=False, add_eos_token=True)
    tok.add_tokens([tokenizers.AddedToken(t, normalized=False) for t in ["\n", "\n\n", "▁▁", "<b>", "</b>"]])
    tok.save_pretrained(out)


def randomize(model):
    """Gives all parameters random values that float16 holds, of a size that lets every part matter."""
    g = torch.Generator().manual_seed(1)
    for name, p in model.named_parameters():
        scale = 0.5 if p.ndim < 2 or "emb" in name or "latent" in name else 1.5 * p[0].numel() ** -0.5
        value = torch.randn(p.shape, generator=g) * scale + (1 if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "ln_1.weight", "ln_2.weight", "ln_final.weight")) else 0)
        p.data = value.half().float()
    for name, value in ("logit_scale", 2.5), ("logit_bias", -4.25):
        getattr(model, name).data.fill_(value)
    return model.eval()


def save(out, model, ids, images, texts, tokens):
    """Writes the weights as float16, and the expected results."""
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, out, metadata={"format": "pt"})
    save_file({"pixels": PIXELS, "ids": ids.int().contiguous(), "image": images.contiguous(), "text": texts.contiguous()}, out.parent / "expected.safetensors")
    (out.parent / "tokens.json").write_text(json.dumps([[t, i] for t, i in zip(TEXTS, tokens)], ensure_ascii=False, separators=(",", ":")))


PIXELS = torch.rand(1, 3, IMAGE, IMAGE, generator=torch.Generator().manual_seed(2)) * 2 - 1
COMPARED = [0, 2, 4, 9, 12, 16, 29]  # texts whose features are compared


def with_openclip(out, folder, tokenizer, timm_name, tanh):
    tokenizer(out, folder)
    tok = HFTokenizer(str(out), context_length=CONTEXT, clean="canonicalize")
    text = {"context_length": CONTEXT, "vocab_size": len(tok.tokenizer), "hf_tokenizer_name": str(out), "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": WIDTH, "heads": 4, "layers": LAYERS, "mlp_ratio": 2, "no_causal_mask": True, "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}}
    if tanh:
        text["act_kwargs"] = {"approximate": "tanh"}
    vision = {"image_size": IMAGE, "timm_model_name": timm_name, "timm_model_pretrained": False, "timm_pool": "map", "timm_proj": "none"}
    model = open_clip.model.CustomTextCLIP(WIDTH, {**vision, "timm_model_name": "vit_tiny_patch16_224", "timm_pool": "avg"}, text, init_logit_bias=-10)
    model.visual.trunk = VisionTransformer(
        img_size=IMAGE, patch_size=PATCH, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS, class_token=False, global_pool="map", num_classes=0,
        act_layer="gelu_tanh" if tanh else "gelu")
    model.visual.head = torch.nn.Identity()
    randomize(model)
    ids = tok(TEXTS)
    with torch.no_grad():
        save(out / "open_clip_model.safetensors", model, ids[COMPARED], model.encode_image(PIXELS), model.encode_text(ids[COMPARED]),
             [tok.tokenizer(get_clean_fn("canonicalize")(t), truncation=True, max_length=CONTEXT).input_ids for t in TEXTS])
    text["hf_tokenizer_name"] = "timm/" + out.name
    (out / "open_clip_config.json").write_text(json.dumps({
        "model_cfg": {"embed_dim": WIDTH, "init_logit_bias": -10, "custom_text": True, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}}, indent=1))


def with_transformers(out, folder, tokenizer):
    tokenizer(out, folder)
    tok = transformers.AutoTokenizer.from_pretrained(out)
    tower = {"hidden_size": WIDTH, "intermediate_size": 60, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
    model = transformers.SiglipModel(transformers.SiglipConfig(
        text_config={**tower, "vocab_size": len(tok), "max_position_embeddings": CONTEXT, "projection_size": WIDTH},
        vision_config={**tower, "image_size": IMAGE, "patch_size": PATCH}))
    randomize(model)
    ids = tok(TEXTS, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        save(out / "model.safetensors", model, ids[COMPARED], model.get_image_features(PIXELS).pooler_output,
             model.get_text_features(ids[COMPARED]).pooler_output, [tok(t, truncation=True, max_length=CONTEXT).input_ids for t in TEXTS])
    (out / "config.json").write_text(model.config.to_json_string(use_diff=True))
    transformers.SiglipImageProcessor(size={"height": IMAGE, "width": IMAGE}).save_pretrained(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    out = parser.parse_args().out
    for name, write in {
        "siglip": lambda o, f: with_openclip(o, f, t5_tokenizer, "vit_base_patch16_siglip_224", False),
        "siglip2": lambda o, f: with_openclip(o, f, gemma_tokenizer, "vit_base_patch32_siglip_256", True),
        "siglip-hf": lambda o, f: with_transformers(o, f, siglip_tokenizer),
        "siglip2-hf": lambda o, f: with_transformers(o, f, gemma_tokenizer),
    }.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            write(out / name, pathlib.Path(folder))


if __name__ == "__main__":
    main()
