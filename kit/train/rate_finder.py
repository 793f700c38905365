"""The learning-rate finder: raise the rate a little every step and watch the loss.

find_learning_rate  RateScan
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kit import check
from kit.train.batch import apply, unpack
from kit.train.evaluate import check_loss


@dataclass
class RateScan:
    """What the finder saw.

    rates: the learning rate of each step; losses: the smoothed loss there;
    suggestion: the rate where the loss falls most steeply. Lesson: 05
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
    as they were. The suggestion is a start to search from, no optimum.

    Raises: ValueError for rates out of order, too few steps, or an empty
    `batches`; for a model whose loss is not finite at the lowest rate.
    Source: Smith 2015, Cyclical Learning Rates for Training Neural Networks,
    section 3.3. Lesson: 05
    """
    check.number("low", low, above=0)
    check.number("high", high, above=low)
    check.integer("steps", steps, 10)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    training = {module: module.training for module in model.modules()}
    model.train()
    try:
        scan = _scan(
            model,
            loss,
            optimizer,
            _endless(batches),
            [low * (high / low) ** (i / (steps - 1)) for i in range(steps)],
        )
    finally:
        model.load_state_dict(before[0])
        optimizer.load_state_dict(before[1])
        optimizer.zero_grad(set_to_none=True)
        for module, flag in training.items():
            module.training = flag
    if len(scan.rates) < 3:
        raise ValueError(
            f"loss is not finite or explodes at low={low:g}; lower it, or check the data and the loss"
        )
    return scan


def _scan(model, loss, optimizer, batches, rates, smoothing: float = 0.9) -> RateScan:
    device = next(model.parameters()).device
    average, best, seen, losses = 0.0, math.inf, [], []
    for step, rate in enumerate(rates, 1):
        inputs, targets, _ = unpack(next(batches), device)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        value = loss(apply(model, inputs), targets)
        check_loss(value)
        current = value.item()
        average = smoothing * average + (1 - smoothing) * current
        smooth = average / (1 - smoothing**step)  # as Adam does: an average that starts at zero is too small
        if not math.isfinite(smooth) or smooth > 4 * best:
            break
        best = min(best, smooth)
        seen.append(rate)
        losses.append(smooth)
        value.backward()
        optimizer.step()
    return RateScan(seen, losses, _steepest(seen, losses) if seen else math.nan)


def _steepest(rates: list[float], losses: list[float], reach: int = 3) -> float:
    """The rate in the middle of the steepest fall over `2 reach` steps.

    Only the falls before the first clear rise count: what comes after it is the
    recovery from a rate that was too high. Single steps, and the first ten, whose
    average holds few batches, show the difference between batches, not learning.
    """
    last = _before_the_rise(losses)
    middles = range(min(10, last // 3), last + 1)
    falls = {i: losses[min(i + reach, last)] - losses[max(i - reach, 0)] for i in middles}
    return rates[min(falls, key=falls.get)]


def _before_the_rise(losses: list[float]) -> int:
    """Index of the lowest loss before the loss gives back half of its gain.

    A gain of less than a tenth of the first loss is noise.
    """
    best = 0
    for i, loss in enumerate(losses):
        gain = losses[0] - losses[best]
        if loss < losses[best]:
            best = i
        elif gain > 0.1 * abs(losses[0]) and loss - losses[best] > 0.5 * gain:
            return best
    return len(losses) - 1


def _endless(batches: Iterable) -> Iterator:
    """Batches again and again. Raises: ValueError where there is none."""
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError("batches is empty or can be read only once; give a loader or a list of batches")
