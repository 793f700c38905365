"""A transformer as a handful of sizes, and everything that follows from them.

Architecture  architecture  ARCHITECTURES  PUBLISHED_SIZES

>>> architecture("bert-base").parameters
109482240
"""

from dataclasses import dataclass, field, replace

from kit import check
from kit.planning.compute import BYTES_PER_VALUE


@dataclass(frozen=True)
class Architecture:
    """Sizes of a transformer stack; counts follow exactly, weight by weight.

    Defaults describe GPT-2's layout: learned positions, biases, LayerNorm before each
    block and at the end, an ungated feed-forward of 4 x width, output tied to the
    embedding. `positions=0` means none are learned (rotary, sinusoidal), `kv_heads`
    below `heads` is grouped-query attention, `gated` the three-matrix SwiGLU.

    Units: all sizes are counts. Raises: ValueError when a size is below its least value,
    `heads` does not divide `width`, or `kv_heads` does not divide `heads`.
    Source: Vaswani et al. (2017); Radford et al. (2019); Touvron et al. (2023). Lesson: 01.
    """

    layers: int
    width: int
    heads: int
    vocabulary: int
    ffn_width: int = field(default=0, metadata={"unit": "0 means 4 x width"})
    kv_heads: int = field(default=0, metadata={"unit": "0 means one per head"})
    gated: bool = False
    positions: int = 0
    token_types: int = 0
    tied: bool = True
    bias: bool = True
    norm: str = "layer"
    embedding_norm: bool = False
    final_norm: bool = True
    pooler: bool = False

    def __post_init__(self):
        for name in ("layers", "width", "heads", "vocabulary"):
            check.integer(name, getattr(self, name), 1)
        for name in ("ffn_width", "kv_heads", "positions", "token_types"):
            check.integer(name, getattr(self, name), 0)
        check.one_of("norm", self.norm, ("layer", "rms"))
        check.divides("heads", self.heads, "width", self.width)
        object.__setattr__(self, "ffn_width", self.ffn_width or 4 * self.width)
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        check.divides("kv_heads", self.kv_heads, "heads", self.heads)

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    def count(self) -> dict[str, int]:
        """Parameters by component, all layers together; only components that exist.

        Units: parameters. Lesson: 01.
        """
        d, norm = self.width, self.width * (2 if self.norm == "layer" else 1)
        kv_width = self.kv_heads * self.head_width
        attention = self._linear(d, d) + 2 * self._linear(d, kv_width) + self._linear(d, d)
        widen = self._linear(d, self.ffn_width) * (2 if self.gated else 1)
        parts = {
            "token embedding": self.vocabulary * d,
            "position embedding": self.positions * d,
            "token type embedding": self.token_types * d,
            "embedding norm": norm * self.embedding_norm,
            "attention": self.layers * attention,
            "feed-forward": self.layers * (widen + self._linear(self.ffn_width, d)),
            "norms": self.layers * 2 * norm,
            "final norm": norm * self.final_norm,
            "pooler": self._linear(d, d) * self.pooler,
            "output head": self.vocabulary * d * (not self.tied),
        }
        return {name: size for name, size in parts.items() if size}

    @property
    def parameters(self) -> int:
        """All parameters; a tied output head is counted once."""
        return sum(self.count().values())

    @property
    def non_embedding_parameters(self) -> int:
        """Parameters without token, position and type embeddings: N of the scaling laws."""
        return sum(size for name, size in self.count().items() if not name.endswith("embedding"))

    def forward_flops(self, tokens: int, *, context: int | None = None) -> float:
        """Operations to process `tokens` that each look at `context` positions.

        2 per weight used in a matrix product (the output head included, tied or not) and
        4 x layers x context x width for scores and mixing. `context` defaults to `tokens`:
        one unmasked pass over a text. Units: FLOPs; per generated token use tokens=1.
        Raises: ValueError for values below 1. Source: Kaplan et al. (2020), table 1. Lesson: 01.
        """
        check.integer("tokens", tokens, 1)
        context = tokens if context is None else context
        check.integer("context", context, 1)
        d, kv_width = self.width, self.kv_heads * self.head_width
        per_layer = 2 * d * d + 2 * d * kv_width + (3 if self.gated else 2) * d * self.ffn_width
        matrices = self.layers * per_layer + self.vocabulary * d
        return tokens * (2.0 * matrices + 4.0 * self.layers * context * d)

    def kv_cache_bytes(self, *, context: int, batch: int = 1, precision: str = "bf16") -> float:
        """Bytes of keys and values kept while generating.

        2 x layers x kv_heads x head_width x context x batch values. Units: bytes.
        Raises: ValueError for sizes below 1 or an unknown precision.
        Source: Pope et al. (2022); Ainslie et al. (2023). Lesson: 08.
        """
        check.integer("context", context, 1)
        check.integer("batch", batch, 1)
        check.one_of("precision", precision, BYTES_PER_VALUE)
        values = 2 * self.layers * self.kv_heads * self.head_width * context * batch
        return values * BYTES_PER_VALUE[precision]

    def _linear(self, inputs: int, outputs: int) -> int:
        return inputs * outputs + (outputs if self.bias else 0)


_BERT = Architecture(
    layers=12,
    width=768,
    heads=12,
    vocabulary=30_522,
    positions=512,
    token_types=2,
    embedding_norm=True,
    final_norm=False,
    pooler=True,
)
_GPT2 = Architecture(layers=12, width=768, heads=12, vocabulary=50_257, positions=1024)
_LLAMA = Architecture(
    layers=32,
    width=4096,
    heads=32,
    vocabulary=32_000,
    ffn_width=11_008,
    gated=True,
    bias=False,
    norm="rms",
    tied=False,
)

#: Published architectures by name. BERT is the encoder with pooler, without the pre-training heads.
ARCHITECTURES: dict[str, Architecture] = {
    "gpt-1": replace(_GPT2, vocabulary=40_478, positions=512, final_norm=False),
    "bert-base": _BERT,
    "bert-large": replace(_BERT, layers=24, width=1024, heads=16, kv_heads=16, ffn_width=4096),
    "gpt-2": _GPT2,
    "gpt-2-medium": replace(_GPT2, layers=24, width=1024, heads=16, kv_heads=16, ffn_width=4096),
    "gpt-2-large": replace(_GPT2, layers=36, width=1280, heads=20, kv_heads=20, ffn_width=5120),
    "gpt-2-xl": replace(_GPT2, layers=48, width=1600, heads=25, kv_heads=25, ffn_width=6400),
    "gpt-3": replace(_GPT2, layers=96, width=12_288, heads=96, kv_heads=96, ffn_width=49_152, positions=2048),
    "llama-2-7b": _LLAMA,
    "smollm2-135m": replace(
        _LLAMA, layers=30, width=576, heads=9, kv_heads=3, ffn_width=1536, vocabulary=49_152, tied=True
    ),
}
#: Counts of models that are no transformers, as published: (parameters, source).
PUBLISHED_SIZES: dict[str, tuple[int, str]] = {
    "alexnet": (61_100_840, "torchvision alexnet; Krizhevsky et al. (2012) say 60 million"),
    "resnet-50": (25_557_032, "torchvision resnet50; He et al. (2016)"),
}


def architecture(name: str) -> Architecture:
    """The published architecture `name`, see `ARCHITECTURES`.

    Raises: ValueError for an unknown name, with the nearest one. Lesson: 01.
    """
    check.one_of("name", name, ARCHITECTURES)
    return ARCHITECTURES[name]
