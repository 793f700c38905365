"""Linear: y = x Wᵀ + b."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Tensor


class Linear(nn.Module):
    """A linear layer y = x Wᵀ + b, as `torch.nn.Linear`.

    Weight (out_features, in_features) and bias (out_features) start uniform in
    ±1/√in_features; with the same generator state they equal torch's draw.

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether to add b.
        device, dtype: of the parameters, as in torch.
        generator: source of the initial weights; None uses torch's global one.

    Raises:
        TypeError, ValueError: a size is not a whole number >= 0.

    Source: He et al. 2015, arXiv:1502.01852 (the bound of the initialization).
    Lesson: 03
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        check.integer("in_features", in_features, 0)
        check.integer("out_features", out_features, 0)
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weight and bias afresh, uniform in ±1/√in_features."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Float[Tensor, "*B D_in"]) -> Float[Tensor, "*B D_out"]:
        """Return x Wᵀ + b of shape (..., out_features).

        Raises:
            ValueError: the last dimension of `x` is not `in_features`.
        """
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"x has shape {tuple(x.shape)}, its last dimension must be in_features={self.in_features}; "
                "reshape x or change in_features"
            )
        if fused():
            return F.linear(x, self.weight, self.bias)
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )
