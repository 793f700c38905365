"""A Transformer that reads one sequence and writes another, as it was first published.

Seq2SeqConfig  Seq2SeqTransformer
"""

import math
from dataclasses import dataclass

from torch import nn

from kit import check, layers
from kit.models.gpt import check_tokens
from kit.shapes import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class Seq2SeqConfig:
    """What a `Seq2SeqTransformer` is built from.

    Args:
        source_vocabulary, target_vocabulary: number of tokens on each side.
        context: longest sequence on either side.
        layers: blocks of the encoder and of the decoder each.
        heads: attention heads, a divisor of `width`.
        width: features D of a token inside the model, even.
        hidden: features inside the feed-forward nets.
        dropout: share switched off while training.

    Raises:
        TypeError, ValueError: a size is not whole or too small, `heads` does not divide `width`.

    Lesson: 08
    """

    source_vocabulary: int
    target_vocabulary: int
    context: int = 64
    layers: int = 2
    heads: int = 4
    width: int = 128
    hidden: int = 256
    dropout: float = 0.1

    def __post_init__(self):
        sizes = ("source_vocabulary", "target_vocabulary", "context", "layers", "heads", "width", "hidden")
        for name in sizes:
            check.integer(name, getattr(self, name), 1)
        check.divides("heads", self.heads, "width", self.width)
        check.probability("dropout", self.dropout)

    @property
    def parameters(self) -> int:
        """Trainable parameters by formula; positions are fixed, the output map is the target embedding.

        Lesson: 08
        """
        D = self.width
        attention, net = 4 * (D * D + D), 2 * D * self.hidden + self.hidden + D
        blocks = self.layers * ((attention + net + 4 * D) + (2 * attention + net + 6 * D))
        return (self.source_vocabulary + self.target_vocabulary) * D + blocks + 4 * D


class Seq2SeqTransformer(nn.Module):
    """Encoder and decoder with sinusoidal positions, norms before each part.

    Args:
        config: the sizes.

    Source: Vaswani et al. 2017, arXiv:1706.03762. Lesson: 08
    """

    def __init__(self, config: Seq2SeqConfig):
        super().__init__()
        self.config = config
        D = config.width
        self.source = layers.Embedding(config.source_vocabulary, D)
        self.target = layers.Embedding(config.target_vocabulary, D)
        self.position = layers.SinusoidalPosition(D, config.context)
        self.dropout = layers.Dropout(config.dropout)
        options = (D, config.heads, config.hidden, config.dropout)
        shared = {"batch_first": True, "norm_first": True}
        encoder = layers.TransformerEncoderLayer(*options, **shared)
        decoder = layers.TransformerDecoderLayer(*options, **shared)
        self.encoder = layers.TransformerEncoder(encoder, config.layers, layers.LayerNorm(D))
        self.decoder = layers.TransformerDecoder(decoder, config.layers, layers.LayerNorm(D))
        for parameter in self.parameters():  # the stacks are copies: draw each anew
            if parameter.ndim == 2:
                nn.init.xavier_uniform_(parameter)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, 0, 1 / math.sqrt(D))

    def encode(
        self, source: Int[Tensor, "B S"], padding: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B S D"]:
        """Return the encoder's states; True in `padding` marks tokens nobody sees.

        Lesson: 08
        """
        check_tokens(source, self.config.source_vocabulary, self.config.context, 0)
        return self.encoder(self._embed(self.source, source), src_key_padding_mask=padding)

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        memory_padding: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position.

        Lesson: 08
        """
        check_tokens(target, self.config.target_vocabulary, self.config.context, 0)
        mask = ~layers.causal_mask(target.shape[1], device=target.device)
        x = self._embed(self.target, target)
        x = self.decoder(x, memory, tgt_mask=mask, memory_key_padding_mask=memory_padding)
        return x @ self.target.weight.T

    def forward(
        self,
        source: Int[Tensor, "B S"],
        target: Int[Tensor, "B T"],
        source_padding: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position, the source being known.

        Raises:
            TypeError, ValueError: an id outside its vocabulary, more than `context` tokens, no token.
        """
        return self.decode(target, self.encode(source, source_padding), source_padding)

    def _embed(self, table: nn.Module, tokens: Tensor) -> Tensor:
        return self.dropout(self.position(table(tokens) * math.sqrt(self.config.width)))
