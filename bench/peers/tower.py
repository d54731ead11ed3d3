"""CLIP in plain PyTorch. Shapes: B batch, L tokens, D width."""
import torch
import torch.nn.functional as F


def tensors(arrays):
    return {k: torch.from_numpy(v) for k, v in arrays.items()}


def count(w, prefix):
    """The number of blocks under prefix."""
    return len({k[len(prefix):].split(".")[0] for k in w if k.startswith(prefix)})


def norm(w, name, x):
    return F.layer_norm(x, w[name + ".weight"].shape, w[name + ".weight"], w[name + ".bias"])


def heads(x, n):
    """[B, L, D] to [B, n, L, D/n]."""
    return x.reshape(x.shape[0], x.shape[1], n, x.shape[2] // n).transpose(1, 2)


def keys(w, name, x):
    """The queries, keys and values of a block, each [B, L, D]."""
    x = norm(w, name + ".ln_1", x)
    return F.linear(x, w[name + ".attn.in_proj_weight"], w[name + ".attn.in_proj_bias"]).chunk(3, -1)


def rest(w, name, x, attended):
    """The block after attention: projection and MLP with QuickGELU."""
    x = x + F.linear(attended, w[name + ".attn.out_proj.weight"], w[name + ".attn.out_proj.bias"])
    h = F.linear(norm(w, name + ".ln_2", x), w[name + ".mlp.c_fc.weight"], w[name + ".mlp.c_fc.bias"])
    return x + F.linear(h * torch.sigmoid(1.702 * h), w[name + ".mlp.c_proj.weight"], w[name + ".mlp.c_proj.bias"])


def attend(q, k, v, mask=None, causal=False):
    """Attention with heads of width 64."""
    n = max(1, q.shape[-1] // 64)
    h = F.scaled_dot_product_attention(heads(q, n), heads(k, n), heads(v, n), mask, is_causal=causal)
    return h.transpose(1, 2).reshape(q.shape)


def blocks(w, prefix, x, causal=False):
    for i in range(count(w, prefix)):
        name = f"{prefix}{i}"
        x = rest(w, name, x, attend(*keys(w, name, x), causal=causal))
    return x


def image(w, pixels):
    """pixels [B, 3, S, S] to features [B, E]."""
    conv = w["visual.conv1.weight"]
    x = F.conv2d(pixels, conv, stride=conv.shape[-1]).flatten(2).transpose(1, 2)
    x = torch.cat([w["visual.class_embedding"].expand(pixels.shape[0], 1, -1), x], 1)
    x = norm(w, "visual.ln_pre", x + w["visual.positional_embedding"])
    x = blocks(w, "visual.transformer.resblocks.", x)
    return norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"]


class Image(torch.nn.Module):
    """The image tower as a module."""

    def __init__(self, w):
        super().__init__()
        self.w = {k: v for k, v in w.items() if k.startswith("visual.")}

    def forward(self, pixels):
        return image(self.w, pixels)
