"""Convolution: one small kernel, the same at every place of the image.

im2col  conv2d  Conv2d  ConvTranspose2d
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Tensor

Size = int | tuple[int, int]  # one number for both, or (height, width)


def im2col(
    x: Float[Tensor, "*B C H W"],
    kernel_size: Size,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    *,
    fill: float = 0.0,
) -> Float[Tensor, "*B C K_h K_w H_out W_out"]:
    """The patch of the image that each output pixel sees.

    As `torch.nn.functional.unfold`, with the dimensions kept apart. Each output size is
    ⌊(size + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1.

    Args:
        x: the images.
        kernel_size: pixels of a patch.
        stride: pixels from one patch to the next.
        padding: rows and columns added on each side; "same" adds as many as keep the size.
        dilation: distance between neighbouring pixels of a patch.
        fill: value of the added pixels.

    Raises:
        ValueError: the padded image is smaller than a patch.

    Source: Chellapilla, Puri and Simard 2006, section 2.1.
    Lesson: 06
    """
    kernel, step = pair("kernel_size", kernel_size, 1), pair("dilation", dilation, 1)
    reach = [d * (k - 1) for k, d in zip(kernel, step, strict=True)]  # from first to last pixel
    if isinstance(padding, str):
        before = [r // 2 if padding == "same" else 0 for r in reach]
        after = [r - b if padding == "same" else 0 for r, b in zip(reach, before, strict=True)]
    else:
        before = after = pair("padding", padding, 0)
    x = F.pad(x, (before[1], after[1], before[0], after[0]), value=fill)
    if x.shape[-2] <= reach[0] or x.shape[-1] <= reach[1]:
        raise ValueError(
            f"x has {x.shape[-2]} x {x.shape[-1]} pixels with its padding, a patch needs {reach[0] + 1} x "
            f"{reach[1] + 1}; use a smaller kernel_size or more padding"
        )
    down, right = pair("stride", stride, 1)
    patches = x.unfold(-2, reach[0] + 1, down).unfold(-2, reach[1] + 1, right)  # (..., C, H', W', kh, kw)
    return patches[..., :: step[0], :: step[1]].movedim((-2, -1), (-4, -3))


def conv2d(
    x: Float[Tensor, "*B C H W"],
    weight: Float[Tensor, "O I K_h K_w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Float[Tensor, "*B O H_out W_out"]:
    """Each output pixel is the product of a kernel with the patch below it.

    As `torch.nn.functional.conv2d`: the kernel is not flipped (a cross-correlation).

    Args:
        x: (B, C, H, W) or (C, H, W).
        weight: one kernel per output channel, over C / groups input channels.
        bias: one number per output channel.
        stride, padding, dilation: as in `im2col`.
        groups: input and output channels fall into so many groups that do not see each other.

    Raises:
        ValueError, RuntimeError: shapes that do not fit (from PyTorch), an image smaller than a patch.

    Source: LeCun et al. 1989; im2col: Chellapilla, Puri and Simard 2006. Lesson: 06
    """
    if fused():
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    O, I, *kernel = weight.shape
    patches = im2col(x, tuple(kernel), stride, padding, dilation)
    *B, _, _, _, H, W = patches.shape
    columns = patches.reshape(*B, groups, I * math.prod(kernel), H * W)
    kernels = weight.reshape(groups, O // groups, I * math.prod(kernel))
    y = (kernels @ columns).reshape(*B, O, H, W)
    return y if bias is None else y + bias[:, None, None]


class _Convolution(nn.Module):
    """What Conv2d and ConvTranspose2d share: options, weights, initialization."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups):
        super().__init__()
        check.integer("in_channels", in_channels, 1)
        check.integer("out_channels", out_channels, 1)
        check.divides("groups", groups, "in_channels", in_channels)
        check.divides("groups", groups, "out_channels", out_channels)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        self.stride, self.dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        self.padding = padding if isinstance(padding, str) else pair("padding", padding, 0)

    def _make(self, rows, columns, bias, device, dtype, generator) -> None:
        place = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(rows, columns, *self.kernel_size, **place))
        self.bias = nn.Parameter(torch.empty(self.out_channels, **place)) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weight and bias afresh, uniform in ±1/√(numbers per kernel)."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)

    def _check(self, x: Tensor) -> None:
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, {type(self).__name__} needs (B, in_channels="
                f"{self.in_channels}, H, W); reshape x or change in_channels"
            )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        usual = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1}
        for name, value in usual.items():
            if getattr(self, name, value) != value:
                text += f", {name}={getattr(self, name)}"
        return text if self.bias is not None else f"{text}, bias=False"


