"""A residual block: two convolutions that learn what to add to their input.

ResidualBlock
"""

import torch
from torch import nn

from kit.layers.activation import relu
from kit.layers.convolution import Conv2d
from kit.layers.normalization import BatchNorm2d
from kit.shapes import Float, Tensor


class ResidualBlock(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), as torchvision's `BasicBlock`.

    Where the size changes, x goes through a 1x1 convolution and a batch norm first
    (`downsample`). The gradient reaches x through the sum whatever the convolutions do.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: of the first convolution; 2 halves the image.
        shortcut: False leaves x out, which makes the plain block of the paper's comparison.
        generator: source of the initial weights; None uses torch's global one.

    Raises:
        TypeError, ValueError: a size is not a whole number of at least 1.

    Source: He et al. 2015, arXiv:1512.03385, figure 2 and equation 2. Lesson: 06
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        *,
        shortcut: bool = True,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        options = {"bias": False, "generator": generator}
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride, 1, **options)
        self.bn1 = BatchNorm2d(out_channels)
        self.conv2 = Conv2d(out_channels, out_channels, 3, 1, 1, **options)
        self.bn2 = BatchNorm2d(out_channels)
        self.shortcut, self.downsample = shortcut, None
        if shortcut and (stride != 1 or in_channels != out_channels):
            convolution = Conv2d(in_channels, out_channels, 1, stride, **options)
            self.downsample = nn.Sequential(convolution, BatchNorm2d(out_channels))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O H_out W_out"]:
        """Return the feature maps; height and width are divided by the stride, rounded up."""
        y = relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.shortcut:
            y = y + (x if self.downsample is None else self.downsample(x))
        return relu(y)
