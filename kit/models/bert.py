"""BERT: an encoder in which every token sees all others, pre-trained by filling gaps.

BertConfig  Bert  BertForMaskedLM  BertForSequenceClassification  BERT_PRESETS
"""

from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.models.gpt import check_tokens
from kit.shapes import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class BertConfig:
    """What a `Bert` is built from; the defaults are BERT base, uncased.

    Args:
        vocabulary: number of tokens V.
        context: longest text T, in tokens.
        layers: number of blocks.
        heads: attention heads, a divisor of `width`.
        width: features D of a token inside the model.
        hidden: features inside the feed-forward net.
        token_types: kinds of segment (first sentence, second sentence).
        dropout: share switched off while training.

    Raises:
        TypeError, ValueError: a size is not whole or too small, `heads` does not divide `width`.

    Lesson: 09
    """

    vocabulary: int = 30_522
    context: int = 512
    layers: int = 12
    heads: int = 12
    width: int = 768
    hidden: int = 3072
    token_types: int = 2
    dropout: float = 0.1

    def __post_init__(self):
        for name in ("vocabulary", "context", "layers", "heads", "width", "hidden", "token_types"):
            check.integer(name, getattr(self, name), 1)
        check.divides("heads", self.heads, "width", self.width)
        check.probability("dropout", self.dropout)

    @property
    def parameters(self) -> int:
        """Trainable parameters of `Bert` by formula, its pooler included.

        Lesson: 09
        """
        D = self.width
        embedding = (self.vocabulary + self.context + self.token_types + 2) * D
        block = 4 * (D * D + D) + 2 * D * self.hidden + self.hidden + D + 4 * D
        return embedding + self.layers * block + D * D + D


#: Published sizes: 109,482,240, 335,141,888 and 22,713,216 parameters.
BERT_PRESETS: dict[str, BertConfig] = {
    "bert-base-uncased": BertConfig(),
    "bert-large-uncased": BertConfig(layers=24, heads=16, width=1024, hidden=4096),
    "minilm-l6": BertConfig(layers=6, heads=12, width=384, hidden=1536),
}
#: As published; far below torch's 1e-5.
EPS = 1e-12


class BertBlock(nn.Module):
    """Attention, then a feed-forward net; each added back and normalized afterwards.

    Source: Devlin et al. 2019, arXiv:1810.04805. Lesson: 09
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        D = config.width
        self.heads, self.p = config.heads, config.dropout
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: layers.Linear(D, D) for name in ("query", "key", "value")}),
                "output": nn.ModuleDict(
                    {"dense": layers.Linear(D, D), "LayerNorm": layers.LayerNorm(D, EPS)}
                ),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": layers.Linear(D, config.hidden)})
        self.output = nn.ModuleDict(
            {"dense": layers.Linear(config.hidden, D), "LayerNorm": layers.LayerNorm(D, EPS)}
        )
        self.dropout = layers.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T D"], mask: Tensor | None = None) -> Float[Tensor, "B T D"]:
        """Return the same shape; `mask` (B, 1, 1, T) is True where looking is allowed."""
        q, k, v = (
            self.attention["self"][name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )  # (B, H, T, D/H) each
        mixed = layers.scaled_dot_product_attention(q, k, v, mask, self.p if self.training else 0.0)
        out = self.attention["output"]
        x = out["LayerNorm"](x + self.dropout(out["dense"](mixed.transpose(1, 2).flatten(2))))
        inner = layers.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.dropout(self.output["dense"](inner)))


class Bert(nn.Module):
    """Token, position and segment embedding, blocks, and a pooled first token.

    Parameter names are those of the published checkpoints.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Devlin et al. 2019, arXiv:1810.04805. Lesson: 09
    """

    def __init__(self, config: BertConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        D = config.width
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": layers.Embedding(config.vocabulary, D, padding_idx=0),
                "position_embeddings": layers.Embedding(config.context, D),
                "token_type_embeddings": layers.Embedding(config.token_types, D),
                "LayerNorm": layers.LayerNorm(D, EPS),
                "dropout": layers.Dropout(config.dropout),
            }
        )
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(BertBlock(config) for _ in range(config.layers))}
        )
        self.pooler = nn.ModuleDict({"dense": layers.Linear(D, D)})
        initialize(self, generator)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        padding: Bool[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Return the hidden state of each token.

        Args:
            tokens: ids 0..V-1.
            padding: True at tokens that are padding, which no other token then sees.
            token_types: segment of each token; None means all in the first.

        Raises:
            TypeError, ValueError: an id outside the vocabulary, more than `context` tokens, another
                shape of `padding` or `token_types`.
        """
        positions = check_tokens(tokens, self.config.vocabulary, self.config.context, 0)
        for name, other in (("padding", padding), ("token_types", token_types)):
            if other is not None:
                check.same_shape(name, other, "tokens", tokens)
        parts = self.embeddings
        types = torch.zeros_like(tokens) if token_types is None else token_types
        x = parts["word_embeddings"](tokens) + parts["position_embeddings"](positions)
        x = parts["dropout"](parts["LayerNorm"](x + parts["token_type_embeddings"](types)))
        mask = None if padding is None else ~padding[:, None, None]  # (B, 1, 1, T)
        for block in self.encoder["layer"]:
            x = block(x, mask)
        return x

    def pool(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """tanh of a linear map of the first token, [CLS].

        Lesson: 09
        """
        return layers.tanh(self.pooler["dense"](hidden[:, 0]))


class BertForMaskedLM(nn.Module):
    """Bert and the head that guesses the token at each position.

    Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1. Lesson: 09
    """

    def __init__(self, config: BertConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        D = config.width
        self.bert = Bert(config)
        head = nn.ModuleDict({"dense": layers.Linear(D, D), "LayerNorm": layers.LayerNorm(D, EPS)})
        decoder = layers.Linear(D, config.vocabulary)
        decoder.weight = self.bert.embeddings["word_embeddings"].weight
        self.cls = nn.ModuleDict({"predictions": nn.ModuleDict({"transform": head, "decoder": decoder})})
        initialize(self, generator)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        padding: Bool[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of each position's token; arguments as for `Bert`."""
        head = self.cls["predictions"]
        hidden = layers.gelu(head["transform"]["dense"](self.bert(tokens, padding, token_types)))
        return head["decoder"](head["transform"]["LayerNorm"](hidden))


class BertForSequenceClassification(nn.Module):
    """Bert and a linear classifier on its pooled first token.

    Source: Devlin et al. 2019, arXiv:1810.04805, section 4.1. Lesson: 09
    """

    def __init__(self, config: BertConfig, classes: int, *, generator: torch.Generator | None = None):
        super().__init__()
        check.integer("classes", classes, 1)
        self.bert = Bert(config)
        self.dropout = layers.Dropout(config.dropout)
        self.classifier = layers.Linear(config.width, classes)
        initialize(self, generator)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        padding: Bool[Tensor, "B T"] | None = None,
        token_types: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B K"]:
        """Return the logits of the classes; arguments as for `Bert`."""
        pooled = self.bert.pool(self.bert(tokens, padding, token_types))
        return self.classifier(self.dropout(pooled))


def initialize(model: nn.Module, generator: torch.Generator | None) -> None:
    """Weights with standard deviation 0.02, biases 0, norms 1, the padding row 0.

    Source: Devlin et al. 2019, appendix A.2 of the code's release. Lesson: 09
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, 0.0, 0.02, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    for module in model.modules():
        if isinstance(module, layers.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx] = 0
