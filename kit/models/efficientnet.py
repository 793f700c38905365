"""EfficientNet-lite0: a small, published network that knows ImageNet's 1,000 classes.

EfficientNetConfig  EfficientNet  load_efficientnet
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from kit import check, layers
from kit.models.loading import Weights, load_weights
from kit.shapes import Float, Tensor

#: (kernel, stride of the first block, expansion, channels, blocks) of each stage.
_LITE0 = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM, _HEAD = 32, 1280  # channels of the first and the last convolution


@dataclass(frozen=True)
class EfficientNetConfig:
    """What an `EfficientNet` is built from; the defaults are lite0 as published.

    Args:
        classes: number of outputs.
        dropout: before the last linear layer, while training.

    Raises:
        TypeError, ValueError: a value is out of its range.

    Lesson: 06
    """

    classes: int = 1000
    dropout: float = 0.2

    def __post_init__(self):
        check.integer("classes", self.classes, 1)
        check.probability("dropout", self.dropout)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula: 4,652,008 as published.

        Lesson: 06
        """
        C, total = _STEM, 29 * _STEM
        for kernel, _, expansion, out, count in _LITE0:
            for _ in range(count):
                wide = C * expansion
                total += (wide * (C + 2)) * (expansion > 1) + wide * (kernel**2 + 2) + out * (wide + 2)
                C = out
        return total + _HEAD * (C + 2) + (_HEAD + 1) * self.classes


class EfficientNet(nn.Module):
    """Inverted bottlenecks: widen by 1x1, look around per channel, narrow by 1x1.

    Takes images with values in [0, 1]; lite0 was trained on 224 x 224 pixels.

    Args:
        config: None is lite0 as published.
        generator: source of the initial weights; None uses torch's global one.

    Source: Tan and Le 2019, arXiv:1905.11946; the lite variant has ReLU6 and no
        squeeze-and-excitation (Liu 2020, TensorFlow blog). Lesson: 06
    """

    def __init__(self, config: EfficientNetConfig | None = None, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config or EfficientNetConfig()
        options = {"bias": False, "generator": generator}
        self.conv_stem, self.bn0 = layers.Conv2d(3, _STEM, 3, 2, **options), _norm(_STEM)
        self.blocks, C = nn.Sequential(), _STEM
        for kernel, stride, expansion, out, count in _LITE0:
            for i in range(count):
                sizes = (C, out, kernel, stride if i == 0 else 1, expansion)
                self.blocks.append(InvertedBottleneck(*sizes, generator))
                C = out
        self.conv_head, self.bn1 = layers.Conv2d(C, _HEAD, 1, **options), _norm(_HEAD)
        self.dropout = layers.Dropout(self.config.dropout)
        self.fc = layers.Linear(_HEAD, self.config.classes, generator=generator)

    def feature_map(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D H_out W_out"]:
        """Return the last convolution's output, 1/32 of the image's height and width."""
        x = (255 * x - 127) / 128  # as at training
        x = F.relu6(self.bn0(self.conv_stem(pad_same(x, 3, 2))))
        return F.relu6(self.bn1(self.conv_head(self.blocks(x))))

    def features(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Return one vector of 1,280 numbers per image, for other tasks to build on.

        Lesson: 06
        """
        return self.feature_map(x).mean((-2, -1))

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        """Return one logit per class.

        Raises:
            ValueError: the images have not three channels.
        """
        return self.fc(self.dropout(self.features(x)))


class InvertedBottleneck(nn.Module):
    """One block: expand, depthwise convolution, project, add the input where sizes allow.

    Source: Sandler et al. 2018, arXiv:1801.04381, section 3.3. Lesson: 06
    """

    def __init__(self, in_channels, out_channels, kernel, stride, expansion, generator=None):
        super().__init__()
        wide, options = in_channels * expansion, {"bias": False, "generator": generator}
        self.kernel, self.stride = kernel, stride
        self.adds_input = stride == 1 and in_channels == out_channels
        self.expand_conv = layers.Conv2d(in_channels, wide, 1, **options) if expansion > 1 else None
        self.bn0 = _norm(wide) if expansion > 1 else None
        self.depthwise_conv = layers.Conv2d(wide, wide, kernel, stride, groups=wide, **options)
        self.bn1 = _norm(wide)
        self.project_conv = layers.Conv2d(wide, out_channels, 1, **options)
        self.bn2 = _norm(out_channels)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O H_out W_out"]:
        """Return the feature maps; height and width are divided by the stride, rounded up."""
        y = x if self.expand_conv is None else F.relu6(self.bn0(self.expand_conv(x)))
        y = F.relu6(self.bn1(self.depthwise_conv(pad_same(y, self.kernel, self.stride))))
        y = self.bn2(self.project_conv(y))
        return x + y if self.adds_input else y


def _norm(channels: int) -> nn.Module:
    return layers.BatchNorm2d(channels, 1e-3, 0.01)


def pad_same(x: Float[Tensor, "B C H W"], kernel: int, stride: int) -> Float[Tensor, "B C H_out W_out"]:
    """Add the zeros with which TensorFlow gets ⌈size / stride⌉ outputs, the odd one last.

    Lesson: 06
    """
    H, W = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:])
    return F.pad(x, (W // 2, W - W // 2, H // 2, H - H // 2))


def load_efficientnet(model: EfficientNet, weights: Weights) -> EfficientNet:
    """Load a checkpoint with the names of the `efficientnet_pytorch` packages.

    Raises:
        ValueError: names or shapes do not fit; all are listed.

    Lesson: 06
    """
    return load_weights(model, weights, lambda name: name.removeprefix("_").replace("._", "."))
