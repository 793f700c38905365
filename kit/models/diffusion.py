"""Diffusion and flow matching: learn to turn noise into data in small steps.

DiffusionConfig  Diffusion  coefficients  noised  PATHS
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers, losses
from kit.models.conditional import check_labels, check_shape
from kit.shapes import Float, Int, Tensor

PATHS = ("linear", "cosine")
#: Sines and cosines that the time becomes.
_TIME_WIDTH = 32
#: Below this σ the velocity is damped: a small error of the data would make it huge.
_LEAST_NOISE = 0.05


@dataclass(frozen=True)
class DiffusionConfig:
    """What a `Diffusion` is built from.

    Args:
        shape: of one sample, (1, 8, 8) for a small digit, (2,) for a point.
        width: features inside the network.
        layers: residual layers of that width.
        classes: how many classes a sample can be asked for; 0 for none.
        path: from data to noise, see `coefficients`: "linear" is flow matching, "cosine"
            is diffusion that preserves the variance.
        bounded: True for data in [0, 1], images, worked on as 2x − 1; False takes data as
            they are, best of standard deviation about 1.

    Raises:
        TypeError, ValueError: a size is not whole or too small, the path is unknown.

    Lesson: 10
    """

    shape: Sequence[int] = (1, 8, 8)
    width: int = 256
    layers: int = 3
    classes: int = 0
    path: str = "linear"
    bounded: bool = True

    def __post_init__(self):
        object.__setattr__(self, "shape", check_shape(self.shape))  # JSON gives a list back
        for name, low in (("width", 1), ("layers", 1), ("classes", 0)):
            check.integer(name, getattr(self, name), low)
        check.one_of("path", self.path, PATHS)

    @property
    def parameters(self) -> int:
        """Trainable parameters by formula.

        Lesson: 10
        """
        D, W = math.prod(self.shape), self.width
        ends = (D + 1) * W + (W + 1) * D
        return ends + (_TIME_WIDTH + 1 + self.classes) * W + self.layers * (W + 1 + 2) * W


def coefficients(t: Float[Tensor, "*B"], path: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """α, σ of x_t = α x_0 + σ noise at time t, and their slopes α′, σ′.

    "linear": α = 1 − t, σ = t. "cosine": α = cos u, σ = sin u with u = πt/2, and slopes in u;
    α² + σ² = 1 keeps the variance of data of variance 1. Both have α σ′ − σ α′ = 1.

    Args:
        t: times in [0, 1]; at 0 there are data, at 1 noise. Results have its shape.
        path: a name from `PATHS`.

    Raises:
        ValueError: the path is unknown.

    Source: Lipman et al. 2022, arXiv:2210.02747, eq. 20, with time reversed (linear);
    Salimans and Ho 2022, arXiv:2202.00512, section 4 and appendix D (cosine). Lesson: 10
    """
    check.one_of("path", path, PATHS)
    if path == "linear":
        return 1 - t, t, -torch.ones_like(t), torch.ones_like(t)
    u = t * (math.pi / 2)
    return torch.cos(u), torch.sin(u), -torch.sin(u), torch.cos(u)


def noised(
    x: Float[Tensor, "*B"], noise: Float[Tensor, "*B"], t: Float[Tensor, " N"], path: str
) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
    """The forward process: x_t = α x + σ noise, and its velocity α′ x + σ′ noise.

    Args:
        x, noise: data and draws from N(0, 1), of one shape (B, ...).
        t: one time per sample, (B,).
        path: a name from `PATHS`.

    Raises:
        ValueError: the shapes differ, or the path is unknown.

    Source: Ho, Jain and Abbeel 2020, arXiv:2006.11239, eq. 4. Lesson: 10
    """
    check.same_shape("x", x, "noise", noise)
    a, s, da, ds = coefficients(t.view(-1, *(1,) * (x.ndim - 1)), path)
    return a * x + s * noise, da * x + ds * noise


class Diffusion(nn.Module):
    """A network that sees x_t, t and a class, and guesses the data behind the noise.

    Called, it gives the velocity v = α′ x_0 + σ′ noise that follows from its guess of x_0:
    x_0 = σ′ x_t − σ v, noise = α v − α′ x_t. Guessing the data and not v itself lets a
    network narrower than an image work: it need not carry all of the noise through.

    Args:
        config: the sizes and the path.
        generator: source of the initial weights; None uses torch's global one.

    Source: Ho, Jain and Abbeel 2020, arXiv:2006.11239; Lipman et al. 2022,
    arXiv:2210.02747; Li and He 2025, arXiv:2511.13720 (guess of the data). Lesson: 10
    """

    def __init__(self, config: DiffusionConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        D, W = math.prod(config.shape), config.width
        self.inputs = layers.Linear(D, W, generator=generator)
        self.time = layers.Linear(_TIME_WIDTH, W, generator=generator)
        self.label = layers.Embedding(config.classes, W, generator=generator) if config.classes else None
        self.norms = nn.ModuleList(layers.LayerNorm(W) for _ in range(config.layers))
        self.hidden = nn.ModuleList(layers.Linear(W, W, generator=generator) for _ in range(config.layers))
        self.outputs = layers.Linear(W, D, generator=generator)
        nn.init.zeros_(self.outputs.weight)  # the first guess is 0
        nn.init.zeros_(self.outputs.bias)

    def forward(
        self, x: Float[Tensor, "*B"], t: Float[Tensor, " N"], labels: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "*B"]:
        """Return the velocity at noised samples `x` (B, *shape) and times `t` (B,).

        Raises:
            TypeError, ValueError: labels are missing, too many, or not of the classes.
        """
        check_labels(self.config.classes, len(x), labels)
        seen = self.time(_waves(t))  # (B, W)
        if self.label is not None:
            seen = seen + self.label(labels)
        h = self.inputs(x.flatten(1))
        for norm, layer in zip(self.norms, self.hidden, strict=True):
            h = h + layers.silu(layer(norm(h) + seen))
        data = self.outputs(h).view_as(x)
        _, s, _, ds = coefficients(t.view(-1, *(1,) * (x.ndim - 1)), self.config.path)
        return (ds * x - data) / s.clamp_min(_LEAST_NOISE)

    def loss(
        self,
        x: Float[Tensor, "B ..."],
        labels: Int[Tensor, " B"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Mean squared error of the velocity at random times, for data `x` (B, *shape).

        Source: Lipman et al. 2022, arXiv:2210.02747, eq. 23.
        """
        x = 2 * x - 1 if self.config.bounded else x
        t = torch.rand(len(x), generator=generator, dtype=x.dtype).to(x.device)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        x_t, velocity = noised(x, noise, t, self.config.path)
        return losses.mse(self(x_t, t, labels), velocity)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        labels: Tensor | None = None,
        *,
        steps: int = 30,
        fresh_noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B ..."]:
        """`count` samples (count, *shape): from noise at t = 1 to data at t = 0.

        Each step guesses data and noise from the velocity and mixes them anew for the next
        time. On the linear path without fresh noise this is Euler's method.

        Args:
            count: how many.
            labels: the class of each, where there are classes.
            steps: how many steps; more are finer.
            fresh_noise: η. 0 is deterministic but for the start, 1 replaces as much of the
                noise by a new draw as the forward process would have put there.
            generator: source of the start and of the fresh noise.

        Raises:
            TypeError, ValueError: a number is out of range, or the labels do not fit.

        Source: Song, Meng and Ermon 2020, arXiv:2010.02502, eq. 12 and 16.
        """
        check.integer("count", count, 1)
        check.integer("steps", steps, 1)
        check.probability("fresh_noise", fresh_noise)
        weight = self.outputs.weight
        size = (count, *self.config.shape)

        def draw() -> Tensor:
            return torch.randn(size, generator=generator, dtype=weight.dtype).to(weight.device)

        x = draw()
        times = torch.linspace(1, 0, steps + 1, dtype=weight.dtype, device=weight.device)
        for now, then in itertools.pairwise(times):
            a, s, da, ds = coefficients(now, self.config.path)
            v = self(x, now.expand(count), labels)
            data, noise = ds * x - s * v, a * v - da * x
            a_then, s_then, _, _ = coefficients(then, self.config.path)
            fresh = fresh_noise * s_then / s * (s**2 - (a / a_then * s_then) ** 2).clamp_min(0).sqrt()
            x = a_then * data + (s_then**2 - fresh**2).clamp_min(0).sqrt() * noise
            if fresh_noise and then > 0:
                x = x + fresh * draw()
        return ((x + 1) / 2).clamp(0, 1) if self.config.bounded else x


def _waves(t: Tensor) -> Tensor:
    """Sines and cosines of t at 16 frequencies from 1 to 1000: (B,) -> (B, 32)."""
    frequency = torch.logspace(0, 3, _TIME_WIDTH // 2, dtype=t.dtype, device=t.device)
    angle = t[:, None] * frequency
    return torch.cat((angle.sin(), angle.cos()), 1)
