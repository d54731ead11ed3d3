"""The families of backbones that clipcue reads, one row each.

A row makes a model with random weights, writes it to a folder as its authors publish it, and
returns functions that encode images and texts as the authors' library does. Small models are
fixtures (testdata/zoo); full ones have the published architecture with fewer layers.
"""

import json
import os
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import Callable

import open_clip
import timm
import torch
import transformers
import tokenizers
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from safetensors.torch import save_file
from timm.models.vision_transformer_hybrid import ConvStem
from torchvision.transforms.functional import center_crop


@dataclass
class Model:
    """A model in a folder, and the reference for it."""

    side: int  # of images, in pixels
    preprocess: Callable  # a PIL image to pixels [3,side,side]
    images: Callable  # pixels [n,3,side,side] to features [n,E]; None without an image tower
    tokens: Callable  # texts to token ids [n,context]
    texts: Callable  # token ids to features [n,E]; None without a text tower
    embedding: tuple  # the owner of the module that turns ids into vectors, and its name there
    special: tuple  # the ids of the start and the end of a text; None where there is none
    pad: int = 0
    mean: tuple = (0.48145466, 0.4578275, 0.40821073)
    std: tuple = (0.26862954, 0.26130258, 0.27577711)


class Bytes:
    """CLIP's tokenizer without merge rules, whose vocabulary has 514 tokens."""

    def __init__(self, context, clean="lower"):
        self.whole = SimpleTokenizer(context_length=context, clean=clean)
        self.whole.bpe_ranks = {}

    def __call__(self, texts):
        ids = self.whole(texts)
        return torch.where(ids >= 49406, ids - 49406 + 512, ids)


def randomize(model, seed):
    """Draws all weights so that every part of the model matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if name.endswith(("logit_scale", "logit_bias")):
            continue
        x = torch.randn(p.shape, generator=generator)
        if p.ndim > 1:
            x = x / p[0].numel() ** 0.5 if "embed" not in name else x * 0.5
        else:
            x = 0.3 * x + (1.0 if name.endswith("weight") else 0.0)
        if "gamma" in name:
            x = 0.5 + 0.2 * x
        p.data.copy_(x.half().float())


# Small sizes of the models of timm, and of OpenCLIP's.
SMALL_TIMM = dict(embed_dim=64, depth=2, num_heads=1, img_size=28, patch_size=4, mlp_ratio=0.5)
SMALL_VISION = dict(image_size=28, patch_size=7, width=32, layers=2, head_width=16, mlp_ratio=2.0)
SMALL_TEXT = dict(context_length=32, vocab_size=514, width=16, layers=2, heads=2, mlp_ratio=2.0)
SMALL_DECODER = dict(context_length=32, vocab_size=514, width=16, layers=1, heads=2, attn_pooler_heads=2)


@dataclass
class OpenCLIP:
    """A model of OpenCLIP, by the name of its configuration there."""

    base: str
    vision: dict = field(default_factory=dict)  # changes of vision_cfg
    text: dict = field(default_factory=dict)  # changes of text_cfg
    timm: dict = field(default_factory=dict)  # changes of the sizes of a small model of timm
    small: dict = field(default_factory=dict)  # changes of text_cfg of a small model
    preprocess: dict = field(default_factory=dict)
    embed: int = 24
    layers: int = 2  # of full models; None for all
    whole: dict = field(default_factory=dict)  # changes of model_cfg
    write: Callable = None  # writes the weights, if not as OpenCLIP does
    bert: bool = False  # the tokenizer is BERT's

    def config(self, small):
        c = open_clip.get_model_config(self.base)
        vision, text = c["vision_cfg"], c["text_cfg"]
        is_timm = "timm_model_name" in vision
        if small:
            c["embed_dim"] = self.embed
            text.update(SMALL_TEXT)
            vision.update({"image_size": 28} if is_timm else SMALL_VISION)
        elif self.layers:
            text["layers"] = self.layers
            if not is_timm:
                vision["layers"] = self.layers
        vision.update(self.vision)
        text.update(self.text)
        if small:
            text.update(vocab_size=SMALL_TEXT["vocab_size"], **self.small)
            if "multimodal_cfg" in c:
                c["multimodal_cfg"].update(SMALL_DECODER)
                vision["attn_pooler_queries"] = 3
        c.update(self.whole)
        return c

    def changes(self, small):
        """The arguments of timm's model."""
        return {**SMALL_TIMM, **self.timm} if small else {"depth": self.layers} if self.layers else {}

    def extend(self, model):
        """Changes the architecture."""

    def settle(self, model, side):
        """Changes the weights."""

    def make(self, folder, small, seed=1):
        c = self.config(small)
        model = build(c, self.changes(small) if "timm_model_name" in c["vision_cfg"] else None)
        self.extend(model)
        randomize(model, seed)
        self.settle(model, c["vision_cfg"]["image_size"])
        model.eval()
        preprocess = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
                      "interpolation": "bicubic", "resize_mode": "shortest", **self.preprocess}
        os.makedirs(folder, exist_ok=True)
        (self.write or write_openclip)(folder, model, c, preprocess, small)
        side = c["vision_cfg"]["image_size"]
        context, clean = c["text_cfg"]["context_length"], c["text_cfg"].get("tokenizer_kwargs", {}).get("clean", "lower")
        tokens = Bytes(context, clean) if small else SimpleTokenizer(context_length=context, clean=clean)
        special = (512, 513) if small else (49406, 49407)
        if self.bert:
            tokens, special = bert_tokenizer(folder, context), (2, 0)
        text = getattr(model, "text", model)
        return Model(
            side=side,
            preprocess=open_clip.image_transform(side, is_train=False, mean=preprocess["mean"], std=preprocess["std"],
                                                 interpolation=preprocess["interpolation"], resize_mode=preprocess["resize_mode"]),
            images=lambda x: model.encode_image(x, normalize=False),
            tokens=tokens,
            texts=lambda ids: model.encode_text(ids, normalize=False),
            embedding=(text, "token_embedding"),
            special=special,
            mean=preprocess["mean"], std=preprocess["std"],
        )


