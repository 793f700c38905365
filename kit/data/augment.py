"""Augmentation: pictures changed in ways that leave their class as it is.

    random_crop  random_flip  random_rotation  random_light  cutout  mixup
    rotate  adjust_light

Each function takes a whole batch (B, C, H, W) in [0, 1], returns a new one, and draws
every picture's own change from `generator`: the same state, the same pictures.
"""

import math

import torch
from torch.nn import functional as F

from kit import check
from kit.shapes import Float, Int, Shaped, Tensor


def random_crop(
    x: Float[Tensor, "B C H W"], *, padding: int, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Shift each picture by up to `padding` pixels; what comes in is black.

    Same as padding with zeros and cutting the old size out at random.
    Source: He et al. (2016), 4.2. Lesson: 06.
    """
    b, _, h, w = _batch(x)
    check.integer("padding", padding, 0)
    top, left = _integers(x, 2 * padding + 1, (2, b), generator)
    rows = (top[:, None] + torch.arange(h, device=x.device))[:, None, :, None]
    columns = (left[:, None] + torch.arange(w, device=x.device))[:, None, None, :]
    padded = F.pad(x, (padding,) * 4)
    batch = torch.arange(b, device=x.device)[:, None, None, None]
    channels = torch.arange(x.shape[1], device=x.device)[None, :, None, None]
    return padded[batch, channels, rows, columns]


def random_flip(
    x: Float[Tensor, "B C H W"], *, probability: float = 0.5, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Mirror left and right with `probability`. Lesson: 06."""
    b = _batch(x)[0]
    check.probability("probability", probability)
    flipped = _uniform(x, (b,), generator) < probability
    return torch.where(flipped[:, None, None, None], x.flip(3), x)


def random_rotation(
    x: Float[Tensor, "B C H W"], *, degrees: float, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Rotate each picture by an angle from [-degrees, degrees]. Lesson: 06."""
    b = _batch(x)[0]
    check.number("degrees", degrees, 0, 180)
    return rotate(x, (2 * _uniform(x, (b,), generator) - 1) * degrees)


def rotate(x: Float[Tensor, "B C H W"], degrees: Float[Tensor, " B"]) -> Float[Tensor, "B C H W"]:
    """Rotate counter-clockwise about the centre, bilinear, black outside. Lesson: 06."""
    b, _, h, w = _batch(x)
    if tuple(degrees.shape) != (b,):
        raise ValueError(f"degrees has shape {tuple(degrees.shape)}, ({b},) is needed; give one per picture")
    turn = degrees * (math.pi / 180)
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    # affine_grid counts in half widths and half heights, hence the ratios
    first, second = torch.stack([cos, -sin * h / w, zero], 1), torch.stack([sin * w / h, cos, zero], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid.to(x.dtype), align_corners=False)


def random_light(
    x: Float[Tensor, "B C H W"], *, strength: float, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Change brightness and contrast by factors from [1 - strength, 1 + strength].

    Lesson: 06.
    """
    b = _batch(x)[0]
    check.number("strength", strength, 0, 1)
    factors = 1 + strength * (2 * _uniform(x, (2, b), generator) - 1)
    return adjust_light(x, factors[0], factors[1])


def adjust_light(
    x: Float[Tensor, "B C H W"], brightness: Float[Tensor, " B"], contrast: Float[Tensor, " B"]
) -> Float[Tensor, "B C H W"]:
    """Multiply by `brightness`, then stretch about the mean grey by `contrast`.

    Values are cut to [0, 1] after each step; grey is 0.2989 R + 0.587 G + 0.114 B, as in
    torchvision, for three channels and their mean for others. Lesson: 06.
    """
    _batch(x)
    x = (x * brightness[:, None, None, None]).clamp(0, 1)
    rgb = x.shape[1] == 3
    weights = x.new_tensor([0.2989, 0.587, 0.114]) if rgb else x.new_ones(x.shape[1]) / x.shape[1]
    grey = torch.einsum("bchw,c->bhw", x, weights).mean((1, 2))[:, None, None, None]
    return (grey + (x - grey) * contrast[:, None, None, None]).clamp(0, 1)


def cutout(x: Float[Tensor, "B C H W"], *, size: int, generator: torch.Generator) -> Float[Tensor, "B C H W"]:
    """Blacken a square of `size` pixels a side; at the border part of it is outside.

    Source: DeVries and Taylor (2017). Lesson: 06.
    """
    b, _, h, w = _batch(x)
    check.integer("size", size, 0, min(h, w))
    top = _integers(x, h, (b, 1), generator) - size // 2
    left = _integers(x, w, (b, 1), generator) - size // 2
    rows, columns = torch.arange(h, device=x.device), torch.arange(w, device=x.device)
    inside = ((rows >= top) & (rows < top + size))[:, None, :, None]
    inside = inside & ((columns >= left) & (columns < left + size))[:, None, None, :]
    return x.masked_fill(inside, 0)


def mixup(
    x: Float[Tensor, "B ..."],
    labels: Int[Tensor, " B"],
    *,
    classes: int,
    alpha: float = 0.2,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B ..."], Shaped[Tensor, "B K"]]:
    """Blend each picture, and its label, with another one of the batch.

    lambda is drawn from Beta(alpha, alpha) once a batch; the targets (B, classes) are
    probabilities for `kit.losses.cross_entropy`. Source: Zhang et al. (2018), eq. 1. Lesson: 06.
    """
    check.same_length(x=x, labels=labels)
    check.number("alpha", alpha, above=0)
    check.integer("classes", classes, int(labels.max()) + 1)
    # Beta(a, a) as a share of two gamma variables, which torch draws from a generator
    shape = torch.full((2,), float(alpha), device=generator.device)
    gamma = torch._standard_gamma(shape, generator=generator).double()
    mix = float(gamma[0] / gamma.sum())
    other = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    target = F.one_hot(labels, classes).to(x.dtype)
    return mix * x + (1 - mix) * x[other], mix * target + (1 - mix) * target[other]


def _batch(x: Tensor) -> tuple[int, int, int, int]:
    """The four sizes of a batch of pictures."""
    check.tensor("x", x, ndim=4, kind="float")
    return tuple(x.shape)


def _uniform(x: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers from [0, 1), drawn where the generator lives, for use beside `x`."""
    return torch.rand(shape, generator=generator, device=generator.device).to(x.device)


def _integers(x: Tensor, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Whole numbers from [0, high), likewise."""
    return torch.randint(high, shape, generator=generator, device=generator.device).to(x.device)
