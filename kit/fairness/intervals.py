"""Two shares compared, with an interval that holds where counts are few, too.

compare_shares  undefined  FEW
"""

import math

from kit.metrics import Interval, wilson_interval

FEW = 5  # rows with the mark, or without: below this a bootstrap is too sure of itself


def compare_shares(form: str, a: int, m: int, b: int, n: int, *, confidence: float | int = 0.95) -> Interval:
    """The share a of m beside the share b of n, from Wilson's interval of each.

    form: "difference", a/m - b/n in [-1, 1], or "ratio", (a/m) / (b/n), undefined where b is 0. The
    groups are independent. It holds for one row, too, where a bootstrap knows no spread: 1 of 1
    beside 1 of 1 gives a ratio from 0.21 to 4.8. It covers as often as it says on average over the
    true shares, at worst (four rows beside four) 0.87 for 0.95.

    Raises: as `metrics.wilson_interval`.
    Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10; for the ratio Donner & Zou
    2012, Statistical Methods in Medical Research 21, 347-359, section 2. Lesson: 20.
    """
    p, q = (wilson_interval(k, rows, confidence=confidence) for k, rows in ((a, m), (b, n)))
    x, y = p.estimate, q.estimate
    if form == "difference":
        low = x - y - math.hypot(x - p.low, q.high - y)
        high = x - y + math.hypot(p.high - x, y - q.low)
        return Interval(x - y, low, high, confidence, m + n, "Newcombe")
    if b == 0:
        return undefined(confidence)
    lower, upper = p.low * (2 * x - p.low), p.high * (2 * x - p.high)
    below, above = q.low * (2 * y - q.low), q.high * (2 * y - q.high)
    roots = [math.sqrt(max(0.0, (x * y) ** 2 - product)) for product in (lower * above, upper * below)]
    low = lower / (x * y + roots[0]) if a else 0.0
    return Interval(a * n / (b * m), low, (x * y + roots[1]) / below, confidence, m + n, "MOVER")


def undefined(confidence: float | int) -> Interval:
    """An interval of nothing: nan, with n = 0. Lesson: 20."""
    return Interval(math.nan, math.nan, math.nan, confidence, 0, "undefined")
