"""Where does the model look? Attention weights of any module, and their rollout.

attention_maps  attention_rollout
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from kit import check
from kit.layers import attention_weights
from kit.shapes import Float, Tensor


@torch.no_grad()
def attention_maps(model, *inputs, **kwargs) -> list[Float[Tensor, "B H T S"]]:
    """The attention weights of every layer, in the order of the forward pass.

    Seen are calls of `F.scaled_dot_product_attention` (kit's layers, transformers), of
    `nn.MultiheadAttention`, and softmaxes over the last dimension of (B, H, T, S) scores.

    Args:
        model: any module or function; in training mode dropout is not part of the maps.
        inputs, kwargs: of its forward.

    Returns:
        One (B, H, T, S) a layer; rows sum to 1.

    Raises:
        ValueError: the model computes no attention in one of these ways.

    Lesson: 21
    """
    watcher = _Watcher()
    with watcher:
        model(*inputs, **kwargs)
    if not watcher.maps:
        raise ValueError("maps is empty, no attention was seen; give softmax(scores) of your own to rollout")
    return watcher.maps


def attention_rollout(maps: Sequence[Float[Tensor, "B H T T"]]) -> Float[Tensor, "B T T"]:
    """How much of each input token reaches each output token, through all layers.

    The mean over heads is mixed with the identity (the residual stream), half and half, and
    multiplied from the first layer to the last: Ã = A_L ... A_1. No causal proof: a token may
    be looked at and have no effect.

    Args:
        maps: one (B, H, T, T) a layer, first layer first, from `attention_maps`.

    Returns:
        (B, T, T); row t sums to 1.

    Raises:
        TypeError, ValueError: no maps, or one that is not (B, H, T, T).

    Source: Abnar & Zuidema 2020, arXiv:2005.00928, equations 1 and 2. Lesson: 21
    """
    check.nonempty("maps", maps)
    total = None
    for i, weights in enumerate(maps):
        check.tensor(f"maps[{i}]", weights, ndim=4, last=weights.shape[-2])
        mixed = (weights.mean(1) + torch.eye(weights.shape[-1]).to(weights)) / 2  # (B, T, T)
        mixed = mixed / mixed.sum(-1, keepdim=True)
        total = mixed if total is None else mixed @ total
    return total


class _Watcher(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.maps: list[Tensor] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is F.multi_head_attention_forward:
            wanted = kwargs.get("need_weights", True), kwargs.get("average_attn_weights", True)
            out, weights = func(*args, **{**kwargs, "need_weights": True, "average_attn_weights": False})
            self.maps.append(weights if weights.ndim == 4 else weights[None])  # a single sample
            return out, (weights.mean(1) if wanted[1] else weights) if wanted[0] else None
        out = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            options = dict(zip(("attn_mask", "dropout_p", "is_causal"), args[3:])) | kwargs
            query, key = (*args, *(kwargs[k] for k in ("query", "key") if k in kwargs))[:2]
            if query.ndim == 4:
                key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)  # grouped queries
            mask, causal = options.get("attn_mask"), options.get("is_causal", False)
            weights = attention_weights(query, key, mask, causal, options.get("scale"))
            self.maps.append(weights if query.ndim == 4 else weights.unsqueeze(1))  # (B, T, D): one head
        elif func.__name__ == "softmax" and out.ndim == 4 and (kwargs.get("dim", *args[1:2]) in (-1, 3)):
            self.maps.append(out)
        return out
