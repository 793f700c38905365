"""An MLP that may be told a class: the part that VAE and GAN share.

ConditionalMLP  check_shape  check_labels
"""

from collections.abc import Sequence

import torch
from torch import nn

from kit import check, layers
from kit.models.mlp import MLP, MLPConfig
from kit.shapes import Float, Int, Tensor

#: Features that a class becomes.
CLASS_WIDTH = 16


class ConditionalMLP(nn.Module):
    """An MLP whose input is x beside the learned vector of a class.

    Args:
        sizes: features of x, of the hidden layers and of the output.
        activation: after each hidden layer.
        classes: how many there are; 0 leaves the class out.
        generator: source of the initial weights; None uses torch's global one.

    Source: Mirza and Osindero 2014, arXiv:1411.1784, section 3.2. Lesson: 10
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        classes: int = 0,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.classes = classes
        if classes:
            self.embedding = layers.Embedding(classes, CLASS_WIDTH, generator=generator)
        sizes = (sizes[0] + CLASS_WIDTH * bool(classes), *sizes[1:])
        self.mlp = MLP(MLPConfig(sizes, activation), generator=generator)

    def forward(
        self, x: Float[Tensor, "B D_in"], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B D_out"]:
        """Return the outputs; `labels` (B,) are needed if and only if there are classes.

        Raises:
            TypeError, ValueError: labels are missing, too many, or not of the classes.
        """
        check_labels(self.classes, len(x), labels)
        return self.mlp(torch.cat((x, self.embedding(labels)), 1) if self.classes else x)

    @staticmethod
    def parameters_of(sizes: Sequence[int], classes: int) -> int:
        """Trainable parameters by formula."""
        told = classes * CLASS_WIDTH + sizes[1] * CLASS_WIDTH * bool(classes)
        return told + MLPConfig(sizes).parameters


def check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """`shape` of one sample as a tuple of sizes of at least 1.

    Raises:
        TypeError, ValueError: it is empty, or a size is not whole or below 1.

    Lesson: 10
    """
    check.nonempty("shape", shape)
    for i, size in enumerate(shape):
        check.integer(f"shape[{i}]", size, 1)
    return tuple(shape)


def check_labels(classes: int, count: int, labels: Tensor | None) -> None:
    """Raise unless there is one label per sample, or no label where there are no classes.

    Lesson: 10
    """
    if classes == 0 and labels is not None:
        raise ValueError("labels are given and the model has classes=0; leave them out or set classes")
    if classes and labels is None:
        raise ValueError(f"labels=None and the model has classes={classes}; give one class per sample")
    if labels is not None and tuple(labels.shape) != (count,):
        raise ValueError(f"labels has shape {tuple(labels.shape)}, ({count},) is needed; give one class each")