def build(config, changes):
    """Returns a model of OpenCLIP; changes are arguments of timm's model."""
    create = timm.create_model
    if changes is not None:
        timm.create_model = lambda name, **k: create(name, **{**k, **changes})
    try:
        kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
        return kind(**{k: v for k, v in config.items() if k != "custom_text"})
    finally:
        timm.create_model = create


def bert_tokenizer(folder, context):
    """Writes a small vocabulary of BERT's kind. The real one is not on PyPI."""
    corpus = ["two dogs run, one cat sits down; it's a test of 42 words", "a photo of a person running over the green field", "Café naïve Zoë"] * 3
    whole = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    whole.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    whole.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    whole.train_from_iterator(corpus, tokenizers.trainers.WordPieceTrainer(
        vocab_size=160, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    vocabulary = sorted(whole.get_vocab().items(), key=lambda item: item[1])
    path = os.path.join(folder, "vocab.txt")
    with open(path, "w") as f:
        f.write("".join(token + "\n" for token, _ in vocabulary))
    transformers.BertTokenizerFast(vocab=path, do_lower_case=True).save_pretrained(folder)
    os.remove(path)
    return HFTokenizer(folder, context_length=context, strip_sep_token=True)


DTYPE = torch.float16  # of the files


def stored(state):
    return {name: t.to(DTYPE).contiguous() for name, t in state.items()}


def write_openclip(folder, model, config, preprocess, small):
    save_file(stored(model.state_dict()), os.path.join(folder, "open_clip_model.safetensors"), {"format": "pt"})
    write_config(folder, config, preprocess)


def write_config(folder, config, preprocess):
    with open(os.path.join(folder, "open_clip_config.json"), "w") as f:
        json.dump({"model_cfg": config, "preprocess_cfg": preprocess}, f, indent=1)


def write_meta(folder, model, config, preprocess, small):
    """Writes Meta's own file of a Perception Encoder. timm converts such files (_convert_pe), which
    is the reference for the names. Their projection of images has no bias."""
    model.visual.trunk.head.bias.data.zero_()
    out = {}
    for name, t in stored(model.state_dict()).items():
        name = name.removeprefix("text.")
        if not name.startswith("visual.trunk."):
            out[name] = t
            continue
        name = name.removeprefix("visual.trunk.")
        for a, b in [("blocks.", "transformer.resblocks."), ("attn.qkv.", "attn.in_proj_"), ("attn.proj.", "attn.out_proj."),
                     ("attn_pool.proj.", "attn_pool.attn.out_proj."), ("attn_pool.latent", "attn_pool.probe"), ("attn_pool.norm.", "attn_pool.layernorm."),
                     ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"), ("norm_pre.", "ln_pre."), ("patch_embed.proj.", "conv1."),
                     ("norm1.", "ln_1."), ("norm2.", "ln_2."), ("pos_embed", "positional_embedding"), ("cls_token", "class_embedding")]:
            name = name.replace(a, b)
        if name.startswith("norm."):
            name = "ln_post." + name.removeprefix("norm.")
        out["visual." + name] = t
    for name in ["visual.class_embedding", "visual.positional_embedding"]:
        if name in out:
            out[name] = out[name].squeeze(0).squeeze(0) if name.endswith("class_embedding") else out[name].squeeze(0)
    for part in ["weight", "bias"]:
        out["visual.attn_pool.attn.in_proj_" + part] = torch.cat([out.pop("visual.attn_pool.q." + part), out.pop("visual.attn_pool.kv." + part)])
    out["visual.proj"] = out.pop("visual.head.weight").T.contiguous()
    out.pop("visual.head.bias")
    torch.save(out, os.path.join(folder, "PE-Core.pt"))


PE = {"interpolation": "bilinear", "resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3}
PE_SMALL = dict(attn_pool_mlp_ratio=0.25, depth=1)


SMALL_MOBILE = dict(embed_dims=(4, 8, 16, 32), layers=(1, 2, 1, 1), mlp_ratios=(3, 2, 2, 1))
SMALL_MOBILE_WIDE = dict(embed_dims=(4, 8, 8, 32, 32), layers=(1, 1, 1, 1, 1), mlp_ratios=(1, 1, 1, 0.5, 0.25))
UNIT = {"interpolation": "bilinear", "mean": [0.0] * 3, "std": [1.0] * 3}


@dataclass
class MobileCLIP(OpenCLIP):
    """A model with a convolutional image tower. Its statistics of batch norms are near those of
    random images, and what blocks add is small, so that float32 is exact enough for a comparison."""

    side: int = 64  # of the images of a small model

    def config(self, small):
        c = super().config(small)
        if small:
            c["vision_cfg"]["image_size"] = self.side
        return c

    def changes(self, small):
        return self.timm if small else {}

    def settle(self, model, side):
        generator = torch.Generator().manual_seed(3)
        for name, p in model.named_parameters():
            if "gamma" in name:
                p.data.copy_((0.3 * p.data).half().float())
        norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for m in norms:
            m.momentum = 1.0
        model.train()
        with torch.no_grad():
            model.encode_image(torch.randn(4, 3, side, side, generator=generator))
            if isinstance(model.text, HybridText):
                model.encode_text(torch.randint(0, model.text.vocab_size, (8, model.text.num_pos), generator=generator))
        for m in norms:
            mean, variance = m.running_mean, m.running_var
            mean += 0.3 * variance.sqrt() * torch.randn(mean.shape, generator=generator)
            variance *= 0.5 + torch.rand(variance.shape, generator=generator)
            mean.copy_(mean.half().float())
            variance.copy_(variance.clamp(min=0.01).half().float())


class TextMixer(torch.nn.Module):
    """Convolutions over the positions of texts [n,N,D], and an MLP."""

    def __init__(self, width, kernel=11):
        super().__init__()

        def conv():
            return torch.nn.Sequential(OrderedDict(
                conv=torch.nn.Conv2d(width, width, (1, kernel), padding=(0, kernel // 2), groups=width, bias=False), bn=torch.nn.BatchNorm2d(width)))

        self.mix, self.mix_skip, self.norm_skip = conv(), torch.nn.BatchNorm2d(width), torch.nn.BatchNorm2d(width)
        self.mlp = torch.nn.Sequential(OrderedDict(
            conv=conv(), fc1=torch.nn.Conv2d(width, 4 * width, 1), act=torch.nn.GELU(), fc2=torch.nn.Conv2d(4 * width, width, 1)))
        self.mix_gamma, self.mlp_gamma = (torch.nn.Parameter(torch.ones(width, 1, 1)) for _ in range(2))

    def forward(self, x):
        x = x.mT[:, :, None]
        x = x + self.mix_gamma * (self.mix(x) + self.mix_skip(x) - self.norm_skip(x))
        x = x + self.mlp_gamma * self.mlp(x)
        return x[:, :, 0].mT


class HybridText(open_clip.transformer.TextTransformer):
    """The text tower of MobileCLIP-S0, which OpenCLIP does not have: convolutions before and after
    the Transformer."""

    def forward(self, ids):
        x = self.mixers[1](self.transformer(self.mixers[0](self.token_embedding(ids) + self.positional_embedding)))
        return self.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection


@dataclass
class MobileCLIPS0(MobileCLIP):
    """MobileCLIP2-S0 with the text tower of MobileCLIP-S0."""

    def extend(self, model):
        model.text.__class__ = HybridText
        model.text.mixers = torch.nn.ModuleList(TextMixer(model.text.ln_final.weight.shape[0]) for _ in range(2))


@dataclass
class MobileCLIPB(MobileCLIP):
    """A model with a ViT whose patches pass through three convolutions."""

    def changes(self, small):
        if not small:
            return super(MobileCLIP, self).changes(small)
        stem = ConvStem(channels=(8, 8, 64), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0, act_layer=torch.nn.GELU)
        return dict(embed_dim=64, depth=1, num_heads=1, img_size=32, mlp_ratio=0.5,
                    embed_layer=partial(timm.layers.HybridEmbed, backbone=stem, proj=False))


def write_reparameterized(folder, model, config, preprocess, small):
    """Writes a model whose image tower has one convolution for the branches of each layer."""
    trunk = timm.utils.model.reparameterize_model(model.visual.trunk)
    trunk.load_state_dict({name: t.float() for name, t in stored(trunk.state_dict()).items()})
    model.visual.trunk = trunk
    write_openclip(folder, model, config, preprocess, small)


# Names of Apple's own files of MobileCLIP: OpenCLIP's, and Apple's. open_clip.convert translates
# them back.
APPLE_TEXT = [("text.token_embedding.", "text_encoder.embedding_layer."), ("text.ln_final.", "text_encoder.final_layer_norm."),
              ("text.text_projection", "text_encoder.projection_layer"), ("mix_gamma", "token_mixer.layer_scale"), ("mlp_gamma", "layer_scale"),
              ("mix.", "token_mixer.mixer.rbr_conv.0."), ("mix_skip.", "token_mixer.mixer.rbr_skip."), ("norm_skip.", "token_mixer.norm.rbr_skip."),
              ("mlp.conv.", "convffn.conv."), ("mlp.fc", "convffn.fc"), ("text.transformer.resblocks.", "text_encoder.transformer."),
              ("text.positional_embedding", "text_encoder.positional_embedding.pos_embed.pos_embed"),
              ("ln_1.", "pre_norm_mha.0."), ("attn.in_proj_", "pre_norm_mha.1.qkv_proj."), ("attn.out_proj.", "pre_norm_mha.1.out_proj."),
              ("ln_2.", "pre_norm_ffn.0."), ("mlp.c_fc.", "pre_norm_ffn.1."), ("mlp.c_proj.", "pre_norm_ffn.4.")]
APPLE_TRUNK = [("visual.trunk.", "image_encoder.model."), ("stem.", "patch_embed."), ("stages.0.blocks.", "network.0."),
               ("stages.1.downsample.", "network.1."), ("stages.1.blocks.", "network.2."), ("stages.2.downsample.", "network.3."),
               ("stages.2.blocks.", "network.4."), ("stages.3.downsample.", "network.5."), ("stages.3.pos_emb.pos_enc.", "network.6.pe."),
               ("stages.3.pos_emb.", "network.6."), ("stages.3.blocks.", "network.7."), ("final_conv.se.fc1", "conv_exp.se.reduce"),
               ("final_conv.se.fc2", "conv_exp.se.expand"), ("final_conv.", "conv_exp."), ("head.fc.weight", "head.proj"), ("conv_kxk.", "rbr_conv."),
               ("conv_scale.", "rbr_scale."), ("identity.", "rbr_skip."), ("large_conv.", "lkb_origin."), ("proj.0.reparam_conv.", "proj.0.lkb_reparam."),
               (".mlp.", ".convffn."), (".gamma", "")]
APPLE_VIT = [("visual.trunk.", "image_encoder.model."), (".conv.", ".block.conv."), (".bn.", ".block.norm."),
             ("patch_embed.backbone.", "patch_emb."), ("model.norm.", "model.post_transformer_norm."), ("model.pos_embed", "model.pos_embed.pos_embed.pos_embed"), ("head.weight", "classifier.proj"),
             ("blocks.", "transformer."), ("norm1.", "pre_norm_mha.0."), ("attn.qkv.", "pre_norm_mha.1.qkv_proj."), ("attn.proj.", "pre_norm_mha.1.out_proj."),
             ("norm2.", "pre_norm_ffn.0."), ("mlp.fc1.", "pre_norm_ffn.1."), ("mlp.fc2.", "pre_norm_ffn.4.")]


def write_apple(folder, model, config, preprocess, small):
    """Writes Apple's own file of a MobileCLIP. Its projection of images has no bias. OpenCLIP reads
    it back, unless it is re-parameterized or S0. Only a small model has a configuration."""
    trunk = model.visual.trunk
    vit, hybrid = hasattr(trunk, "patch_embed"), isinstance(model.text, HybridText)
    bias = (trunk.head if vit else trunk.head.fc).bias
    bias.data.zero_()
    out = {}
    for name, t in stored(model.state_dict()).items():
        if name.endswith(("head.bias", "head.fc.bias", "attn_mask")):
            continue
        if hybrid:
            name = re.sub(r"resblocks\.([0-9]+)", lambda m: f"resblocks.{int(m[1]) + 1}", name)
            name = re.sub(r"mixers\.([01])", lambda m: f"transformer.resblocks.{int(m[1]) * (len(model.text.transformer.resblocks) + 1)}", name)
        for a, b in APPLE_TEXT if name.startswith("text.") else APPLE_VIT if vit else APPLE_TRUNK:
            name = name.replace(a, b)
        if name.endswith("pos_embed.pos_embed"):
            t = t.reshape(1, 1, *t.shape[-2:])
        out[name] = t.T.contiguous() if name.endswith(("head.proj", "classifier.proj")) else t
    path = os.path.join(folder, "mobileclip.pt")
    torch.save(out, path)
    if not hybrid and not any(".reparam_conv." in name for name in out):
        open_clip.factory.load_checkpoint(model, path)
    if small:
        write_config(folder, config, preprocess)


def write_apple_reparameterized(folder, model, config, preprocess, small):
    write_reparameterized(folder, model, config, preprocess, small)
    os.remove(os.path.join(folder, "open_clip_model.safetensors"))
    os.remove(os.path.join(folder, "open_clip_config.json"))
    write_apple(folder, model, config, preprocess, small)


def write_apple2(folder, model, config, preprocess, small):
    """Writes a file with OpenCLIP's names, as its training does, without a configuration."""
    torch.save({"state_dict": {"module." + name: t for name, t in stored(model.state_dict()).items()}}, os.path.join(folder, "mobileclip2.pt"))


@dataclass
class HuggingFace:
    """A CLIPModel of transformers, or one of its towers."""

    towers: str = "both"  # or "image" or "text"
    vision: dict = field(default_factory=dict)
    text: dict = field(default_factory=dict)

    def make(self, folder, small, seed=1):
        vision = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7) if small else \
            dict(hidden_size=256, intermediate_size=1024, num_hidden_layers=2, num_attention_heads=4, image_size=224, patch_size=16)  # TinyCLIP
        text = dict(hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, vocab_size=514, max_position_embeddings=32, bos_token_id=512, eos_token_id=513) if small else \
            dict(hidden_size=256, intermediate_size=1024, num_hidden_layers=2, num_attention_heads=4)
        embed = dict(projection_dim=24)
        vision, text = {**vision, **embed, **self.vision}, {**text, **embed, **self.text}
        if self.towers == "image":
            model = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**vision))
        elif self.towers == "text":
            model = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(**text))
        else:
            model = transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision, text_config=text, **embed))
        randomize(model, seed)
        model.eval().half().save_pretrained(folder)
        model.float()
        # The default of Transformers 5 resizes by torchvision, whose filter differs from PIL's, with
        # which such models were trained.
        settings = dict(size={"shortest_edge": vision["image_size"]}, crop_size=vision["image_size"])
        processor = transformers.CLIPImageProcessorPil(**settings)
        if self.towers != "text":
            transformers.CLIPImageProcessor(**settings).save_pretrained(folder)
        context = text.get("max_position_embeddings", 77)
        return Model(
            side=vision["image_size"],
            # If an odd number of pixels is cropped, clipcue and OpenCLIP crop as torchvision does;
            # transformers takes the center half a pixel further to the left or top.
            preprocess=lambda image: center_crop(processor(image.convert("RGB"), do_center_crop=False, return_tensors="pt").pixel_values[0], vision["image_size"]),
            images=None if self.towers == "text" else lambda x: model.visual_projection(model.vision_model(x).pooler_output),
            tokens=Bytes(context) if small else SimpleTokenizer(context_length=context),
            texts=None if self.towers == "image" else lambda ids: model.text_projection(model.text_model(ids).pooler_output),
            embedding=(None if self.towers == "image" else model.text_model.embeddings, "token_embedding"),
            special=(512, 513) if small else (49406, 49407),
        )


# The rows: the name of the folder, and what makes it.
FAMILIES = {
    # Everything that OpenCLIP calls ViT.
    "vit": OpenCLIP("ViT-B-16"),
    "vit-squash": OpenCLIP("ViT-H-14-quickgelu", preprocess={"resize_mode": "squash"}),  # DFN, MetaCLIP
    "vit-layer-scale": OpenCLIP("ViT-M-16-alt"),
    "vit-mlp": OpenCLIP("ViT-g-14", vision=dict(mlp_ratio=4.3637)),
    "vit-mean": OpenCLIP("ViT-B-16", vision=dict(pool_type="avg", norm_kwargs={"eps": 1e-6}),
                         text=dict(act_kwargs={"approximate": "tanh"}, proj_bias=True, pool_type="first", no_causal_mask=True,
                                   tokenizer_kwargs={"clean": "canonicalize"}), whole=dict(custom_text=True)),
    "clipa": OpenCLIP("ViT-L-14-CLIPA", bert=True),
    "coca": OpenCLIP("coca_ViT-B-32"),
    # CLIPModel of transformers.
    "hf": HuggingFace(vision=dict(hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6), text=dict(hidden_act="gelu")),
    "hf-image": HuggingFace("image"),
    "hf-text": HuggingFace("text"),
    # PE-Core.
    "pe-core": OpenCLIP("PE-Core-B-16", preprocess=PE, timm=PE_SMALL),
    "pe-core-t": OpenCLIP("PE-Core-T-16-384", preprocess=PE, timm=PE_SMALL),
    "pe-core-l": OpenCLIP("PE-Core-L-14-336", preprocess=PE, timm=PE_SMALL),
    "pe-core-g": OpenCLIP("PE-Core-bigG-14-448", preprocess=PE, timm=PE_SMALL),
    "pe-core-meta": OpenCLIP("PE-Core-B-16", preprocess=PE, timm=dict(PE_SMALL, ref_feat_shape=(7, 7)), small=dict(heads=1), write=write_meta),
    # EVA-01 and EVA-02.
    "eva02": OpenCLIP("EVA02-B-16", timm=dict(mlp_ratio=0.25)),
    "eva02-l": OpenCLIP("EVA02-L-14-336"),
    "eva01": OpenCLIP("EVA01-g-14"),
    # MobileCLIP and MobileCLIP2.
    "mobileclip2-s0": MobileCLIP("MobileCLIP2-S0", timm=SMALL_MOBILE, preprocess=UNIT),
    "mobileclip2-s0-one": MobileCLIP("MobileCLIP2-S0", timm=SMALL_MOBILE, preprocess=UNIT, write=write_reparameterized),
    "mobileclip-s1": MobileCLIP("MobileCLIP-S1", timm=SMALL_MOBILE, preprocess=UNIT),
    "mobileclip2-s2": MobileCLIP("MobileCLIP2-S2", timm=SMALL_MOBILE, preprocess=UNIT),
    "mobileclip2-s3": MobileCLIP("MobileCLIP2-S3", timm=SMALL_MOBILE_WIDE, preprocess={"interpolation": "bilinear"}),
    "mobileclip2-b": MobileCLIPB("MobileCLIP2-B", side=32, preprocess=UNIT),
    "mobileclip2-l": OpenCLIP("MobileCLIP2-L-14", timm=dict(embed_dim=64)),
    "mobileclip2-s4": MobileCLIP("MobileCLIP2-S4", timm=SMALL_MOBILE_WIDE, preprocess={"interpolation": "bilinear"}),
    # The same in Apple's own files, which have no configuration. B-LT has the sizes of B.
    "apple-s0": MobileCLIPS0("MobileCLIP2-S0", timm=SMALL_MOBILE, preprocess=UNIT, layers=None, text=dict(layers=4), write=write_apple),
    "apple-s1": MobileCLIP("MobileCLIP-S1", timm=SMALL_MOBILE, preprocess=UNIT, layers=None, write=write_apple),
    "apple-s1-one": MobileCLIP("MobileCLIP-S1", timm=SMALL_MOBILE, preprocess=UNIT, layers=None, write=write_apple_reparameterized),
    "apple-s2": MobileCLIP("MobileCLIP-S2", preprocess=UNIT, layers=None, write=write_apple),
    "apple-b": MobileCLIPB("MobileCLIP-B", side=32, preprocess=UNIT, layers=None, write=write_apple),
    "apple2-s0": MobileCLIP("MobileCLIP2-S0", preprocess=UNIT, layers=None, write=write_apple2),
    "apple2-s2": MobileCLIP("MobileCLIP2-S2", preprocess=UNIT, layers=None, write=write_apple2),
    "apple2-b": MobileCLIPB("MobileCLIP2-B", preprocess=UNIT, layers=None, write=write_apple2),
    "apple2-s3": MobileCLIP("MobileCLIP2-S3", preprocess={"interpolation": "bilinear"}, layers=None, write=write_apple2),
    "apple2-s4": MobileCLIP("MobileCLIP2-S4", preprocess={"interpolation": "bilinear"}, layers=None, write=write_apple2),
    "apple2-l": OpenCLIP("MobileCLIP2-L-14", layers=None, write=write_apple2),
}

# The rows that are fixtures.
FIXTURES = ["vit-mean", "clipa", "coca", "hf", "hf-image", "hf-text", "pe-core", "pe-core-meta", "eva02", "mobileclip2-s0", "mobileclip2-s0-one", "mobileclip2-s3", "mobileclip2-b", "apple-s0", "apple-s1", "apple-s1-one", "apple-b"]
