"""Transformer blocks: attention and a feed-forward net, each with a residual and a norm.

TransformerEncoderLayer  TransformerDecoderLayer  TransformerEncoder  TransformerDecoder  SwiGLU
"""

import copy
from collections.abc import Callable

import torch
from torch import nn

from kit import check
from kit.layers.activation import gelu, relu, silu
from kit.layers.attention import MultiheadAttention
from kit.layers.dropout import Dropout
from kit.layers.linear import Linear
from kit.layers.normalization import LayerNorm
from kit.shapes import Float, Shaped, Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}
Mask = Shaped[Tensor, "..."] | None


class _Block(nn.Module):
    """What encoder and decoder layers share: feed-forward net, norms, one residual step."""

    reads_memory = False  # a decoder layer also attends to the encoder's output

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        check.integer("dim_feedforward", dim_feedforward, 1)
        if not callable(activation):
            check.one_of("activation", activation, ACTIVATIONS)
            activation = ACTIVATIONS[activation]
        self.activation, self.norm_first = activation, norm_first
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        if self.reads_memory:
            self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first, **place)
            self.norm3, self.dropout3 = (
                LayerNorm(d_model, layer_norm_eps, bias=bias, **place),
                Dropout(dropout),
            )

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _residual(
        self, x: Tensor, part: Callable[[Tensor], Tensor], norm: nn.Module, drop: nn.Module
    ) -> Tensor:
        """x + part(norm(x)) with the norm first, norm(x + part(x)) with it last."""
        if self.norm_first:
            return x + drop(part(norm(x)))
        return norm(x + drop(part(x)))

    @staticmethod
    def _attend(attention: MultiheadAttention, memory: Tensor | None, padding: Mask, mask: Mask):
        def part(x: Tensor) -> Tensor:
            source = x if memory is None else memory
            return attention(x, source, source, padding, need_weights=False, attn_mask=mask)[0]

        return part


class TransformerEncoderLayer(_Block):
    """Self-attention, then a feed-forward net, as `torch.nn.TransformerEncoderLayer`.

    Args:
        d_model: features of input and output.
        nhead: attention heads, a divisor of `d_model`.
        dim_feedforward: hidden units of the feed-forward net.
        dropout: share switched off while training, in attention, net and residuals.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: added to the variance.
        batch_first: sequences are (B, T, D) instead of torch's default (T, B, D).
        norm_first: normalize before each part (GPT-2) instead of after it (the paper, BERT).
        bias, device, dtype: as in torch, keyword-only here.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1;
        norm first: Xiong et al. 2020, arXiv:2002.04745.
    Lesson: 08
    """

    def forward(
        self,
        src: Float[Tensor, "_ _ D"],
        src_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "_ _ D"]:
        """Return the transformed sequence; True in a bool mask means "may not look".

        `is_causal` is the promise that `src_mask` is causal, as in torch; the mask must be given.
        """
        check_promise(is_causal, src_mask, "src_mask")
        attend = self._attend(self.self_attn, None, src_key_padding_mask, src_mask)
        x = self._residual(src, attend, self.norm1, self.dropout1)
        return self._residual(x, self._feed_forward, self.norm2, self.dropout2)


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to the encoder's output, feed-forward net, as torch's.

    Arguments as for `TransformerEncoderLayer`; three residual steps instead of two.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    Lesson: 08
    """

    reads_memory = True

    def forward(
        self,
        tgt: Float[Tensor, "_ _ D"],
        memory: Float[Tensor, "_ _ D"],
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Float[Tensor, "_ _ D"]:
        """Return the transformed target; True in a bool mask means "may not look"."""
        check_promise(tgt_is_causal, tgt_mask, "tgt_mask")
        check_promise(memory_is_causal, memory_mask, "memory_mask")
        own = self._attend(self.self_attn, None, tgt_key_padding_mask, tgt_mask)
        other = self._attend(self.multihead_attn, memory, memory_key_padding_mask, memory_mask)
        x = self._residual(tgt, own, self.norm1, self.dropout1)
        x = self._residual(x, other, self.norm2, self.dropout2)
        return self._residual(x, self._feed_forward, self.norm3, self.dropout3)


class TransformerEncoder(nn.Module):
    """`num_layers` copies of an encoder layer, one after the other, and an optional norm.

    Source: Vaswani et al. 2017, arXiv:1706.03762. Lesson: 08
    """

    def __init__(self, encoder_layer: nn.Module, num_layers: int, norm: nn.Module | None = None):
        super().__init__()
        self.layers, self.num_layers, self.norm = _copies(encoder_layer, num_layers), num_layers, norm

    def forward(
        self,
        src: Float[Tensor, "_ _ D"],
        mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool | None = None,
    ) -> Float[Tensor, "_ _ D"]:
        """Return the sequence after all layers; masks as in the layer."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(nn.Module):
    """`num_layers` copies of a decoder layer, one after the other, and an optional norm.

    Source: Vaswani et al. 2017, arXiv:1706.03762. Lesson: 08
    """

    def __init__(self, decoder_layer: nn.Module, num_layers: int, norm: nn.Module | None = None):
        super().__init__()
        self.layers, self.num_layers, self.norm = _copies(decoder_layer, num_layers), num_layers, norm

    def forward(
        self,
        tgt: Float[Tensor, "_ _ D"],
        memory: Float[Tensor, "_ _ D"],
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
    ) -> Float[Tensor, "_ _ D"]:
        """Return the target after all layers; masks as in the layer."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks)
        return tgt if self.norm is None else self.norm(tgt)


class SwiGLU(nn.Module):
    """The gated feed-forward net of Llama: down(silu(gate(x)) · up(x)).

    Three matrices instead of two, 3 · width · hidden parameters; names as in Llama's checkpoints.

    Args:
        width: features of input and output.
        hidden: features of the gate; 8/3 of the width costs as much as a plain net of 4 times the width.
        bias: whether the three maps have one.
        generator: source of the initial weights; None uses torch's global one.

    Source: Shazeer 2020, arXiv:2002.05202, equation 6.
    Lesson: 08
    """

    def __init__(
        self, width: int, hidden: int, bias: bool = False, *, generator: torch.Generator | None = None
    ):
        super().__init__()
        self.gate_proj = Linear(width, hidden, bias, generator=generator)
        self.up_proj = Linear(width, hidden, bias, generator=generator)
        self.down_proj = Linear(hidden, width, bias, generator=generator)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Return down(silu(gate(x)) · up(x)), the same shape as `x`."""
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


def check_promise(is_causal: bool, mask: Tensor | None, name: str) -> None:
    """Raise ValueError when a causal mask is promised but not given."""
    if is_causal and mask is None:
        raise ValueError(
            f"a causal {name} is promised but None is given; pass {name}=~kit.layers.causal_mask(T)"
        )


def _copies(layer: nn.Module, count: int) -> nn.ModuleList:
    check.integer("num_layers", count, 1)
    return nn.ModuleList(copy.deepcopy(layer) for _ in range(count))
