"""The learning-rate finder: raise the rate a little every step and watch the loss.

find_learning_rate  RateScan
"""

import copy
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from kit import check
from kit.train.batch import apply, unpack
from kit.train.evaluate import check_loss

#: How much of the smoothed loss is the past: an average over about ten batches.
MEMORY = 0.9

#: Steps after which the smoothed loss holds enough batches to be read.
FIRST = 10


@dataclass
class RateScan:
    """What the finder saw.

    rates: the learning rate of each step; losses: the smoothed loss there;
    suggestion: the rate at which the loss fell most steeply. Lesson: 05
    """

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_learning_rate(
    model: nn.Module,
    loss: Callable[..., Tensor],
    optimizer: torch.optim.Optimizer,
    batches: Iterable,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
) -> RateScan:
    """Train with a rate rising from `low` to `high`; suggest one; undo the training.

    The rate grows by one factor every step. The scan ends where the smoothed
    loss is four times its best, and the model and the optimizer are given back
    as they were. The suggestion is a start to search from, no optimum. The fewer
    the steps, the more cautious it is: with 50 steps for five powers of ten it
    lies two to six times below the best rate. Where the loss differs much between
    small batches there may be no clear fall to see, or (batches of two digits) a
    suggestion three times too high; look at the curve, and take larger batches.

    Raises: ValueError for rates out of order, too few steps, or an empty
    `batches`; for a model whose loss is not finite at the lowest rates, or falls
    no further than it differs from batch to batch.
    Source: Smith 2017, Cyclical Learning Rates for Training Neural Networks,
    section 3.3 (the range test); the rule for the suggestion is ours.
    Lesson: 05
    """
    check.number("low", low, above=0)
    check.number("high", high, above=low)
    check.integer("steps", steps, 20)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    training = {module: module.training for module in model.modules()}
    model.train()
    rates = [low * (high / low) ** (i / (steps - 1)) for i in range(steps)]
    try:
        raw, losses = _scan(model, loss, optimizer, _endless(batches), rates)
    finally:
        model.load_state_dict(before[0])
        optimizer.load_state_dict(before[1])
        optimizer.zero_grad(set_to_none=True)
        for module, flag in training.items():
            module.training = flag
    if len(losses) <= FIRST:
        raise ValueError(
            f"loss is not finite, or grows fourfold, within {FIRST} steps of low={low:g}; "
            "lower it, take larger batches, or check the data and the loss"
        )
    found = _steepest(raw, losses)
    if found is None:
        raise ValueError(
            f"loss does not fall clearly between low={low:g} and high={high:g} in {steps} steps; "
            "raise high, give more steps, or take larger batches"
        )
    return RateScan(rates[: len(losses)], losses, rates[found])


def _scan(model, loss, optimizer, batches, rates) -> tuple[list[float], list[float]]:
    """Loss of each step, and the smoothed loss, until it is four times its best."""
    device = next(model.parameters()).device
    average, best, raw, losses = 0.0, math.inf, [], []
    for step, rate in enumerate(rates, 1):
        inputs, targets, _ = unpack(next(batches), device)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        value = loss(apply(model, inputs), targets)
        check_loss(value)
        current = value.item()
        average = MEMORY * average + (1 - MEMORY) * current
        smooth = average / (1 - MEMORY**step)  # as Adam does: an average that starts at zero is too small
        if not math.isfinite(smooth) or smooth > 4 * best:
            break
        best = min(best, smooth)
        raw.append(current)
        losses.append(smooth)
        value.backward()
        optimizer.step()
    return raw, losses


def _steepest(raw: list[float], losses: list[float], reach: int = 3) -> int | None:
    """Index of the steepest fall before the first clear rise; None without a clear fall.

    What comes after the rise is the recovery from a rate that was too high. Falls
    are measured over `2 reach` steps, and not in the FIRST steps, whose average holds
    few batches. An average shows what happened MEMORY / (1 - MEMORY) steps ago, so the
    rate that caused the fall is that many steps back.
    """
    noise = _noise(raw)
    last = _before_the_rise(losses, noise)
    if losses[FIRST] - losses[last] < noise:
        return None
    falls = {i: losses[min(i + reach, last)] - losses[max(i - reach, FIRST)] for i in range(FIRST, last + 1)}
    return max(min(falls, key=falls.get) - round(MEMORY / (1 - MEMORY)), 0)


def _before_the_rise(losses: list[float], noise: float) -> int:
    """Index of the lowest loss before a loss that gives back half of the gain, and twice the noise.

    Twice, since before anything is learned the average itself wanders by the noise.
    """
    best = FIRST
    for i in range(FIRST, len(losses)):
        if losses[i] < losses[best]:
            best = i
        elif losses[i] - losses[best] > max(0.5 * (losses[FIRST] - losses[best]), 2 * noise):
            break
    return best


def _noise(raw: list[float]) -> float:
    """Six standard deviations of the smoothed loss, from batch to batch.

    From the first half of the scan, where the loss moves little of itself; the
    difference of two batches has twice the variance of one.
    """
    half = raw[: len(raw) // 2 + 1]
    of_one_batch = math.sqrt(statistics.fmean((b - a) ** 2 for a, b in pairwise(half)) / 2)
    return 6 * of_one_batch * math.sqrt((1 - MEMORY) / (1 + MEMORY))


def _endless(batches: Iterable) -> Iterator:
    """Batches again and again. Raises: ValueError where there is none."""
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError("batches is empty or can be read only once; give a loader or a list of batches")
