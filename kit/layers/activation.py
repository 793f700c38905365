"""Activations: functions first, then thin modules with torch.nn's arguments.

    relu  leaky_relu  elu  selu  sigmoid  tanh  gelu  silu  softplus
    ReLU  LeakyReLU  ELU  SELU  Sigmoid  Tanh  GELU  SiLU  Softplus

The formulas are exact at the ends: exp is only taken of numbers <= 0 (softplus:
<= threshold), so neither the value nor the gradient overflows. Comparisons are
written so that NaN stays NaN. Softmax has its own file.
"""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Tensor

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """max(x, 0), with gradient 0 at 0. Same shape as `x`.

    Source: Nair and Hinton 2010. Lesson: 03
    """
    if fused():
        return F.relu(x)
    return torch.where(x <= 0, 0.0, x)


def leaky_relu(x: Float[Tensor, "*B"], negative_slope: float = 0.01) -> Float[Tensor, "*B"]:
    """x where x > 0, negative_slope · x elsewhere. Same shape as `x`.

    Source: Maas, Hannun and Ng 2013. Lesson: 03
    """
    if fused():
        return F.leaky_relu(x, negative_slope)
    return torch.where(x > 0, x, negative_slope * x)


def elu(x: Float[Tensor, "*B"], alpha: float = 1.0) -> Float[Tensor, "*B"]:
    """x where x > 0, alpha · (eˣ − 1) elsewhere. Same shape as `x`.

    Source: Clevert et al. 2015, arXiv:1511.07289, equation 15. Lesson: 03
    """
    if fused():
        return F.elu(x, alpha)
    return torch.where(x > 0, x, alpha * torch.expm1(torch.where(x > 0, 0.0, x)))


def selu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1. Same shape as `x`.

    Source: Klambauer et al. 2017, arXiv:1706.02515, equation 2. Lesson: 03
    """
    if fused():
        return F.selu(x)
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def sigmoid(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """1 / (1 + e⁻ˣ), in (0, 1). Same shape as `x`. Lesson: 03"""
    if fused():
        return torch.sigmoid(x)
    z = torch.exp(_minus_abs(x))
    return torch.where(x >= 0, 1 / (1 + z), z / (1 + z))


def tanh(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1). Same shape as `x`. Lesson: 03"""
    if fused():
        return torch.tanh(x)
    z = torch.expm1(2 * _minus_abs(x))  # e^(-2|x|) - 1
    y = -z / (z + 2)  # tanh |x|
    return torch.where(x >= 0, y, -y)


def gelu(x: Float[Tensor, "*B"], approximate: str = "none") -> Float[Tensor, "*B"]:
    """x · Φ(x) with the normal distribution function Φ. Same shape as `x`.

    Args:
        x: any shape.
        approximate: "none" takes Φ(x) = (1 + erf(x/√2))/2, "tanh" the approximation
            x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) that GPT-2 uses.

    Raises:
        ValueError: another value of `approximate`.

    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2. Lesson: 03
    """
    check.one_of("approximate", approximate, ("none", "tanh"))
    if fused():
        return F.gelu(x, approximate=approximate)
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """x · sigmoid(x), also called swish. Same shape as `x`.

    Source: Elfwing et al. 2017, arXiv:1702.03118, equation 9. Lesson: 03
    """
    if fused():
        return F.silu(x)
    return x * sigmoid(x)


def softplus(x: Float[Tensor, "*B"], beta: float = 1.0, threshold: float = 20.0) -> Float[Tensor, "*B"]:
    """log(1 + e^(βx)) / β, a smooth ReLU. Same shape as `x`.

    Where βx > threshold the result is x itself, as in torch; at 20 the two differ
    by 2e-9.

    Source: Dugas et al. 2001. Lesson: 03
    """
    if fused():
        return F.softplus(x, beta, threshold)
    steep = beta * x > threshold
    return torch.where(steep, x, torch.log1p(torch.exp(beta * torch.where(steep, 0.0, x))) / beta)


def _minus_abs(x: Tensor) -> Tensor:
    # -|x|, but with slope -1 (not 0) at 0, so that gradients at 0 come out right.
    return torch.where(x >= 0, -x, x)


def overwrite(
    x: Tensor, kernel: Callable[..., Tensor], formula: Callable[..., Tensor], *args: float
) -> Tensor:
    """Put the result into `x`: torch's in-place kernel or the formula, copied.

    The formula gets a copy of `x`, since its backward pass needs the values from before.

    Lesson: 03
    """
    return kernel(x, *args) if fused() else x.copy_(formula(x.clone(), *args))


def _silu_inplace(x: Tensor) -> Tensor:
    return F.silu(x, inplace=True)


class ReLU(nn.Module):
    """`relu` as a module; `inplace` writes the result into the input. Lesson: 03"""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return overwrite(x, F.relu_, relu) if self.inplace else relu(x)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(nn.Module):
    """`leaky_relu` as a module. Lesson: 03"""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        if self.inplace:
            return overwrite(x, F.leaky_relu_, leaky_relu, self.negative_slope)
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(nn.Module):
    """`elu` as a module. Lesson: 03"""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return overwrite(x, F.elu_, elu, self.alpha) if self.inplace else elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(nn.Module):
    """`selu` as a module. Lesson: 03"""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return overwrite(x, F.selu_, selu) if self.inplace else selu(x)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Sigmoid(nn.Module):
    """`sigmoid` as a module. Lesson: 03"""

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return sigmoid(x)


class Tanh(nn.Module):
    """`tanh` as a module. Lesson: 03"""

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return tanh(x)


class GELU(nn.Module):
    """`gelu` as a module; raises ValueError for an unknown `approximate`. Lesson: 03"""

    def __init__(self, approximate: str = "none"):
        super().__init__()
        check.one_of("approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(nn.Module):
    """`silu` as a module. Lesson: 03"""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return overwrite(x, _silu_inplace, silu) if self.inplace else silu(x)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Softplus(nn.Module):
    """`softplus` as a module. Lesson: 03"""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"
