"""Learning-rate schedules: functions from step number to a factor.

    constant  step_decay  exponential  linear_warmup  cosine  one_cycle  then

Each call returns a plain function, step -> factor of the base learning rate, to
plot, to test, or to hand to torch:

    factor = then(linear_warmup(100), 100, cosine(900))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

Steps count from 0, the first update. A schedule that is over keeps its last value.
"""

import math
from collections.abc import Callable

from kit import check

#: A schedule: the number of updates done so far -> factor of the base learning rate.
Schedule = Callable[[int], float]


def constant(factor: float = 1.0) -> Schedule:
    """The same factor for ever.

    Raises:
        TypeError, ValueError: the factor is not a number >= 0.

    Lesson: 05
    """
    check.number("factor", factor, 0)
    return lambda step: factor


def step_decay(every: int, gamma: float = 0.1) -> Schedule:
    """gamma^⌊step / every⌋, as torch's StepLR(step_size=every, gamma).

    Raises:
        TypeError, ValueError: `every` is not a whole number >= 1, or gamma not > 0.

    Lesson: 05
    """
    check.integer("every", every, 1)
    check.number("gamma", gamma, above=0)
    return lambda step: gamma ** (step // every)


def exponential(gamma: float) -> Schedule:
    """gamma^step, as torch's ExponentialLR(gamma).

    Raises:
        TypeError, ValueError: gamma is not a number > 0.

    Lesson: 05
    """
    check.number("gamma", gamma, above=0)
    return lambda step: gamma**step


def linear_warmup(steps: int, start: float = 0.0) -> Schedule:
    """Rise on a line from `start` to 1 in `steps` steps, then 1; torch's LinearLR.

    torch's own default start is 1/3, and it refuses 0.

    Args:
        steps: length of the rise, >= 1.
        start: the factor at step 0, in [0, 1].

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Goyal et al. 2017, arXiv:1706.02677, section 2.2. Lesson: 05
    """
    check.integer("steps", steps, 1)
    check.probability("start", start)
    return lambda step: start + (1 - start) * min(step / steps, 1.0)


def cosine(total: int, floor: float = 0.0) -> Schedule:
    """Fall from 1 to `floor` along half a cosine in `total` steps, then stay there.

    floor + (1 − floor) (1 + cos(π step / total)) / 2. Equal to torch's
    CosineAnnealingLR(T_max=total, eta_min=floor·lr) up to `total`; torch's rises
    again afterwards.

    Args:
        total: length of the fall, >= 1.
        floor: the last factor, in [0, 1].

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5. Lesson: 05
    """
    check.integer("total", total, 1)
    check.probability("floor", floor)
    return lambda step: _cosine_between(1.0, floor, min(step / total, 1.0))


def one_cycle(
    total: int, *, warmup: float = 0.3, start: float = 1 / 25, end: float = 1 / 250_000
) -> Schedule:
    """Rise from `start` to 1, then fall to `end`, both along half a cosine.

    With the base learning rate as the peak this is torch's
    OneCycleLR(max_lr, total_steps=total, pct_start=warmup, div_factor=1/start,
    final_div_factor=start/end, cycle_momentum=False).

    Args:
        total: the number of updates, >= 2.
        warmup: the share of them that rises, in [0, 1].
        start: factor at step 0, > 0.
        end: factor at step total − 1, >= 0.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Smith and Topin 2018, arXiv:1708.07120, section 2. Lesson: 05
    """
    check.integer("total", total, 2)
    check.probability("warmup", warmup)
    check.number("start", start, above=0)
    check.number("end", end, 0)
    peak, last = warmup * total - 1, total - 1

    def factor(step: int) -> float:
        if step <= peak:
            return _cosine_between(start, 1.0, step / peak if peak else 1.0)
        return _cosine_between(1.0, end, min((step - peak) / (last - peak), 1.0))

    return factor


def then(first: Schedule, steps: int, second: Schedule) -> Schedule:
    """`first` for `steps` steps, then `second`, as torch's SequentialLR.

    `second` counts from 0 again.

    Raises:
        TypeError, ValueError: `steps` is not a whole number >= 0.

    Lesson: 05
    """
    check.integer("steps", steps, 0)
    return lambda step: first(step) if step < steps else second(step - steps)


def _cosine_between(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
