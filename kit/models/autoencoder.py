"""Autoencoders: squeeze a sample into a few numbers and unfold it again.

AutoencoderConfig  Autoencoder  VAE
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers, losses
from kit.models.conditional import ConditionalMLP, check_shape
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class AutoencoderConfig:
    """What an `Autoencoder` or a `VAE` is built from.

    Args:
        shape: of one sample, (1, 8, 8) for a small digit; its values lie in [0, 1].
        hidden: sizes of the encoder's hidden layers; the decoder has them reversed.
        latent: numbers that a sample is squeezed into.
        classes: how many classes encoder and decoder are told; 0 for none.

    Raises:
        TypeError, ValueError: a size is not whole or too small.

    Lesson: 10
    """

    shape: Sequence[int] = (1, 8, 8)
    hidden: Sequence[int] = (256, 256)
    latent: int = 16
    classes: int = 0

    def __post_init__(self):
        object.__setattr__(self, "shape", check_shape(self.shape))  # JSON gives lists back
        object.__setattr__(self, "hidden", tuple(self.hidden))
        check.integer("latent", self.latent, 1)
        check.integer("classes", self.classes, 0)

    @property
    def encoder_sizes(self) -> tuple[int, ...]:
        """Features from the sample to the latent numbers."""
        return (math.prod(self.shape), *self.hidden, self.latent)

    @property
    def parameters(self) -> int:
        """Trainable parameters of an `Autoencoder` by formula.

        A `VAE` has another `latent · (hidden[-1] + 1)`, for the log-variances.

        Lesson: 10
        """
        sizes = self.encoder_sizes
        return sum(ConditionalMLP.parameters_of(s, self.classes) for s in (sizes, sizes[::-1]))


class Autoencoder(nn.Module):
    """decode(encode(x)) shall be x again, through a narrow place.

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Hinton and Salakhutdinov 2006. Lesson: 10
    """

    per_latent = 1  # outputs of the encoder for each latent number

    def __init__(self, config: AutoencoderConfig, *, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        *sizes, latent = config.encoder_sizes
        down, up = (*sizes, self.per_latent * latent), config.encoder_sizes[::-1]
        self.encoder = ConditionalMLP(down, "silu", config.classes, generator=generator)
        self.decoder = ConditionalMLP(up, "silu", config.classes, generator=generator)

    def encode(self, x: Float[Tensor, "B ..."], labels: Int[Tensor, " B"] | None = None):
        """Return the latent numbers (B, latent) of samples (B, *shape)."""
        return self.encoder(x.flatten(1), labels)

    def decode(
        self, z: Float[Tensor, "B D"], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B ..."]:
        """Return samples (B, *shape) with values in (0, 1) of latent numbers (B, latent)."""
        return layers.sigmoid(self.decoder(z, labels)).unflatten(1, self.config.shape)

    def forward(self, x: Float[Tensor, "*B"], labels: Int[Tensor, " N"] | None = None) -> Float[Tensor, "*B"]:
        """Return the reconstruction, of the shape of `x`."""
        return self.decode(self.encode(x, labels), labels)


class VAE(Autoencoder):
    """An autoencoder whose latent numbers are a distribution, kept near N(0, I).

    So noise from N(0, I) decodes to a sample. Encoder: q(z|x) = N(mean, variance).
    Decoder: p(x|z) = N(decode(z), noise²).

    Args:
        config: the sizes.
        generator: source of the initial weights; None uses torch's global one.

    Source: Kingma and Welling 2013, arXiv:1312.6114. Lesson: 10
    """

    per_latent = 2

    def encode(
        self, x: Float[Tensor, "B ..."], labels: Int[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """Return mean and log-variance (B, latent) of q(z|x)."""
        return tuple(super().encode(x, labels).chunk(2, 1))

    @staticmethod
    def reparameterize(
        mean: Float[Tensor, "B D"],
        log_variance: Float[Tensor, "B D"],
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B D"]:
        """z = mean + standard deviation · noise: a draw that gradients pass through.

        Source: Kingma and Welling 2013, arXiv:1312.6114, section 2.4.
        """
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
        return mean + torch.exp(log_variance / 2) * noise

    def forward(self, x: Float[Tensor, "*B"], labels: Int[Tensor, " N"] | None = None) -> Float[Tensor, "*B"]:
        """Return the reconstruction from the mean of q(z|x), of the shape of `x`."""
        return self.decode(self.encode(x, labels)[0], labels)

    def loss_parts(
        self,
        x: Float[Tensor, "B ..."],
        labels: Int[Tensor, " B"] | None = None,
        *,
        noise: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Reconstruction and KL, in nats per sample; their sum is the loss.

        −log p(x|z) but for a constant, Σ (x − decode(z))² / (2 noise²), and KL(q(z|x) ‖ N(0, I)).

        Args:
            x: samples (B, *shape) in [0, 1].
            labels: their classes.
            noise: standard deviation of a pixel around its prediction. A large one makes
                pixels cheap beside the KL: z then says little, samples look alike.
            generator: source of the draw from q(z|x).

        Raises:
            ValueError: `noise` is not above 0, or the labels do not fit.
        """
        check.number("noise", noise, above=0)
        mean, log_variance = self.encode(x, labels)
        y = self.decode(self.reparameterize(mean, log_variance, generator=generator), labels)
        reconstruction = losses.mse(y, x, reduction="sum") / (2 * noise**2 * len(x))
        return reconstruction, losses.kl_normal(mean, log_variance).mean()

    @torch.no_grad()
    def sample(
        self, count: int, labels: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Float[Tensor, "B ..."]:
        """`count` samples (count, *shape), decoded from N(0, I) of `generator`."""
        check.integer("count", count, 1)
        weight = next(self.parameters())
        z = torch.randn(count, self.config.latent, generator=generator, dtype=weight.dtype)
        return self.decode(z.to(weight.device), labels)
