"""Losses of generative models: the game of a GAN, the prior of a VAE.

gan_discriminator  gan_generator  kl_normal
"""

import torch

from kit import check
from kit.losses.classification import bce_with_logits
from kit.shapes import Float, Tensor


def gan_discriminator(
    real_logits: Float[Tensor, "..."], fake_logits: Float[Tensor, "..."]
) -> Float[Tensor, ""]:
    """−mean log D(real) − mean log(1 − D(fake)) with D = sigmoid(logits), a scalar.

    Undecided (logits 0) it is log 4 = 1.386 nats: the value at the equilibrium, where
    the samples are distributed as the data.

    Args:
        real_logits: the discriminator's output on data, any shape.
        fake_logits: that on samples; their number may differ.

    Raises:
        TypeError: the logits are not of a floating dtype.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. Lesson: 10
    """
    check.tensor("real_logits", real_logits, kind="float")
    check.tensor("fake_logits", fake_logits, kind="float")
    real = bce_with_logits(real_logits, torch.ones_like(real_logits))
    return real + bce_with_logits(fake_logits, torch.zeros_like(fake_logits))


def gan_generator(fake_logits: Float[Tensor, "..."], *, saturating: bool = False) -> Float[Tensor, ""]:
    """−mean log D(fake), or the minimax form mean log(1 − D(fake)).

    Both pull D(fake) up. The minimax form has the gradient −D(fake) in the logit: none where
    the discriminator is sure, which is where a young generator stands. The other has
    D(fake) − 1, which is strongest there.

    Args:
        fake_logits: the discriminator's output on samples, any shape.
        saturating: True takes the minimax form.

    Raises:
        TypeError: the logits are not of a floating dtype.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3. Lesson: 10
    """
    check.tensor("fake_logits", fake_logits, kind="float")
    if saturating:
        return -bce_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return bce_with_logits(fake_logits, torch.ones_like(fake_logits))


def kl_normal(mean: Float[Tensor, "*B D"], log_variance: Float[Tensor, "*B D"]) -> Float[Tensor, "*B"]:
    """KL(N(mean, variance) ‖ N(0, 1)) in nats, summed over the last dimension.

    ½ Σ (mean² + variance − 1 − log variance): 0 only for the standard normal distribution.

    Args:
        mean, log_variance: (..., D). The variance itself must fit the dtype: float32
            reaches a log-variance of 88.

    Raises:
        TypeError: a tensor is not of a floating dtype.
        ValueError: the shapes differ.

    Source: Kingma and Welling 2013, arXiv:1312.6114, appendix B. Lesson: 10
    """
    check.tensor("mean", mean, kind="float")
    check.tensor("log_variance", log_variance, kind="float")
    check.same_shape("mean", mean, "log_variance", log_variance)
    # expm1 - x stays exact near variance 1, where the two cancel
    return (mean.square() + torch.expm1(log_variance) - log_variance).sum(-1) / 2
