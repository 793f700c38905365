"""Losses: functions first, then modules with torch.nn's arguments.

    mse  mae  bce_with_logits  nll  cross_entropy
    MSELoss  L1Loss  BCEWithLogitsLoss  NLLLoss  CrossEntropyLoss

All take predictions first, targets second, and reduce by "mean" (the default),
"sum" or "none". Logits may be of any size: ±1000 gives finite values and
gradients. `with kit.layers.fused(False):` runs the formulas below instead of
torch's kernels.

Unlike torch, a target of another shape than the prediction is an error, never
broadcast: (B, 1) against (B,) would silently compare all pairs.
"""

from kit.losses.classification import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    NLLLoss,
    bce_with_logits,
    cross_entropy,
    nll,
)
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
    "mae",
    "mse",
    "nll",
]
