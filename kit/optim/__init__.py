"""Optimizers and learning-rate schedules.

In the order lesson 05 uses them:

    SGD  EMAMomentum  RMSprop  Adam  AdamW
    constant  step_decay  exponential  linear_warmup  cosine  one_cycle  then
    orthogonalize  Muon  split_for_muon  MuonWithAdamW

The optimizers are subclasses of torch.optim.Optimizer with torch's arguments and
state_dict. `fused=True` (the default) runs torch's fused kernels; `fused=False`, or
the switch `with kit.layers.fused(False):` around `step`, runs the formula, one
parameter at a time. A group's `fused` decides for that group, the switch for all.
"""

from kit.optim.adaptive import Adam, AdamW, RMSprop
from kit.optim.muon import Muon, MuonWithAdamW, orthogonalize, split_for_muon
from kit.optim.rule import RuleOptimizer
from kit.optim.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    linear_warmup,
    one_cycle,
    step_decay,
    then,
)
from kit.optim.sgd import SGD, EMAMomentum

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "EMAMomentum",
    "Muon",
    "MuonWithAdamW",
    "RMSprop",
    "RuleOptimizer",
    "Schedule",
    "constant",
    "cosine",
    "exponential",
    "linear_warmup",
    "one_cycle",
    "orthogonalize",
    "split_for_muon",
    "step_decay",
    "then",
]
