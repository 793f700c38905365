"""Losses: functions first, then modules with torch.nn's arguments.

    mse  mae  bce_with_logits  nll  cross_entropy
    MSELoss  L1Loss  BCEWithLogitsLoss  NLLLoss  CrossEntropyLoss       03
    triplet  nt_xent                                                    06
    info_nce                                                            07
    sequence_cross_entropy                                              08
    gan_discriminator  gan_generator  kl_normal                         10
    distillation                                                        13

Those of lesson 03 take predictions first, targets second, and reduce by "mean" (the
default), "sum" or "none"; the others give the mean over the batch. Logits may be of
any size: ±1000 gives finite values and gradients. `with kit.layers.fused(False):`
runs the formulas below instead of torch's kernels.

Unlike torch, a target of another shape than the prediction is an error, never
broadcast: (B, 1) against (B,) would silently compare all pairs.
"""

from kit.losses.classification import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    NLLLoss,
    bce_with_logits,
    cross_entropy,
    distillation,
    nll,
    sequence_cross_entropy,
)
from kit.losses.contrastive import info_nce, nt_xent, triplet
from kit.losses.generative import gan_discriminator, gan_generator, kl_normal
from kit.losses.reduction import REDUCTIONS
from kit.losses.regression import L1Loss, MSELoss, mae, mse

__all__ = [
    "REDUCTIONS",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "bce_with_logits",
    "cross_entropy",
    "distillation",
    "gan_discriminator",
    "gan_generator",
    "info_nce",
    "kl_normal",
    "mae",
    "mse",
    "nll",
    "nt_xent",
    "sequence_cross_entropy",
    "triplet",
]
