"""Softmax and its logarithms, stable for logits of any size.

    logsumexp  softmax  log_softmax  Softmax  LogSoftmax

All three subtract the largest logit first: softmax does not change when a
constant is added to every logit, and exp is then only taken of numbers <= 0.
"""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Tensor


def logsumexp(x: Float[Tensor, "..."], dim: int = -1, keepdim: bool = False) -> Float[Tensor, "..."]:
    """log Σ eˣ along `dim`, as m + log Σ e^(x−m) with the maximum m.

    Shape: that of `x` without `dim` (size 1 with `keepdim`). A slice of −∞ gives
    −∞, one that holds +∞ gives +∞.

    Lesson: 03
    """
    if fused():
        return torch.logsumexp(x, dim, keepdim)
    m = x.detach().amax(dim, keepdim=True)
    m = torch.where(torch.isinf(m), 0.0, m)  # inf - inf would be NaN
    y = m + torch.log(torch.exp(x - m).sum(dim, keepdim=True))
    return y if keepdim else y.squeeze(dim)


def softmax(x: Float[Tensor, "*B"], dim: int = -1) -> Float[Tensor, "*B"]:
    """eˣ / Σ eˣ along `dim`: probabilities that add up to 1. Same shape as `x`.

    Lesson: 03
    """
    if fused():
        return F.softmax(x, dim)
    e = torch.exp(x - x.detach().amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def log_softmax(x: Float[Tensor, "*B"], dim: int = -1) -> Float[Tensor, "*B"]:
    """x − log Σ eˣ along `dim`: finite where log(softmax(x)) is −∞.

    Same shape as `x`.

    Lesson: 03
    """
    if fused():
        return F.log_softmax(x, dim)
    x = x - x.detach().amax(dim, keepdim=True)
    return x - torch.log(torch.exp(x).sum(dim, keepdim=True))


class Softmax(nn.Module):
    """`softmax` along `dim` as a module.

    torch.nn.Softmax(dim=None) guesses a dimension and warns; here the default is
    the last one.

    Raises:
        TypeError: `dim` is not a whole number.

    Lesson: 03
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        check.integer("dim", dim)
        self.dim = dim

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(nn.Module):
    """`log_softmax` along `dim` as a module; the last dimension by default.

    Raises:
        TypeError: `dim` is not a whole number.

    Lesson: 03
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        check.integer("dim", dim)
        self.dim = dim

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
