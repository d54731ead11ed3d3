"""Short texts: open_clip's text tower, and the tokenizers of open_clip and Hugging Face; see
common.py."""
import json
import os

import common


def texts(case):
    with open(os.path.join(case, "texts.json")) as f:
        return json.load(f)


def expected(case):
    """The tokens of the texts, padded with -1."""
    return common.inputs(case)["tokens"].astype(int)


def wrong(tokens, want):
    """The share of the texts with other tokens than clipcue's."""
    return sum(list(a) != [t for t in b if t >= 0] for a, b in zip(tokens, want, strict=True)) / len(want)


def tower(case, threads):
    """Texts are padded to the longest, not to the 77 tokens that the model can read."""
    import open_clip
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    with open(os.path.join(case, "backbone", "open_clip_config.json")) as f:
        config = json.load(f)["model_cfg"]
    model = open_clip.CLIP(**{k: v for k, v in config.items() if k in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")})
    state = {k: torch.from_numpy(v) for k, v in common.weights(case).items()}
    model.load_state_dict(state, strict=False)
    model.eval()
    ids = expected(case)
    n = ids.shape[1]
    model.positional_embedding = torch.nn.Parameter(model.positional_embedding[:n])
    model.attn_mask = model.attn_mask[:n, :n]
    ids = torch.from_numpy(ids.clip(0))

    def run():
        return [model.encode_text(ids[i:i + 250]) for i in range(0, len(ids), 250)]

    found = common.error(torch.cat(run()).numpy(), common.inputs(case)["texts"])
    return {"peer": f"open_clip {open_clip.__version__}, PyTorch {torch.__version__}", "error": found}, run, len(ids)


def huggingface(case, threads):
    """CLIP's tokenizer as transformers configures it, with the merges of open_clip."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    import tokenizers
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    own = SimpleTokenizer()
    merges = [pair for pair, _ in sorted(own.bpe_ranks.items(), key=lambda x: x[1])]
    t = Tokenizer(models.BPE(own.encoder, merges, end_of_word_suffix="</w>", unk_token="<end_of_text>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(words, "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    ends, lines, want = [own.sot_token_id, own.eot_token_id], texts(case), expected(case)
    got = [[ends[0], *e.ids, ends[1]] for e in t.encode_batch(lines)]
    return {"peer": f"Hugging Face tokenizers {tokenizers.__version__}", "error": wrong(got, want)}, lambda: t.encode_batch(lines), len(lines)


def simple(case, _):
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer
    own, lines = SimpleTokenizer(), texts(case)
    got = [[own.sot_token_id, *own.encode(line), own.eot_token_id] for line in lines]
    return {"peer": f"open_clip {open_clip.__version__}", "error": wrong(got, expected(case))}, lambda: [own.encode(x) for x in lines], len(lines)


common.start({"tower": tower, "huggingface": huggingface, "simple": simple})
