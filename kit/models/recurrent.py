"""Recurrent models: one reads a text and judges it, one writes the next character.

RNNClassifierConfig  RNNClassifier  RNN_CLASSIFIER_PRESETS  CharRNNConfig  CharRNN
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from kit import check, layers
from kit.shapes import Bool, Float, Int, Tensor

KINDS: dict[str, type[nn.Module]] = {"rnn": layers.RNN, "lstm": layers.LSTM, "gru": layers.GRU}
State = Tensor | tuple[Tensor, Tensor]


def _cells(kind: str, inputs: int, hidden: int, num_layers: int, directions: int = 1) -> int:
    """Parameters of a recurrent layer: two matrices and two biases per layer and direction."""
    gates = KINDS[kind].gates
    below = [inputs] + [hidden * directions] * (num_layers - 1)
    return sum(directions * gates * hidden * (columns + hidden + 2) for columns in below)


def _layer(config, bidirectional: bool, generator: torch.Generator | None) -> nn.Module:
    sizes = (config.embedding, config.hidden, config.layers)
    between = config.dropout if config.layers > 1 else 0.0
    options = {"batch_first": True, "dropout": between, "bidirectional": bidirectional}
    return KINDS[config.kind](*sizes, **options, generator=generator)


@dataclass(frozen=True)
class RNNClassifierConfig:
    """What an `RNNClassifier` is built from.

    Args:
        vocabulary: number of tokens V.
        embedding: size of a token's vector.
        hidden: size H of the state.
        layers: recurrent layers.
        kind: "rnn", "lstm" or "gru".
        bidirectional: read from both ends.
        pooling: what stands for the text: "mean" of its states, or the "last" state.
        classes: number of outputs.
        dropout: of the pooled vector and between layers, while training.
        pad: the token that fills up short texts; None if there is none.

    Raises:
        TypeError, ValueError: a value is out of its range.

    Lesson: 07
    """

    vocabulary: int
    embedding: int = 64
    hidden: int = 64
    layers: int = 1
    kind: str = "gru"
    bidirectional: bool = True
    pooling: str = "mean"
    classes: int = 2
    dropout: float = 0.0
    pad: int | None = 0

    def __post_init__(self):
        for name in ("vocabulary", "embedding", "hidden", "layers", "classes"):
            check.integer(name, getattr(self, name), 1)
        check.one_of("kind", self.kind, KINDS)
        check.one_of("pooling", self.pooling, ("mean", "last"))
        check.probability("dropout", self.dropout)
        if self.pad is not None:
            check.integer("pad", self.pad, 0, self.vocabulary - 1)

    @property
    def features(self) -> int:
        """Numbers that stand for a text.

        Lesson: 07
        """
        return self.hidden * (1 + self.bidirectional)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula.

        Lesson: 07
        """
        cells = _cells(self.kind, self.embedding, self.hidden, self.layers, 1 + self.bidirectional)
        return self.vocabulary * self.embedding + cells + (self.features + 1) * self.classes


#: The two networks of the course's articles: 690,049 parameters as in Keras, and 739,457 (Keras has
#: 738,945: its LSTM has one bias, torch's two).
RNN_CLASSIFIER_PRESETS: dict[str, RNNClassifierConfig] = {
    "article_bigru": RNNClassifierConfig(10_000, pooling="last", classes=1),
    "article_lstm": RNNClassifierConfig(
        10_000, hidden=128, kind="lstm", bidirectional=False, pooling="last", classes=1
    ),
}


