"""ResNet: many residual blocks, torchvision's names and numbers.

ResNetConfig  ResNet  RESNET_PRESETS
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.shapes import Float, Tensor


@dataclass(frozen=True)
class ResNetConfig:
    """What a `ResNet` is built from; the defaults are ResNet-18.

    Args:
        blocks: residual blocks of each stage; all stages but the first halve the image.
        widths: channels of each stage.
        stem: "imagenet" begins with a 7x7 convolution and pooling that divide height and
            width by 4, "small" with a 3x3 convolution that keeps them.
        channels: of the input.
        classes: number of outputs.
        shortcut: False builds the plain network of the paper's comparison.

    Raises:
        TypeError, ValueError: a value is out of its range, or a stage has no width.

    Lesson: 06
    """

    blocks: Sequence[int] = (2, 2, 2, 2)
    widths: Sequence[int] = (64, 128, 256, 512)
    stem: str = "imagenet"
    channels: int = 3
    classes: int = 1000
    shortcut: bool = True

    def __post_init__(self):
        for name in ("blocks", "widths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            check.nonempty(name, getattr(self, name))
            for value in getattr(self, name):
                check.integer(name, value, 1)
        check.same_length(blocks=self.blocks, widths=self.widths)
        check.one_of("stem", self.stem, ("imagenet", "small"))
        check.integer("channels", self.channels, 1)
        check.integer("classes", self.classes, 1)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula.

        Lesson: 06
        """
        width = self.widths[0]
        total = self.channels * width * (49 if self.stem == "imagenet" else 9) + 2 * width
        for stage, (count, out) in enumerate(zip(self.blocks, self.widths, strict=True)):
            total += 9 * width * out + 9 * out * out * (2 * count - 1) + 4 * out * count
            if self.shortcut and (stage > 0 or width != out):
                total += width * out + 2 * out  # the 1x1 convolution and its norm
            width = out
        return total + (width + 1) * self.classes


#: 11,689,512 and 21,797,672 parameters as published; 77,754 for small grey images.
RESNET_PRESETS: dict[str, ResNetConfig] = {
    "resnet18": ResNetConfig(),
    "resnet34": ResNetConfig(blocks=(3, 4, 6, 3)),
    "small": ResNetConfig((1, 1, 1), (16, 32, 64), "small", channels=1, classes=10),
}


class ResNet(nn.Module):
    """A residual network; parameter names are torchvision's.

    Args:
        config: the sizes and options.
        generator: source of the initial weights; None uses torch's global one.

    Source: He et al. 2015, arXiv:1512.03385, section 3.3 and table 1. Lesson: 06
    """

    def __init__(self, config: ResNetConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        width, large = config.widths[0], config.stem == "imagenet"
        kernel, stride, padding = (7, 2, 3) if large else (3, 1, 1)
        seed = {"generator": generator}
        self.conv1 = layers.Conv2d(config.channels, width, kernel, stride, padding, bias=False, **seed)
        self.bn1 = layers.BatchNorm2d(width)
        self.maxpool = layers.MaxPool2d(3, 2, 1) if large else nn.Identity()
        for stage, (count, out) in enumerate(zip(config.blocks, config.widths, strict=True)):
            blocks = nn.Sequential()
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(layers.ResidualBlock(width, out, stride, shortcut=config.shortcut, **seed))
                width = out
            self.add_module(f"layer{stage + 1}", blocks)
        self.avgpool = layers.AdaptiveAvgPool2d(1)
        self.fc = layers.Linear(width, config.classes, **seed)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw convolutions with variance 2 / (output channels · kernel pixels), as torchvision."""
        options = {"mode": "fan_out", "nonlinearity": "relu", "generator": generator}
        for module in self.modules():
            if isinstance(module, layers.Conv2d):
                nn.init.kaiming_normal_(module.weight, **options)
            elif isinstance(module, layers.BatchNorm2d):
                module.reset_parameters()
        self.fc.reset_parameters(generator)

    def feature_map(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O H_out W_out"]:
        """Return what the last block gives, before the mean over the image.

        Raises:
            ValueError: another number of channels.
        """
        x = self.maxpool(layers.relu(self.bn1(self.conv1(x))))
        for stage in range(len(self.config.blocks)):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x

    def features(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """Return one vector of `widths[-1]` numbers per image. Raises as `feature_map`."""
        return self.avgpool(self.feature_map(x)).flatten(1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Return one logit per class. Raises as `feature_map`."""
        return self.fc(self.features(x))
