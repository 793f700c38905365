"""A decoder in Llama's form: RMSNorm, rotary positions, grouped queries, SwiGLU.

LlamaConfig  Llama  LLAMA_PRESETS
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.models.gpt import check_tokens
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class LlamaConfig:
    """What a `Llama` is built from; the defaults are SmolLM2-135M.

    Args:
        vocabulary: number of tokens V.
        context: longest text T, in tokens.
        layers: number of blocks.
        heads: query heads, a divisor of `width`.
        kv_heads: key and value heads, a divisor of `heads`.
        width: features D of a token inside the model.
        hidden: features inside the feed-forward net.
        rotary_base: the slowest pair of features turns once in 2π · base positions.
        norm_eps: added to the mean square.
        tied: whether input and output embedding are one matrix.
        qk_norm: normalize queries and keys of each head (Qwen3's addition, off in Llama).

    Raises:
        TypeError, ValueError: a size is not whole or too small, a number of heads does not divide.

    Lesson: 09
    """

    vocabulary: int = 49_152
    context: int = 8192
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    width: int = 576
    hidden: int = 1536
    rotary_base: float = 100_000.0
    norm_eps: float = 1e-5
    tied: bool = True
    qk_norm: bool = False

    def __post_init__(self):
        for name in ("vocabulary", "context", "layers", "heads", "kv_heads", "width", "hidden"):
            check.integer(name, getattr(self, name), 1)
        check.divides("heads", self.heads, "width", self.width)
        check.divides("kv_heads", self.kv_heads, "heads", self.heads)
        check.number("norm_eps", self.norm_eps, 0)

    @property
    def parameters(self) -> int:
        """Trainable parameters by formula.

        Lesson: 09
        """
        D, d = self.width, self.width // self.heads
        attention = 2 * D * D + 2 * D * d * self.kv_heads + 2 * d * self.qk_norm
        block = attention + 3 * D * self.hidden + 2 * D
        return (2 - self.tied) * self.vocabulary * D + self.layers * block + D


#: Published sizes: SmolLM2 134,515,008 and 361,821,120, TinyLlama 1,100,048,384 parameters.
LLAMA_PRESETS: dict[str, LlamaConfig] = {
    "smollm2-135m": LlamaConfig(),
    "smollm2-360m": LlamaConfig(layers=32, heads=15, kv_heads=5, width=960, hidden=2560),
    "tinyllama-1.1b": LlamaConfig(32_000, 2048, 22, 32, 4, 2048, 5632, 10_000.0, tied=False),
}


class LlamaAttention(nn.Module):
    """Causal attention with turned queries and keys, several queries to a key.

    Source: Touvron et al. 2023, arXiv:2302.13971; grouped queries: Ainslie et al. 2023,
        arXiv:2305.13245; normalized queries and keys: Henry et al. 2020, arXiv:2010.04245.
    Lesson: 09
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.head_width = config.width // config.heads
        shared = config.kv_heads * self.head_width
        self.q_proj = layers.Linear(config.width, config.width, bias=False)
        self.k_proj = layers.Linear(config.width, shared, bias=False)
        self.v_proj = layers.Linear(config.width, shared, bias=False)
        self.o_proj = layers.Linear(config.width, config.width, bias=False)
        norm = layers.RMSNorm if config.qk_norm else None
        self.q_norm = norm(self.head_width, config.norm_eps) if norm else nn.Identity()
        self.k_norm = norm(self.head_width, config.norm_eps) if norm else nn.Identity()

    def forward(self, x: Float[Tensor, "B T D"], turn, cache=None, layer: int = 0) -> Float[Tensor, "B T D"]:
        """Return the mixed values; `turn` are the cosines and sines of the positions of `x`."""
        q, k, v = (
            project(x).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )  # (B, H or G, T, D/H)
        q, k = layers.rotate(self.q_norm(q), *turn), layers.rotate(self.k_norm(k), *turn)
        if cache is not None:
            k, v = cache.update(layer, k, v)  # (B, G, S, D/H)
        return self.o_proj(layers.causal_attention(q, k, v).transpose(1, 2).flatten(2))


class LlamaBlock(nn.Module):
    """Attention, then the gated net, each on a normalized copy and added back.

    Source: Touvron et al. 2023, arXiv:2302.13971. Lesson: 09
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.input_layernorm = layers.RMSNorm(config.width, config.norm_eps)
        self.self_attn = LlamaAttention(config)
        self.post_attention_layernorm = layers.RMSNorm(config.width, config.norm_eps)
        self.mlp = layers.SwiGLU(config.width, config.hidden)

    def forward(self, x: Float[Tensor, "B T D"], turn, cache=None, layer: int = 0) -> Float[Tensor, "B T D"]:
        """Return the same shape."""
        x = x + self.self_attn(self.input_layernorm(x), turn, cache, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Embedding, blocks, a norm and an output map, with Llama's published parameter names.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Touvron et al. 2023, arXiv:2302.13971; SmolLM2: Ben Allal et al. 2025, arXiv:2502.02737.
    Lesson: 09
    """

    def __init__(self, config: LlamaConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.model = nn.ModuleDict(
            {
                "embed_tokens": layers.Embedding(config.vocabulary, config.width),
                "layers": nn.ModuleList(LlamaBlock(config) for _ in range(config.layers)),
                "norm": layers.RMSNorm(config.width, config.norm_eps),
            }
        )
        self.rotary = layers.RotaryPosition(config.width // config.heads, config.context, config.rotary_base)
        self.lm_head = layers.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.lm_head.weight = self.model["embed_tokens"].weight
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights with standard deviation 0.02; what adds to the residual stream, less."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                depth = 2 * self.config.layers if residual else 1
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
        x = self.model["embed_tokens"](tokens)
        turn = (self.rotary.cos[positions].to(x.dtype), self.rotary.sin[positions].to(x.dtype))
        for layer, block in enumerate(self.model["layers"]):
            x = block(x, turn, cache, layer)
        return self.lm_head(self.model["norm"](x))

    def cache(self, max_length: int | None = None) -> layers.KeyValueCache:
        """An empty key-value cache for this model, of `context` tokens or fewer.

        Lesson: 09
        """
        return layers.KeyValueCache(self.config.layers, max_length or self.config.context)
