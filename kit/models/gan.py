"""GAN: a generator that turns noise into samples, a discriminator that tells them from data.

GANConfig  Generator  Discriminator  gan_step  GANStep
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from kit import check, layers, losses
from kit.models.conditional import ConditionalMLP, check_shape
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class GANConfig:
    """What a `Generator` and its `Discriminator` are built from.

    Args:
        shape: of one sample, (1, 8, 8) for a small digit, (1,) for a number.
        latent: numbers of noise z that one sample is made of.
        hidden: sizes of the hidden layers of both networks.
        classes: how many classes a sample can be asked for; 0 for none.
        bounded: True keeps samples in (0, 1) by a sigmoid, as images; False leaves them free.

    Raises:
        TypeError, ValueError: a size is not whole or too small.

    Lesson: 10
    """

    shape: Sequence[int] = (1, 8, 8)
    latent: int = 32
    hidden: Sequence[int] = (256, 256)
    classes: int = 0
    bounded: bool = True

    def __post_init__(self):
        object.__setattr__(self, "shape", check_shape(self.shape))  # JSON gives lists back
        object.__setattr__(self, "hidden", tuple(self.hidden))
        check.integer("latent", self.latent, 1)
        check.integer("classes", self.classes, 0)

    @property
    def generator_sizes(self) -> tuple[int, ...]:
        """Features of the generator from the noise to the sample."""
        return (self.latent, *self.hidden, math.prod(self.shape))

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        """Features of the discriminator from the sample to one logit."""
        return (math.prod(self.shape), *self.hidden, 1)

    @property
    def parameters(self) -> int:
        """Trainable parameters of both networks by formula.

        Lesson: 10
        """
        both = (self.generator_sizes, self.discriminator_sizes)
        return sum(ConditionalMLP.parameters_of(sizes, self.classes) for sizes in both)


class Generator(nn.Module):
    """Turns noise z ~ N(0, I), and a class, into a sample.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Goodfellow et al. 2014, arXiv:1406.2661. Lesson: 10
    """

    def __init__(self, config: GANConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.net = ConditionalMLP(config.generator_sizes, "leaky_relu", config.classes, generator=generator)

    def forward(
        self, z: Float[Tensor, "B D"], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B ..."]:
        """Return samples of shape (B, *shape).

        Raises:
            TypeError, ValueError: the labels do not fit (see `ConditionalMLP`).
        """
        x = self.net(z, labels).unflatten(1, self.config.shape)
        return layers.sigmoid(x) if self.config.bounded else x

    @torch.no_grad()
    def sample(
        self, count: int, labels: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Float[Tensor, "B ..."]:
        """`count` samples from fresh noise of `generator`, without gradients."""
        check.integer("count", count, 1)
        weight = next(self.parameters())
        z = torch.randn(count, self.config.latent, generator=generator, dtype=weight.dtype)
        return self(z.to(weight.device), labels)


class Discriminator(nn.Module):
    """Says how real a sample looks, as a logit; where there are classes, real for its class.

    Args:
        config: that of the generator.
        generator: source of the initial weights; None uses torch's global one.

    Source: Goodfellow et al. 2014, arXiv:1406.2661. Lesson: 10
    """

    def __init__(self, config: GANConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        sizes = config.discriminator_sizes
        self.net = ConditionalMLP(sizes, "leaky_relu", config.classes, generator=generator)

    def forward(
        self, x: Float[Tensor, "B ..."], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, " B"]:
        """Return one logit per sample of `x` (B, *shape).

        Raises:
            TypeError, ValueError: the labels do not fit (see `ConditionalMLP`).
        """
        return self.net(x.flatten(1), labels).squeeze(1)


class GANStep(NamedTuple):
    """What one `gan_step` saw: both losses and the mean D(x) of data and of samples.

    Scalars without gradient, in nats and in [0, 1]. Lesson: 10
    """

    discriminator_loss: Tensor
    generator_loss: Tensor
    real: Tensor
    fake: Tensor


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    real: Float[Tensor, "B ..."],
    z: Float[Tensor, "B D"],
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    *,
    labels: Int[Tensor, " B"] | None = None,
    penalty: float = 0.0,
    saturating: bool = False,
) -> GANStep:
    """One step of the discriminator, then one of the generator.

    Args:
        generator, discriminator: any modules that map (z, labels) to samples and
            (samples, labels) to logits.
        real: a batch of data.
        z: fresh noise for as many samples.
        optimizers: that of the generator, that of the discriminator.
        labels: the classes of `real`, asked of the samples too.
        penalty: γ of ½γ‖∇D‖² on the data. It flattens the discriminator there, so that
            the generator settles instead of running from mode to mode.
        saturating: the minimax loss for the generator.

    Raises:
        ValueError: `penalty` is negative.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1; Mescheder, Geiger and
    Nowozin 2018, arXiv:1801.04406, eq. 9 (R1 penalty). Lesson: 10
    """
    check.number("penalty", penalty, 0)
    told = () if labels is None else (labels,)
    fake = generator(z, *told)
    real = real.detach().requires_grad_(penalty > 0)
    real_logits, fake_logits = discriminator(real, *told), discriminator(fake.detach(), *told)
    loss = losses.gan_discriminator(real_logits, fake_logits)
    total = loss
    if penalty:
        (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        total = loss + penalty / 2 * slope.square().sum() / len(real)
    optimizers[1].zero_grad()
    total.backward()
    optimizers[1].step()

    generator_loss = losses.gan_generator(discriminator(fake, *told), saturating=saturating)
    optimizers[0].zero_grad()
    generator_loss.backward(inputs=list(generator.parameters()))
    optimizers[0].step()
    return GANStep(
        loss.detach(),
        generator_loss.detach(),
        real_logits.detach().sigmoid().mean(),
        fake_logits.detach().sigmoid().mean(),
    )
