"""Attention: softmax(Q Kᵀ / √D) V, alone and in several heads.

scaled_dot_product_attention  causal_attention  attention_weights  causal_mask
MultiheadAttention
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.dropout import dropout
from kit.layers.fused import fused
from kit.layers.linear import Linear
from kit.shapes import Bool, Float, Shaped, Tensor


def causal_mask(queries: int, keys: int | None = None, *, device=None) -> Bool[Tensor, "T S"]:
    """True where a query may look: at its own key and the earlier ones.

    The last query sees the last key, so that with a cache of earlier keys (more keys
    than queries) the mask is the lower rows of the square one. (PyTorch's
    `is_causal=True` counts from the first key; for a square both are the same.)

    Args:
        queries: number of queries T, at least 0.
        keys: number of keys S, at least T; None means T.
        device: where the mask lies.

    Raises:
        TypeError, ValueError: a size is not a whole number, or S < T.

    Lesson: 08
    """
    keys = queries if keys is None else keys
    check.integer("queries", queries, 0)
    check.integer("keys", keys, queries)
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def attention_weights(
    query: Float[Tensor, "*B T D"],
    key: Float[Tensor, "*B S D"],
    attn_mask: Shaped[Tensor, "..."] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "*B T S"]:
    """How much each query looks at each key: softmax(Q Kᵀ · scale + mask).

    A row whose keys are all masked is all zeros, as in PyTorch's attention.

    Args:
        query: (..., T, D).
        key: (..., S, D).
        attn_mask: bool (True: may look) or float (added to the scores), broadcast to (..., T, S).
        is_causal: query t sees keys 0..t; not together with `attn_mask`.
        scale: factor of the scores; None means 1/√D.

    Raises:
        ValueError: both masks are given, or a mask does not broadcast to (..., T, S).

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    Lesson: 08
    """
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    _check_mask(attn_mask, is_causal, scores.shape)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is None:
        return scores.softmax(-1)
    if attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    else:
        scores = scores + attn_mask
    hopeless = (scores == -math.inf).all(-1, keepdim=True)  # softmax of such a row would be 0/0
    return scores.masked_fill(hopeless, 0).softmax(-1).masked_fill(hopeless, 0)


def scaled_dot_product_attention(
    query: Float[Tensor, "*B T D"],
    key: Float[Tensor, "*C S D"],
    value: Float[Tensor, "*C S E"],
    attn_mask: Shaped[Tensor, "..."] | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Float[Tensor, "*B T E"]:
    """Mix the values by how well their keys fit each query: softmax(Q Kᵀ/√D) V.

    As `torch.nn.functional.scaled_dot_product_attention`, which is what runs by default.

    Args:
        query: (..., H, T, D).
        key: (..., H, S, D); with `enable_gqa` fewer heads, each shared by a group of query heads.
        value: (..., H, S, E), as many heads as `key`.
        attn_mask: bool (True: may look) or float (added to the scores), broadcast to (..., T, S).
        dropout_p: share of the weights set to zero (the caller gives 0 at evaluation).
        is_causal: query t sees keys 0..t; not together with `attn_mask`.
        scale: factor of the scores; None means 1/√D.
        enable_gqa: allow H of `query` to be a multiple of H of `key`.

    Raises:
        ValueError: shapes that do not fit, both masks at once, `dropout_p` outside [0, 1].

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1; grouped queries: Ainslie
        et al. 2023, arXiv:2305.13245.
    Lesson: 08
    """
    _check_shapes(query, key, value, enable_gqa)
    check.probability("dropout_p", dropout_p)
    if fused():
        _check_mask(attn_mask, is_causal, (*query.shape[:-1], key.shape[-2]))
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    if enable_gqa:  # each key and value head serves a group of query heads
        group = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(group, -3), value.repeat_interleave(group, -3)
    weights = attention_weights(query, key, attn_mask, is_causal, scale)  # (..., H, T, S)
    return dropout(weights, dropout_p) @ value


def causal_attention(
    query: Float[Tensor, "B H T D"],
    key: Float[Tensor, "B G S D"],
    value: Float[Tensor, "B G S E"],
    dropout_p: float = 0.0,
) -> Float[Tensor, "B H T E"]:
    """Attention in which the last query sees the last key and no query sees a later one.

    What a decoder computes: T = S for a whole text, T < S where earlier keys and values
    come from a cache, fewer key heads G than query heads H for grouped queries.

    Raises:
        ValueError: more queries than keys, shapes that do not fit, or `dropout_p` outside [0, 1].

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3. Lesson: 08
    """
    T, S = query.shape[-2], key.shape[-2]
    mask = causal_mask(T, S, device=query.device) if 1 < T != S else None
    grouped = query.shape[1] != key.shape[1]
    return scaled_dot_product_attention(
        query, key, value, mask, dropout_p, is_causal=1 < T == S, enable_gqa=grouped
    )


class MultiheadAttention(nn.Module):
    """Attention in several heads, as `torch.nn.MultiheadAttention`.

    Each head works on its own D = embed_dim / num_heads features of three linear maps
    of query, key and value; a fourth joins the heads. 4 · embed_dim² + 4 · embed_dim parameters.

    Args:
        embed_dim: features of query, key, value and output.
        num_heads: must divide `embed_dim`.
        dropout: share of attention weights set to zero while training.
        bias: whether the four linear maps have one.
        batch_first: input and output are (B, T, embed_dim) instead of torch's default (T, B, embed_dim).
        device, dtype: of the parameters, as in torch.

    Raises:
        ValueError: `num_heads` does not divide `embed_dim`, a size or `dropout` is out of range.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    Lesson: 08
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        check.integer("embed_dim", embed_dim, 1)
        check.divides("num_heads", num_heads, "embed_dim", embed_dim)
        check.probability("dropout", dropout)
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = (
            embed_dim,
            num_heads,
            dropout,
            batch_first,
        )
        place = {"device": device, "dtype": dtype}
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim, **place))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * embed_dim, **place)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform projections (over the three stacked ones), zero biases, as torch."""
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Float[Tensor, "_ _ D"],
        key: Float[Tensor, "_ _ D"],
        value: Float[Tensor, "_ _ D"],
        key_padding_mask: Shaped[Tensor, "_ _"] | None = None,
        need_weights: bool = True,
        attn_mask: Shaped[Tensor, "..."] | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Float[Tensor, "_ _ D"], Float[Tensor, "..."] | None]:
        """Return the mixed values and, if wanted, the weights.

        Mind the convention of this class, which is torch's: in its bool masks True means
        "may NOT look", the opposite of `scaled_dot_product_attention`.

        Args:
            query, key, value: (B, T, D), (B, S, D), (B, S, D), or time first without `batch_first`.
            key_padding_mask: (B, S), True (or -inf) at keys that are padding.
            need_weights: return the weights as well; without them the fused kernel can run.
            attn_mask: (T, S) or (B · num_heads, T, S), True where looking is forbidden, or a float to add.
            average_attn_weights: weights are (B, T, S), the mean over heads, or (B, H, T, S).
            is_causal: a promise that `attn_mask` is the causal mask; it must be given as well.

        Raises:
            ValueError: a mask has the wrong shape, or `is_causal` comes without `attn_mask`.
        """
        if is_causal and attn_mask is None:
            raise ValueError(
                "is_causal=True without attn_mask; give the mask too, ~kit.layers.causal_mask(T) for T tokens"
            )
        for name, x in (("query", query), ("key", key), ("value", value)):
            check.tensor(name, x, ndim=3, last=self.embed_dim)
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        B, T, S, H = len(query), query.shape[1], key.shape[1], self.num_heads
        q, k, v = self._project(query, key, value)
        allowed = merge_masks(key_padding_mask, attn_mask, (B, H, T, S), q.dtype)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = attention_weights(q, k, allowed)  # (B, H, T, S)
            weights = dropout(weights, p)
            mixed = weights @ v  # (B, H, T, D/H)
        else:
            mixed = scaled_dot_product_attention(q, k, v, allowed, p)
        out = self.out_proj(mixed.transpose(1, 2).reshape(B, T, -1))  # (B, T, D)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)  # (B, T, S)
        return (out if self.batch_first else out.transpose(0, 1)), weights

    def _project(self, *inputs: Tensor) -> list[Tensor]:
        """The three maps, split into heads: each (B, H, T, D/H)."""
        if all(x is inputs[0] for x in inputs):  # self-attention: one product instead of three
            projected = F.linear(inputs[0], self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        else:
            weights = self.in_proj_weight.chunk(3)
            biases = self.in_proj_bias.chunk(3) if self.in_proj_bias is not None else (None,) * 3
            projected = [F.linear(*parts) for parts in zip(inputs, weights, biases, strict=True)]
        return [x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected]

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}"


def merge_masks(key_padding_mask, attn_mask, shape: tuple[int, int, int, int], dtype) -> Tensor | None:
    """One mask for `scaled_dot_product_attention` from the two of `MultiheadAttention`.

    Args:
        key_padding_mask: (B, S) or None; True or -inf forbids.
        attn_mask: (T, S), (B·H, T, S) or None; True or -inf forbids.
        shape: (B, H, T, S).
        dtype: of a float mask.

    Returns:
        None, a bool mask (True: may look) or a float one, broadcastable to `shape`.

    Raises:
        ValueError: a mask has another shape.

    Lesson: 08
    """
    B, H, T, S = shape
    masks = []
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (B, S):
            raise ValueError(
                f"key_padding_mask has shape {tuple(key_padding_mask.shape)}, it must be (B, S) = {(B, S)}; "
                "give one truth value per key"
            )
        masks.append(key_padding_mask[:, None, None])  # (B, 1, 1, S)
    if attn_mask is not None:
        if tuple(attn_mask.shape) not in ((T, S), (B * H, T, S)):
            raise ValueError(
                f"attn_mask has shape {tuple(attn_mask.shape)}, it must be (T, S) = {(T, S)} or "
                f"(B*H, T, S) = {(B * H, T, S)}; give one value per query and key"
            )
        masks.append(attn_mask if attn_mask.ndim == 2 else attn_mask.view(shape))
    if all(mask.dtype == torch.bool for mask in masks):
        forbidden = masks[0] if masks else None
        for mask in masks[1:]:
            forbidden = forbidden | mask
        return None if forbidden is None else ~forbidden
    return sum(_as_scores(mask, dtype) for mask in masks)


def _as_scores(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A bool mask as numbers to add: 0, or -inf where True."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, -math.inf)


def _check_mask(attn_mask: Tensor | None, is_causal: bool, shape) -> None:
    if attn_mask is None:
        return
    if is_causal:
        raise ValueError("attn_mask and is_causal=True are both given; choose one")
    try:
        fits = torch.broadcast_shapes(attn_mask.shape, tuple(shape)) == tuple(shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"attn_mask has shape {tuple(attn_mask.shape)}, it must broadcast to {tuple(shape)}; "
            "give one value per query and key"
        )


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, grouped: bool) -> None:
    if query.shape[-1] != key.shape[-1] or key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            f"query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} do not fit; "
            "query and key share the last size, key and value all but the last"
        )
    heads, shared = (x.shape[-3] if x.ndim > 2 else 1 for x in (query, key))
    if heads != shared and not (grouped and shared and heads % shared == 0):
        raise ValueError(
            f"query has {heads} heads and key {shared}; they must be equal, or with enable_gqa=True the "
            "first a multiple of the second"
        )