class Conv2d(_Convolution):
    """Slide learned kernels over the image, as `torch.nn.Conv2d`.

    (out_channels, in_channels / groups, kernel height, kernel width) weights and out_channels
    biases start uniform in ±1/√(numbers per kernel), equal to torch's draw.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, one kernel each.
        kernel_size, stride, padding, dilation: as in `im2col`; padding may be "same" (with
            stride 1) or "valid" (none).
        groups: divides both channel counts; in_channels makes it depthwise.
        bias: whether to add one number per output channel.
        device, dtype: of the parameters, as in torch.
        generator: source of the initial weights; None uses torch's global one.

    Of torch's padding modes only zeros exist here.

    Raises:
        TypeError, ValueError: an option is out of its range, or "same" with another stride than 1.

    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code recognition".
    Lesson: 06
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        if isinstance(padding, str):
            check.one_of("padding", padding, ("same", "valid"))
            if padding == "same" and self.stride != (1, 1):
                raise ValueError(
                    f"padding='same' with stride={stride} has no one meaning; give padding as a number"
                )
        self._make(out_channels, in_channels // groups, bias, device, dtype, generator)

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B O H_out W_out"]:
        """Return the feature maps of (B, C, H, W) or of one image (C, H, W).

        Raises:
            ValueError: another number of dimensions or channels.
        """
        self._check(x)
        return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """Convolution turned around, it enlarges an image; as `torch.nn.ConvTranspose2d`.

    Each input pixel adds its multiple of the kernels to the output: the gradient of `conv2d`
    with respect to its input. The weight is (in_channels, out_channels / groups, kernel height,
    kernel width). Each output size is
    (size − 1) · stride − 2 · padding + dilation · (kernel − 1) + output_padding + 1.

    Args:
        in_channels, out_channels, kernel_size, groups, bias, dilation: as in `Conv2d`.
        stride: distance of neighbouring input pixels in the output.
        padding: rows and columns cut off on each side of the output.
        output_padding: rows and columns added below and on the right.
        device, dtype, generator: as in `Conv2d`.

    Raises:
        TypeError, ValueError: an option is out of its range; `output_padding` must be smaller
            than stride or dilation.

    Source: Zeiler et al. 2010, "Deconvolutional networks". Lesson: 06
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, pair("padding", padding, 0), dilation, groups
        )
        self.output_padding = pair("output_padding", output_padding, 0)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            check.integer("output_padding", extra, 0, max(s, d) - 1)
        self._make(in_channels, out_channels // groups, bias, device, dtype, generator)

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B O H_out W_out"]:
        """Return the enlarged (B, C, H, W) or (C, H, W).

        Raises:
            ValueError: another number of dimensions or channels.
        """
        self._check(x)
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        if fused():
            return F.conv_transpose2d(x, self.weight, self.bias, *options)
        return self._formula(x, *options)

    def _formula(self, x: Tensor, stride, padding, output_padding, groups, dilation) -> Tensor:
        """stride − 1 zeros between the pixels, then a convolution with the flipped kernels."""
        *B, I, H, W = x.shape
        spread = x.new_zeros(*B, I, (H - 1) * stride[0] + 1, (W - 1) * stride[1] + 1)
        spread[..., :: stride[0], :: stride[1]] = x
        top, left = (d * (k - 1) - p for k, d, p in zip(self.kernel_size, dilation, padding, strict=True))
        spread = F.pad(spread, (left, left + output_padding[1], top, top + output_padding[0]))
        turned = self.weight.unflatten(0, (groups, I // groups)).transpose(1, 2).flatten(0, 1).flip(-2, -1)
        return conv2d(spread, turned, self.bias, dilation=dilation, groups=groups)


def pair(name: str, value: Size, low: int) -> tuple[int, int]:
    """`value` as (height, width), each a whole number of at least `low`.

    Raises:
        TypeError, ValueError: neither one whole number nor two, or below `low`.

    Lesson: 06
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2:
        raise ValueError(f"{name}={value} has {len(both)} numbers; give one, or (height, width)")
    for size in both:
        check.integer(name, size, low)
    return both
