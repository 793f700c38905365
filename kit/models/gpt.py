"""GPT: a decoder that predicts the next token, in GPT-2's form.

GPTConfig  GPT  GPT_PRESETS
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class GPTConfig:
    """What a `GPT` is built from; the defaults are GPT-2's smallest model.

    Args:
        vocabulary: number of tokens V.
        context: longest text T, in tokens.
        layers: number of blocks.
        heads: attention heads, a divisor of `width`.
        width: features D of a token inside the model.
        dropout: share switched off while training.
        bias: whether linear maps and norms have one.

    Raises:
        TypeError, ValueError: a size is not whole or too small, `heads` does not divide `width`.

    Lesson: 09
    """

    vocabulary: int = 50_257
    context: int = 1024
    layers: int = 12
    heads: int = 12
    width: int = 768
    dropout: float = 0.0
    bias: bool = True

    def __post_init__(self):
        for name in ("vocabulary", "context", "layers", "heads", "width"):
            check.integer(name, getattr(self, name), 1)
        check.divides("heads", self.heads, "width", self.width)
        check.probability("dropout", self.dropout)

    @property
    def parameters(self) -> int:
        """Trainable parameters by formula; input and output embedding are one matrix.

        Lesson: 09
        """
        D, b = self.width, self.bias
        block = 12 * D * D + b * 9 * D + 2 * (1 + b) * D  # four maps of attention, two of 4 D, two norms
        return (self.vocabulary + self.context) * D + self.layers * block + (1 + b) * D


#: The published sizes: 124,439,808, 354,823,168, 774,030,080 and 1,557,611,200 parameters.
GPT_PRESETS: dict[str, GPTConfig] = {
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(layers=24, heads=16, width=1024),
    "gpt2-large": GPTConfig(layers=36, heads=20, width=1280),
    "gpt2-xl": GPTConfig(layers=48, heads=25, width=1600),
}


class CausalSelfAttention(nn.Module):
    """Multi-head attention to the token itself and those before it.

    Source: Radford et al. 2019. Lesson: 09
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.c_attn = layers.Linear(config.width, 3 * config.width, config.bias)
        self.c_proj = layers.Linear(config.width, config.width, config.bias)
        self.resid_dropout = layers.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T D"], cache=None, layer: int = 0) -> Float[Tensor, "B T D"]:
        """Return the mixed values; keys and values are added to layer `layer` of `cache`."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, -1)
        )  # (B, H, T, D/H) each
        if cache is not None:
            k, v = cache.update(layer, k, v)  # (B, H, S, D/H)
        mixed = layers.causal_attention(q, k, v, self.dropout if self.training else 0.0)
        return self.resid_dropout(self.c_proj(mixed.transpose(1, 2).flatten(2)))


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them, four times as wide inside.

    Source: Radford et al. 2019. Lesson: 09
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.c_fc = layers.Linear(config.width, 4 * config.width, config.bias)
        self.act = layers.GELU("tanh")
        self.c_proj = layers.Linear(4 * config.width, config.width, config.bias)
        self.dropout = layers.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Return the same shape."""
        return self.dropout(self.c_proj(self.act(self.c_fc(x))))


class Block(nn.Module):
    """Attention, then the feed-forward net, each on a normalized copy and added back.

    Source: Radford et al. 2019. Lesson: 09
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.ln_1 = layers.LayerNorm(config.width, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = layers.LayerNorm(config.width, bias=config.bias)
        self.mlp = FeedForward(config)

    def forward(self, x: Float[Tensor, "B T D"], cache=None, layer: int = 0) -> Float[Tensor, "B T D"]:
        """Return the same shape."""
        x = x + self.attn(self.ln_1(x), cache, layer)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Token and position embedding, blocks, a norm, and the embedding again as output.

    Parameter names are those of the published GPT-2 checkpoints.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
    Lesson: 09
    """

    def __init__(self, config: GPTConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": layers.Embedding(config.vocabulary, config.width),
                "wpe": layers.Embedding(config.context, config.width),
                "drop": layers.Dropout(config.dropout),
                "h": nn.ModuleList(Block(config) for _ in range(config.layers)),
                "ln_f": layers.LayerNorm(config.width, bias=config.bias),
            }
        )
        self.lm_head = layers.Linear(config.width, config.vocabulary, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights with standard deviation 0.02; what adds to the residual stream, less.

        The last map of each branch starts smaller by √(2 · layers), so that the sum of all
        branches keeps its size.
        """
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                depth = 2 * self.config.layers if name.endswith("c_proj.weight") else 1
                nn.init.normal_(parameter, 0.0, 0.02 / math.sqrt(depth), generator=generator)

    def forward(
        self, tokens: Int[Tensor, "B T"], cache: layers.KeyValueCache | None = None
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position.

        Args:
            tokens: ids 0..V-1.
            cache: keys and values of earlier tokens; the new ones are added to it.

        Raises:
            TypeError, ValueError: an id outside the vocabulary, no token, more than `context`.
        """
        start = cache.length if cache is not None else 0
        positions = check_tokens(tokens, self.config.vocabulary, self.config.context, start)
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](positions)
        x = self.transformer["drop"](x)
        for layer, block in enumerate(self.transformer["h"]):
            x = block(x, cache, layer)
        return self.lm_head(self.transformer["ln_f"](x))

    def cache(self, max_length: int | None = None) -> layers.KeyValueCache:
        """An empty key-value cache for this model, of `context` tokens or fewer.

        Lesson: 09
        """
        return layers.KeyValueCache(self.config.layers, max_length or self.config.context)


def check_tokens(tokens: Tensor, vocabulary: int, context: int, start: int) -> Int[Tensor, " T"]:
    """The positions start, start+1, ... of the tokens, after checking rank and length.

    Raises:
        TypeError, ValueError: not (B, T) of whole numbers, T = 0, or start + T over `context`.

    Lesson: 09
    """
    check.tensor("tokens", tokens, ndim=2, kind="integer")
    T = tokens.shape[1]
    if T == 0:
        raise ValueError(f"tokens has shape {tuple(tokens.shape)}, it holds no token; give at least one")
    if start + T > context:
        raise ValueError(
            f"tokens has length {T}, after {start} cached ones that passes context={context}; "
            "shorten the text or build the model with a longer context"
        )
    return torch.arange(start, start + T, device=tokens.device)
