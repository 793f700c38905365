"""Twelve ways in which a picture gets worse without anybody's intent, at five severities.

report = corruption_accuracy(model, x, y, generator=generator)

CORRUPTIONS  corrupt  corruption_accuracy  CorruptionReport

For pictures (N, C, H, W) in [0, 1] of any size, so lengths in pixels are shares of the width.
The four noises and brightness have ImageNet-C's levels, contrast has CIFAR-10-C's; brightness
is added to every channel. The other levels are our own: no number here compares with an mCE.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kit import check
from kit.data.augment import cutout, rotate
from kit.robust.attacks import Model, check_bounds, check_inputs, classify
from kit.shapes import Float, Tensor


def _normal(x, g):
    return torch.randn(x.shape, generator=g, dtype=x.dtype, device=x.device)


def _impulse(x, share, g):
    # rand_like would draw in the order of memory, another one for channels_last
    u = torch.rand(x.shape, generator=g, dtype=x.dtype, device=x.device)
    return torch.where(u < share, (u < share / 2).to(x.dtype), x)  # half of them white, half black


def _filter(x, weights):
    """Convolve each channel with weights (h, w), the border repeated."""
    h, w = weights.shape
    wide = F.pad(x, (w // 2, w // 2, h // 2, h // 2), mode="replicate")
    return F.conv2d(wide, weights.to(x).expand(x.shape[1], 1, h, w), groups=x.shape[1])


def _blur(x, share, g):
    sigma = share * x.shape[3]
    steps = torch.arange(-round(3 * sigma) - 1, round(3 * sigma) + 2, dtype=x.dtype)
    bell = torch.exp(-((steps / sigma) ** 2) / 2)
    return _filter(x, torch.outer(bell, bell) / bell.sum() ** 2)


def _motion(x, share, g):
    length = 2 * max(1, round(share * x.shape[3] / 2)) + 1
    return _filter(x, torch.full((1, length), 1 / length))


def _pixelate(x, share, g):
    coarse = F.adaptive_avg_pool2d(x, [max(1, round(share * n)) for n in x.shape[2:]])
    return F.interpolate(coarse, size=x.shape[2:], mode="nearest-exact")


def _fog(x, share, g):
    clouds = x.new_empty(len(x), 1, 4, 4).uniform_(0.5, 1, generator=g)
    return x.lerp(F.interpolate(clouds, size=x.shape[2:], mode="bilinear"), share)


def _occlusion(x, share, g):
    return cutout(x, size=max(1, round(share * x.shape[3])), generator=g)


#: name: function of (x, level, generator), and its level at severities 1 to 5.
CORRUPTIONS = {
    "gaussian_noise": (lambda x, sd, g: x + sd * _normal(x, g), (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (lambda x, n, g: torch.poisson(x * n, generator=g) / n, (60, 25, 12, 5, 3)),
    "impulse_noise": (_impulse, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "speckle_noise": (lambda x, sd, g: x * (1 + sd * _normal(x, g)), (0.15, 0.2, 0.35, 0.45, 0.6)),
    "gaussian_blur": (_blur, (0.02, 0.03, 0.04, 0.055, 0.07)),
    "motion_blur": (_motion, (0.1, 0.15, 0.2, 0.27, 0.35)),
    "pixelate": (_pixelate, (0.75, 0.55, 0.4, 0.28, 0.2)),
    "brightness": (lambda x, more, g: x + more, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (lambda x, s, g: x.mean((2, 3), True).lerp(x, s), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "fog": (_fog, (0.2, 0.3, 0.4, 0.5, 0.6)),
    "occlusion": (_occlusion, (0.2, 0.28, 0.36, 0.44, 0.5)),
    "rotation": (lambda x, a, g: rotate(x, a * _normal(x[:, 0, 0, 0], g).sign()), (8, 15, 22, 30, 40)),
}


@dataclass(frozen=True, eq=False, repr=False)
class CorruptionReport:
    """Accuracy on n clean pictures, and per corruption at severities 1 to 5. Lesson: 17."""

    clean: float
    accuracy: dict[str, tuple[float, ...]]
    n: int

    @property
    def mean(self) -> float:
        """Mean accuracy over corruptions and severities: 1 - mCE without AlexNet's weights."""
        return sum(sum(row) / len(row) for row in self.accuracy.values()) / len(self.accuracy)

    def __repr__(self) -> str:
        rows = [f"{name:15}" + "".join(f"{a:7.3f}" for a in row) for name, row in self.accuracy.items()]
        return "\n".join([f"clean {self.clean:.3f}, corrupted {self.mean:.3f}, n={self.n}", *rows])


def corrupt(x: Tensor, name: str, severity: int, *, generator: torch.Generator) -> Float[Tensor, "N C H W"]:
    """Pictures x (N, C, H, W) in [0, 1] after the corruption `name`, cut to [0, 1] again.

    severity: 1 to 5. generator: on x's device; the same seed and x give the same pictures.
    Raises: ValueError for an unknown name, a severity out of range, values outside [0, 1].
    Source: Hendrycks & Dietterich (2019), section 4 and appendix B. Lesson: 17.
    """
    check.one_of("name", name, CORRUPTIONS)
    check.integer("severity", severity, 1, 5)
    check.tensor("x", x, ndim=4, kind="float")
    check_bounds(x, (0, 1))
    effect, levels = CORRUPTIONS[name]
    return effect(x, levels[severity - 1], generator).clamp(0, 1)


def corruption_accuracy(
    model: Model, x: Tensor, y: Tensor, *, generator: torch.Generator
) -> CorruptionReport:
    """Accuracy of `model` on every corruption at every severity.

    Shapes: x (N, C, H, W) in [0, 1], y (N,). Raises: as `corrupt` and `PGD`. Lesson: 17.
    """

    def accuracy(p: Tensor) -> float:
        hits = [classify(model, a, b).argmax(1) == b for a, b in zip(p.split(512), y.split(512))]
        return torch.cat(hits).double().mean().item()

    def row(name: str) -> tuple[float, ...]:
        return tuple(accuracy(corrupt(x, name, level, generator=generator)) for level in range(1, 6))

    check_inputs(model, x, y, (0, 1))
    return CorruptionReport(accuracy(x), {name: row(name) for name in CORRUPTIONS}, len(y))
