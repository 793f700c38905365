"""CNN: stages of convolutions, each closed by pooling, then linear layers.

CNNConfig  CNN  CNN_PRESETS
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from kit import check, layers
from kit.shapes import Float, Tensor


@dataclass(frozen=True)
class CNNConfig:
    """What a `CNN` is built from; plain values, so it can be saved as JSON.

    Args:
        image: channels, height and width of the input.
        channels: of each stage, one number (one convolution) or several (one each).
        kernel: height and width of the kernels.
        padding: "same" keeps the size of the image, "valid" loses kernel − 1 rows and columns.
        pooling: after each stage, the largest of pooling x pooling pixels; 1 pools nothing.
        hidden: sizes of the hidden linear layers.
        classes: number of outputs.
        batch_norm: normalize after each convolution.
        dropout: share of the inputs of each linear layer switched off while training.

    Raises:
        TypeError, ValueError: a value is out of its range, or no pixel is left after a stage.

    Lesson: 06
    """

    image: Sequence[int]
    channels: Sequence[int | Sequence[int]]  # kept as a tuple of tuples
    kernel: int = 3
    padding: str = "same"
    pooling: int = 2
    hidden: Sequence[int] = ()
    classes: int = 10
    batch_norm: bool = False
    dropout: float = 0.0

    def __post_init__(self):
        stages = tuple(tuple(s) if isinstance(s, (tuple, list)) else (s,) for s in self.channels)
        for name, value in {"channels": stages, "image": self.image, "hidden": self.hidden}.items():
            object.__setattr__(self, name, tuple(value))  # JSON gives lists back
        if len(self.image) != 3:
            raise ValueError(f"image={self.image} is not (channels, height, width); give three numbers")
        for name in ("image", "channels", "hidden", "kernel", "pooling", "classes"):
            value = sum(stages, ()) if name == "channels" else getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                check.integer(name, number, 1)
        check.one_of("padding", self.padding, ("same", "valid"))
        check.probability("dropout", self.dropout)
        if min(self.feature_map) < 1:
            raise ValueError(
                f"image={self.image} is too small for {len(stages)} stages, no pixel is left; use fewer "
                "stages, a smaller kernel or padding='same'"
            )

    @property
    def feature_map(self) -> tuple[int, int, int]:
        """Channels, height and width after the last stage; their product enters the linear layers.

        Lesson: 06
        """
        C, *sizes = self.image
        lost = 0 if self.padding == "same" else self.kernel - 1
        for stage in self.channels:
            C, sizes = stage[-1], [(size - lost * len(stage)) // self.pooling for size in sizes]
        return C, *sizes

    @property
    def parameters(self) -> int:
        """The number of trainable parameters, by formula.

        Lesson: 06
        """
        maps = (self.image[0], *(c for stage in self.channels for c in stage))
        sizes = (math.prod(self.feature_map), *self.hidden, self.classes)
        convolutions = sum((a * self.kernel**2 + 1) * b for a, b in pairwise(maps))
        linear = sum((a + 1) * b for a, b in pairwise(sizes))
        return convolutions + linear + 2 * self.batch_norm * sum(maps[1:])


#: "article" is the course article's Keras network: 693,962 parameters, 5,408 numbers when flattened.
CNN_PRESETS: dict[str, CNNConfig] = {
    "article": CNNConfig((1, 28, 28), (32,), padding="valid", hidden=(128,)),
    "digits": CNNConfig((1, 8, 8), (16, 32), hidden=(64,)),
    "vgg_small": CNNConfig((1, 28, 28), ((32, 32), (64, 64)), hidden=(128,), batch_norm=True, dropout=0.25),
}


class CNN(nn.Module):
    """A convolutional network in the manner of LeNet and VGG.

    Convolution → batch norm → ReLU, several times, then max-pooling: one stage. The
    last feature map is flattened and goes through linear layers.

    Args:
        config: the sizes and options.
        generator: source of the initial weights; None uses torch's global one.

    Source: LeCun et al. 1998; Simonyan and Zisserman 2014, arXiv:1409.1556. Lesson: 06
    """

    def __init__(self, config: CNNConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.convolutions, self.classifier = nn.Sequential(), nn.Sequential(nn.Flatten())
        options = {"padding": config.padding, "generator": generator}
        C = config.image[0]
        for stage in config.channels:
            for out in stage:
                self.convolutions.append(layers.Conv2d(C, out, config.kernel, **options))
                if config.batch_norm:
                    self.convolutions.append(layers.BatchNorm2d(out))
                self.convolutions.append(layers.ReLU())
                C = out
            if config.pooling > 1:
                self.convolutions.append(layers.MaxPool2d(config.pooling))
        sizes = (math.prod(config.feature_map), *config.hidden, config.classes)
        for size, out in pairwise(sizes):
            if config.dropout:
                self.classifier.append(layers.Dropout(config.dropout))
            self.classifier.append(layers.Linear(size, out, generator=generator))
            self.classifier.append(layers.ReLU())
        del self.classifier[-1]  # the outputs are logits

    def features(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O H_out W_out"]:
        """Return the last feature map, of size `config.feature_map`.

        Raises:
            ValueError: the images are not of size `config.image`.
        """
        if tuple(x.shape[1:]) != self.config.image:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, its images must be {self.config.image}; resize them or "
                "change config.image"
            )
        return self.convolutions(x)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Return one logit per class. Raises as `features`."""
        return self.classifier(self.features(x))
