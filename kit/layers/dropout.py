"""Dropout: switch units off at random while training."""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.activation import overwrite
from kit.layers.fused import fused
from kit.shapes import Float, Tensor


def dropout(
    x: Float[Tensor, "*B"],
    p: float = 0.5,
    training: bool = True,
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "*B"]:
    """Zero each entry with probability `p`, divide the rest by 1 − p.

    Dividing while training keeps the expected value, so nothing changes at
    evaluation. Same shape as `x`.

    Args:
        x: any shape.
        p: probability of zero, in [0, 1].
        training: False returns `x` unchanged.
        generator: source of the mask; None uses torch's global one. On the CPU the
            formula and the kernel draw the same mask from the same state.

    Raises:
        TypeError, ValueError: `p` is not a number in [0, 1].

    Source: Srivastava et al. 2014, section 4 (in the inverted form). Lesson: 05
    """
    check.probability("p", p)
    if fused() and generator is None:
        return F.dropout(x, p, training)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    keep = torch.empty_like(x, requires_grad=False).bernoulli_(1 - p, generator=generator)
    return x * (keep / (1 - p))


def _dropout_inplace(x: Tensor, p: float) -> Tensor:
    return F.dropout(x, p, inplace=True)


class Dropout(nn.Module):
    """`dropout` as a module: on after `.train()`, off after `.eval()`.

    Raises:
        TypeError, ValueError: `p` is not a number in [0, 1].

    Lesson: 05
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        check.probability("p", p)
        self.p, self.inplace = p, inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        if self.inplace and self.training:
            return overwrite(x, _dropout_inplace, dropout, self.p)
        return dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}" + (", inplace=True" if self.inplace else "")
