"""Pooling: many values become one, over patches of an image or over the steps of a text.

MaxPool2d  AvgPool2d  AdaptiveAvgPool2d  masked_mean
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.convolution import Size, im2col, pair
from kit.layers.fused import fused
from kit.shapes import Bool, Float, Tensor


class _Pool2d(nn.Module):
    """What MaxPool2d and AvgPool2d share: the options."""

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size):
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        pair("stride", self.stride, 1)
        for size, edge in zip(pair("kernel_size", kernel_size, 1), pair("padding", padding, 0), strict=True):
            check.integer("padding", edge, 0, size // 2)  # else a patch could hold no pixel at all

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """The largest value of each patch, as `torch.nn.MaxPool2d`.

    The gradient goes to the first pixel that has this value. torch's `ceil_mode` and
    `return_indices` are left out: no lesson needs them.

    Args:
        kernel_size, stride, padding, dilation: as in `im2col`; stride None is the kernel size.

    Raises:
        TypeError, ValueError: a size is out of its range; padding is at most half the kernel.

    Source: Ranzato et al. 2007. Lesson: 06
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1):
        super().__init__(kernel_size, stride, padding)
        pair("dilation", dilation, 1)
        self.dilation = dilation

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B C H_out W_out"]:
        """Return the maxima of (B, C, H, W) or (C, H, W)."""
        options = (self.kernel_size, self.stride, self.padding, self.dilation)
        if fused():
            return F.max_pool2d(x, *options)
        return im2col(x, *options, fill=-math.inf).flatten(-4, -3).max(-3).values

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dilation={self.dilation}, ceil_mode=False"


class AvgPool2d(_Pool2d):
    """The mean of each patch, as `torch.nn.AvgPool2d`; added pixels count as zeros.

    Arguments as in `MaxPool2d`. torch's `ceil_mode`, `count_include_pad` and
    `divisor_override` are left out.

    Raises:
        TypeError, ValueError: a size is out of its range; padding is at most half the kernel.

    Source: LeCun et al. 1989. Lesson: 06
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0):
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B C H_out W_out"]:
        """Return the means of (B, C, H, W) or (C, H, W)."""
        options = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool2d(x, *options) if fused() else im2col(x, *options).mean((-4, -3))


class AdaptiveAvgPool2d(nn.Module):
    """Means over patches that fit a wanted output size, as `torch.nn.AdaptiveAvgPool2d`.

    Output i is the mean of the inputs ⌊i · size / output⌋ to ⌈(i + 1) · size / output⌉ − 1.

    Args:
        output_size: one number or (height, width), there None keeps the size. 1 is the mean of the image.

    Raises:
        TypeError, ValueError: a size is not a whole number of at least 1.

    Source: Lin, Chen and Yan 2013, arXiv:1312.4400, section 3.2 (output size 1). Lesson: 06
    """

    def __init__(self, output_size: int | tuple[int | None, int | None]):
        super().__init__()
        both = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * 2
        pair("output_size", tuple(1 if size is None else size for size in both), 1)
        self.output_size = output_size

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B C H_out W_out"]:
        """Return the means of (B, C, H, W) or (C, H, W), at least one pixel each."""
        if fused():
            return F.adaptive_avg_pool2d(x, self.output_size)
        size = self.output_size
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        rows, columns = _averages(x.shape[-2], height, x), _averages(x.shape[-1], width, x)
        return rows @ x @ columns.T

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


def _averages(n: int, out: int | None, like: Tensor) -> Tensor:
    """(out, n): row i has equal weights, of sum 1, where output i looks."""
    out = n if out is None else out
    i, j = torch.arange(out)[:, None], torch.arange(n)
    inside = ((j >= i * n // out) & (j < ((i + 1) * n + out - 1) // out)).to(like)
    return inside / inside.sum(1, keepdim=True)


def masked_mean(x: Float[Tensor, "*B T D"], padding: Bool[Tensor, "*B T"]) -> Float[Tensor, "*B D"]:
    """The mean over the real steps; what stands at padded ones has no influence, not even NaN.

    Args:
        x: one vector per step.
        padding: True where a step is padding. A text of padding only gives zeros.

    Raises:
        ValueError: `padding` is not one truth value per step.

    Lesson: 07
    """
    check.same_shape("padding", padding, "x[..., 0]", x[..., 0])
    total = x.masked_fill(padding[..., None], 0.0).sum(-2)
    return total / (~padding).sum(-1, keepdim=True).clamp(min=1)
