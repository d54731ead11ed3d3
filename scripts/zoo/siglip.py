"""SigLIP and SigLIP 2 in OpenCLIP's and Transformers' layouts, with small tokenizers of their kinds.

The real vocabularies are not on PyPI. The tokenizers here are trained on a few sentences.
"""

import json
import logging
import pathlib
import tempfile
from dataclasses import dataclass
from typing import Callable

import open_clip
import sentencepiece
import tokenizers
import torch
import transformers
from open_clip.tokenizer import HFTokenizer, get_clean_fn
from safetensors.torch import save_file
from transformers.convert_slow_tokenizer import T5Converter

import families

logging.disable(logging.ERROR)
CONTEXT = 24  # of small models

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

# Texts whose tokens are in the fixtures.
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


def gemma_tokenizer(out, folder, size=0):
    """The tokenizer.json of SigLIP 2, with tokens that no text has up to the given size."""
    model = train(folder, "bpe", 420, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
                  remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                  bos_piece="<bos>", unk_piece="<unk>", user_defined_symbols=["\n", "\n\n", "▁▁", "<b>", "</b>"])
    sp = sentencepiece.SentencePieceProcessor(model_file=str(model))
    vocabulary = {sp.id_to_piece(i): i for i in range(len(sp))}
    merges = [(-sp.get_score(i), p[:k], p[k:]) for p, i in vocabulary.items() if i > 265
              for k in range(1, len(p)) if p[:k] in vocabulary and p[k:] in vocabulary]
    merges.sort(key=lambda m: m[0])
    vocabulary |= {f"▁unused{i}": i for i in range(len(vocabulary), size)}
    tok = transformers.Siglip2Tokenizer(vocab=vocabulary, merges=[m[1:] for m in merges], padding_side="right",
                                        add_bos_token=False, add_eos_token=True)
    tok.add_tokens([tokenizers.AddedToken(t, normalized=False) for t in ["\n", "\n\n", "▁▁", "<b>", "</b>"]])
    tok.save_pretrained(out)


def write_tokens(folder, encode):
    """Writes the tokens of TEXTS for the test of the tokenizers."""
    tokens = [[t, encode(t)] for t in TEXTS]
    (folder / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False, separators=(",", ":")))


def bias(model):
    """Sets the scale and the bias of the probabilities to values that the tests know."""
    model.logit_scale.data.fill_(2.5)
    model.logit_bias.data.fill_(-4.25)


@dataclass
class SiglipOpenCLIP:
    """A model of OpenCLIP, by the name of its configuration there."""

    base: str
    tokenizer: Callable
    pad: int
    layers: int = 2  # of full models; None for all
    tokens: int = 0  # rows of the table of full models, if more than the tokenizer's

    def make(self, folder, small, seed=1):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            if self.tokens and not small:
                self.tokenizer(folder, pathlib.Path(temporary), self.tokens)
            else:
                self.tokenizer(folder, pathlib.Path(temporary))
        c = open_clip.get_model_config(self.base)
        vision, text = c["vision_cfg"], c["text_cfg"]
        changes = {"depth": self.layers} if self.layers else {}
        if small:
            c["embed_dim"] = 48
            vision["image_size"] = 32
            changes |= dict(embed_dim=48, num_heads=1, img_size=32, patch_size=8, mlp_ratio=0.25, depth=1)
            text.update(width=16, heads=2, mlp_ratio=2.0, context_length=CONTEXT)
            text["layers"] = 2
        elif self.layers:
            text["layers"] = self.layers
        tok = HFTokenizer(str(folder), context_length=text["context_length"], clean="canonicalize")
        text.update(vocab_size=len(tok.tokenizer), hf_tokenizer_name=None)
        model = families.build(c, changes).eval()
        families.randomize(model, seed)
        bias(model)
        text["hf_tokenizer_name"] = "timm/" + self.base
        preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
        families.write_openclip(folder, model, c, preprocess, small)
        if small:
            write_tokens(folder, lambda t: tok.tokenizer(get_clean_fn("canonicalize")(t), truncation=True, max_length=CONTEXT).input_ids)
        return families.Model(
            side=vision["image_size"], preprocess=open_clip.image_transform(vision["image_size"], is_train=False, **preprocess),
            images=lambda x: model.encode_image(x), tokens=tok, texts=lambda ids: model.encode_text(ids),
            embedding=(model.text, "token_embedding"), special=(None, 1), pad=self.pad, mean=preprocess["mean"], std=preprocess["std"])


@dataclass
class SiglipTransformers:
    """A SiglipModel of Transformers."""

    tokenizer: Callable
    pad: int
    width: int = 768
    mlp: int = 3072
    heads: int = 12
    image: int = 256
    patch: int = 16
    resample: int = 3

    def make(self, folder, small, seed=1):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            self.tokenizer(folder, pathlib.Path(temporary))
        tok = transformers.AutoTokenizer.from_pretrained(folder)
        width, mlp, heads, image, patch, context = (24, 60, 4, 32, 8, CONTEXT) if small else (self.width, self.mlp, self.heads, self.image, self.patch, 64)
        tower = {"hidden_size": width, "intermediate_size": mlp, "num_hidden_layers": 2, "num_attention_heads": heads}
        model = transformers.SiglipModel(transformers.SiglipConfig(
            text_config={**tower, "vocab_size": len(tok), "max_position_embeddings": context, "projection_size": width},
            vision_config={**tower, "image_size": image, "patch_size": patch})).eval()
        families.randomize(model, seed)
        bias(model)
        save_file(families.stored(model.state_dict()), folder / "model.safetensors", {"format": "pt"})
        (folder / "config.json").write_text(model.config.to_json_string(use_diff=True))
        processor = transformers.SiglipImageProcessorPil(size={"height": image, "width": image}, resample=self.resample)
        processor.save_pretrained(folder)
        if small:
            write_tokens(folder, lambda t: tok(t, truncation=True, max_length=CONTEXT).input_ids)
        return families.Model(
            side=image, preprocess=lambda i: processor(i, return_tensors="pt").pixel_values[0],
            images=lambda x: model.get_image_features(x).pooler_output,
            tokens=lambda t: tok(t, padding="max_length", truncation=True, max_length=context, return_tensors="pt").input_ids,
            texts=lambda ids: model.get_text_features(ids).pooler_output,
            embedding=(model.text_model.embeddings, "token_embedding"), special=(None, 1), pad=self.pad, mean=[0.5] * 3, std=[0.5] * 3)


FAMILIES = {
    "siglip": SiglipOpenCLIP("ViT-B-16-SigLIP", t5_tokenizer, 1),
    "siglip-l": SiglipOpenCLIP("ViT-L-16-SigLIP-256", t5_tokenizer, 1),
    "siglip-so400m": SiglipOpenCLIP("ViT-SO400M-14-SigLIP-384", t5_tokenizer, 1),
    "siglip2": SiglipOpenCLIP("ViT-B-32-SigLIP2-256", gemma_tokenizer, 0),
    "siglip2-b16": SiglipOpenCLIP("ViT-B-16-SigLIP2-256", gemma_tokenizer, 0),
    "siglip2-so400m": SiglipOpenCLIP("ViT-SO400M-16-SigLIP2-256", gemma_tokenizer, 0),
    "siglip2-gopt": SiglipOpenCLIP("ViT-gopt-16-SigLIP2-256", gemma_tokenizer, 0),
    "siglip-hf": SiglipTransformers(siglip_tokenizer, 1),
    "siglip-hf-so400m": SiglipTransformers(siglip_tokenizer, 1, 1152, 4304, 16, 384, 14),
    "siglip2-hf": SiglipTransformers(gemma_tokenizer, 0, resample=2),
}
FIXTURES = ["siglip", "siglip2", "siglip-hf", "siglip2-hf"]