class RNNClassifier(nn.Module):
    """Embedding, recurrent layers, one vector per text, linear: logits.

    Padding is taken out before the recurrent layers read, so it changes nothing.

    Args:
        config: the sizes and options.
        generator: source of the initial weights; None uses torch's global one.

    Source: Schuster and Paliwal 1997 (both directions). Lesson: 07
    """

    def __init__(self, config: RNNClassifierConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.embedding = layers.Embedding(
            config.vocabulary, config.embedding, config.pad, generator=generator
        )
        self.recurrent = _layer(config, config.bidirectional, generator)
        self.dropout = layers.Dropout(config.dropout)
        self.linear = layers.Linear(config.features, config.classes, generator=generator)

    def features(
        self, tokens: Int[Tensor, "B T"], padding: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B D"]:
        """Return one vector per text, before the linear layer; arguments as for `forward`."""
        check.tensor("tokens", tokens, ndim=2, kind="integer")
        check.nonempty("tokens", tokens.T)
        if padding is None:
            pad = self.config.pad
            padding = torch.zeros_like(tokens, dtype=torch.bool) if pad is None else tokens == pad
        check.same_shape("padding", padding, "tokens", tokens)
        padding, order = padding.sort(stable=True, dim=1)  # what is real comes first, in its order
        x = self.embedding(tokens.gather(1, order)).masked_fill(padding[..., None], 0.0)
        lengths = (~padding).sum(1).clamp(min=1).cpu()  # an empty text is one zero vector
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, final = self.recurrent(packed)
        if self.config.pooling == "mean":
            states, _ = pad_packed_sequence(states, batch_first=True, total_length=tokens.shape[1])
            return layers.masked_mean(states, padding)
        final = final[0] if isinstance(final, tuple) else final  # (layers · directions, B, H)
        return torch.cat(list(final[-self.recurrent.directions :]), -1)

    def forward(
        self, tokens: Int[Tensor, "B T"], padding: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B K"]:
        """Return one logit per class.

        Args:
            tokens: ids 0..V-1, at least one text and one step.
            padding: True where a token is padding, at any place; None means where it is `pad`.

        Raises:
            TypeError, ValueError: not (B, T) of whole numbers, no step, or another shape of padding.
        """
        return self.linear(self.dropout(self.features(tokens, padding)))


@dataclass(frozen=True)
class CharRNNConfig:
    """What a `CharRNN` is built from.

    Args:
        vocabulary: number of tokens V.
        embedding: size of a token's vector.
        hidden: size H of the state.
        layers: recurrent layers.
        kind: "rnn", "lstm" or "gru".
        dropout: between layers and before the output, while training.

    Raises:
        TypeError, ValueError: a value is out of its range.

    Lesson: 07
    """

    vocabulary: int
    embedding: int = 64
    hidden: int = 256
    layers: int = 1
    kind: str = "lstm"
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("vocabulary", "embedding", "hidden", "layers"):
            check.integer(name, getattr(self, name), 1)
        check.one_of("kind", self.kind, KINDS)
        check.probability("dropout", self.dropout)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula.

        Lesson: 07
        """
        V, cells = self.vocabulary, _cells(self.kind, self.embedding, self.hidden, self.layers)
        return V * self.embedding + cells + (self.hidden + 1) * V


class CharRNN(nn.Module):
    """A language model with a memory of fixed size: the state after a text continues it.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Mikolov et al. 2010, "Recurrent neural network based language model". Lesson: 07
    """

    def __init__(self, config: CharRNNConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.embedding = layers.Embedding(config.vocabulary, config.embedding, generator=generator)
        self.recurrent = _layer(config, False, generator)
        self.dropout = layers.Dropout(config.dropout)
        self.linear = layers.Linear(config.hidden, config.vocabulary, generator=generator)

    def forward(
        self, tokens: Int[Tensor, "B T"], state: State | None = None
    ) -> tuple[Float[Tensor, "B T V"], State]:
        """Return the logits of the token after each position, and the state at the end.

        Args:
            tokens: ids 0..V-1.
            state: what an earlier call returned, to go on from there; None begins a text.

        Raises:
            TypeError, ValueError: not (B, T) of whole numbers, no step, or a state of another shape.
        """
        check.tensor("tokens", tokens, ndim=2, kind="integer")
        x, state = self.recurrent(self.embedding(tokens), state)
        return self.linear(self.dropout(x)), state
