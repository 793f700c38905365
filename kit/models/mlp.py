"""MLP: a stack of linear layers with an activation between them.

MLPConfig  MLP  count_parameters
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.shapes import Float, Tensor

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "selu": layers.SELU,
    "sigmoid": layers.Sigmoid,
    "tanh": layers.Tanh,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "softplus": layers.Softplus,
    "identity": nn.Identity,
}
NORMALIZATIONS: dict[str, type[nn.Module]] = {
    "batch": layers.BatchNorm1d,
    "layer": layers.LayerNorm,
    "rms": layers.RMSNorm,
}


@dataclass(frozen=True)
class MLPConfig:
    """What an `MLP` is built from; plain values, so it can be saved as JSON.

    Args:
        sizes: features of input, hidden layers and output, at least two numbers.
        activation: after each hidden layer, a name from `ACTIVATIONS`; "identity"
            makes the whole network linear.
        dropout: share of hidden units switched off while training, in [0, 1].
        normalization: before each activation, None or a name from `NORMALIZATIONS`.
        bias: whether the linear layers have one.

    Raises:
        TypeError, ValueError: a value is out of its range, a name is unknown.

    Lesson: 03
    """

    sizes: Sequence[int]  # kept as a tuple
    activation: str = "relu"
    dropout: float = 0.0
    normalization: str | None = None
    bias: bool = True

    def __post_init__(self):
        object.__setattr__(self, "sizes", tuple(self.sizes))  # JSON gives a list back
        if len(self.sizes) < 2:
            raise ValueError(f"sizes={self.sizes} names no layer; give at least input and output, (64, 10)")
        for i, size in enumerate(self.sizes):
            check.integer(f"sizes[{i}]", size, 1)
        check.one_of("activation", self.activation, ACTIVATIONS)
        check.probability("dropout", self.dropout)
        if self.normalization is not None:
            check.one_of("normalization", self.normalization, NORMALIZATIONS)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula: Σ (in + bias) · out + norms.

        Lesson: 03
        """
        linear = sum((a + self.bias) * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))
        per_unit = {None: 0, "batch": 2, "layer": 2, "rms": 1}[self.normalization]
        return linear + per_unit * sum(self.sizes[1:-1])


class MLP(nn.Module):
    """A multilayer perceptron.

    Linear → normalization → activation → dropout for each hidden layer.
    The last linear layer stands alone, its outputs are logits or predictions.

    Args:
        config: the sizes and options.
        generator: source of the initial weights; None uses torch's global one.

    Source: Rumelhart, Hinton and Williams 1986. Lesson: 03
    """

    def __init__(self, config: MLPConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.layers = nn.Sequential()
        *hidden, last = zip(config.sizes, config.sizes[1:], strict=False)
        for fan_in, fan_out in hidden:
            self.layers.append(layers.Linear(fan_in, fan_out, config.bias, generator=generator))
            if config.normalization:
                self.layers.append(NORMALIZATIONS[config.normalization](fan_out))
            self.layers.append(ACTIVATIONS[config.activation]())
            if config.dropout:
                self.layers.append(layers.Dropout(config.dropout))
        self.layers.append(layers.Linear(*last, config.bias, generator=generator))

    def forward(self, x: Float[Tensor, "*B D_in"]) -> Float[Tensor, "*B D_out"]:
        """Return the outputs of shape (..., sizes[-1]).

        Batch normalization takes (B, D) only.

        Raises:
            ValueError: the last dimension of `x` is not `sizes[0]`.
        """
        return self.layers(x)


def count_parameters(model: nn.Module, *, trainable: bool = True) -> int:
    """The number of parameters of any module, a shared one counted once.

    Args:
        model: the module.
        trainable: leave out parameters that need no gradient.

    Lesson: 01
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable)
