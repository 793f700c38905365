"""Intervals: how far a measured number may be from the one you mean.

Interval  wilson_interval  clopper_pearson_interval  mean_interval  bootstrap_interval
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kit import check
from kit.metrics import inputs


@dataclass(frozen=True)
class Interval:
    """An estimate, the two ends of its interval, its level and the sample size.

    `estimate`, `low` and `high` have the unit of what was measured. Lesson: 02.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    n: int
    method: str

    def __contains__(self, value) -> bool:
        return self.low <= value <= self.high

    def __iter__(self):
        return iter((self.low, self.high))

    def __str__(self) -> str:
        level = f"{100 * self.confidence:g}% {self.method}, n={self.n}"
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] ({level})"


def wilson_interval(successes: int, n: int, *, confidence: float | int = 0.95) -> Interval:
    """Wilson's score interval of a share: all p that a z test would not reject.

    centre = (k + z^2/2) / (n + z^2), half width = z sqrt(p(1-p)/n + z^2/(4n^2)) / (1 + z^2/n).
    Never leaves [0, 1], has a width at k = 0 and k = n, works from n of about 10.

    Raises: TypeError/ValueError unless whole numbers with 0 <= successes <= n and n >= 1.
    Source: Wilson (1927); Brown, Cai & DasGupta (2001), eq. 4. Lesson: 02.
    """
    p, confidence = _share(successes, n, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(p, low, high, confidence, int(n), "Wilson")


def clopper_pearson_interval(successes: int, n: int, *, confidence: float | int = 0.95) -> Interval:
    """Clopper and Pearson's "exact" interval of a share.

    It covers the truth at least as often as `confidence` says. The ends are the quantiles
    alpha/2 of Beta(k, n-k+1) and 1-alpha/2 of Beta(k+1, n-k). Wider than
    Wilson's; use it where too low coverage is worse.

    Raises: as `wilson_interval`. Source: Clopper & Pearson (1934). Lesson: 02.
    """
    p, confidence = _share(successes, n, confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else beta_quantile(tail, successes, n - successes + 1)
    high = 1.0 if successes == n else beta_quantile(1 - tail, successes + 1, n - successes)
    return Interval(p, low, high, confidence, int(n), "Clopper-Pearson")


def mean_interval(values, *, confidence: float | int = 0.95) -> Interval:
    """Student's t interval of a mean, the one to report over seeds.

    mean +- t(n-1) s / sqrt(n); exact for normal values, and wide for few: with 2, 3 and 5
    seeds t is 12.7, 4.3 and 2.8. For a comparison give the paired differences.

    Shapes: values (n,), n >= 2. Raises: ValueError for fewer, or NaN.
    Source: Student (1908). Lesson: 02.
    """
    values = inputs.vector("values", values).astype(np.float64)
    check.probability("confidence", confidence)
    n = len(values)
    if n < 2:
        raise ValueError("len(values)=1, an interval of a mean needs two or more; run more seeds")
    half = t_quantile(0.5 + confidence / 2, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half, confidence, n, "t")


def bootstrap_interval(
    statistic: Callable,
    *samples,
    resamples: int = 2000,
    confidence: float | int = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of `statistic(*samples)`.

    Entries are drawn with replacement, the same ones from every sample (so give
    y_true and y_score together). Resamples on which the statistic raises ValueError
    (a class is missing, say) are drawn again, at most ten times `resamples` in all.

    Shapes: samples (N, ...) each. `statistic` returns a float. Raises: ValueError for unequal
    lengths, or a statistic that fails on most resamples.
    Source: Efron (1979); Efron & Tibshirani (1993), ch. 13. Lesson: 02.
    """
    if not samples:
        raise TypeError("samples is empty; call bootstrap_interval(statistic, y_true, y_pred)")
    arrays = [inputs.to_numpy(sample) for sample in samples]
    check.same_length(**{f"sample_{i}": a for i, a in enumerate(arrays)})
    check.nonempty("samples", arrays[0])
    check.integer("resamples", resamples, 1)
    check.probability("confidence", confidence)
    n, generator = len(arrays[0]), np.random.default_rng(seed)
    estimate = float(statistic(*arrays))
    values: list[float] = []
    tries = 0
    while len(values) < resamples:
        if tries >= 10 * resamples:
            raise ValueError(
                f"statistic failed on {tries - len(values)} of {tries} resamples; "
                "give more samples of the rare class"
            )
        rows = generator.integers(n, size=(min(resamples, max(1, 2**20 // n)), n))[: resamples - len(values)]
        tries += len(rows)
        values += _statistics(statistic, arrays, rows)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high), confidence, n, "bootstrap")


def _statistics(statistic: Callable, arrays: list[np.ndarray], rows: np.ndarray) -> list[float]:
    """The statistic of each row of indices that has one."""
    if statistic is np.mean and len(arrays) == 1 and arrays[0].ndim == 1:
        return arrays[0][rows].mean(axis=1).tolist()  # the common case, hundreds of times faster
    values = []
    for row in rows:
        try:
            values.append(float(statistic(*(a[row] for a in arrays))))
        except ValueError:
            continue
    return values


def _share(successes, n, confidence) -> tuple[float, float]:
    check.integer("n", n, 1)
    check.integer("successes", successes, 0, int(n))
    check.number("confidence", confidence, above=0, below=1)
    return successes / n, float(confidence)


def t_quantile(probability: float, df: int) -> float:
    """Quantile of Student's t with `df` degrees of freedom, without SciPy.

    P(T <= t) = 1 - I(df/(df+t^2); df/2, 1/2)/2 for t >= 0, inverted through the beta quantile.
    Source: DLMF 8.17. Lesson: 02.
    """
    if probability == 0.5:
        return 0.0
    tail = min(probability, 1 - probability)
    x = beta_quantile(2 * tail, df / 2, 0.5)
    return math.copysign(math.sqrt(df * (1 - x) / x), probability - 0.5)


def beta_quantile(probability: float, a: float | int, b: float | int) -> float:
    """Quantile of Beta(a, b) by bisection, without SciPy. Lesson: 02."""
    low, high = 0.0, 1.0
    for _ in range(1100):  # enough halvings for the smallest floats
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_cdf(x: float, a: float | int, b: float | int) -> float:
    """Regularized incomplete beta function by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - _beta_cdf(1 - x, b, a)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    tiny = 1e-300
    c, d, value = 1.0, 0.0, 1.0
    for i in range(10_000):  # modified Lentz
        m = i // 2
        if i == 0:
            numerator = 1.0
        elif i % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / ((1 + numerator * d) or tiny)
        c = (1 + numerator / c) or tiny
        value *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return math.exp(front) * (value - 1) / a
