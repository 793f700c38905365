"""Has the world moved? Distances of new data from a reference, and alarms.

monitor = DriftMonitor({"age": ages, "city": cities})
report = monitor.check({"age": new_ages, "city": new_cities})
report.alarms                                   # names of the columns that have moved

    psi  ks_test  mmd_test  Drift  DriftMonitor  DriftReport
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from kit import check
from kit.metrics.inputs import vector
from kit.robust.attacks import Generator
from kit.shapes import Tensor


class Drift(NamedTuple):
    """A distance, and the chance of one at least as large if nothing has moved. Lesson: 17."""

    statistic: float
    pvalue: float


def psi(reference, current, *, bins: int = 10) -> Drift:
    """Population stability index: Σ (q - p) ln(q / p) over bins of equal share in `reference`.

    p and q are the shares of reference (N,) and current (M,); a bin empty in one of them counts as
    half an entry there, one empty in both is none. Texts and booleans are their own bins, and so are
    missing entries among texts. Credit scoring calls < 0.1 stable and > 0.25 moved; the p-value takes
    PSI · NM / (N + M) as chi-squared with bins - 1 degrees of freedom.

    Raises: ValueError for an empty window or NaN, TypeError for texts beside numbers.
    Source: Siddiqi (2006), ch. 9; Yurdakul & Naranjo (2020), theorem 1. Lesson: 17.
    """
    check.integer("bins", bins, 2)
    a, b = vector("reference", reference), vector("current", current)
    if (a.dtype.kind in "iuf") != (b.dtype.kind in "iuf"):
        raise TypeError(f"reference holds {a.dtype} and current {b.dtype}; give numbers or texts in both")
    if a.dtype.kind in "iuf":
        edges = np.unique(np.quantile(a, np.arange(1, bins) / bins))
        if edges[0] == a.min():  # many equal to the smallest: what is below them is a bin of its own
            edges = np.concatenate([np.nextafter(edges[:1], -np.inf), edges])
    else:
        a, b = a.astype(str), b.astype(str)
        edges = np.unique(np.concatenate([a, b]))
    counts = np.stack([np.bincount(edges.searchsorted(v), minlength=len(edges) + 1) for v in (a, b)])
    counts = counts[:, counts.any(axis=0)].clip(0.5)
    p, q = counts / [[len(a)], [len(b)]]
    index = float(((q - p) * np.log(q / p)).sum())
    squares = index * len(a) * len(b) / (len(a) + len(b))
    half = torch.tensor([max(len(p) - 1, 1), squares], dtype=torch.float64) / 2
    return Drift(index, torch.special.gammaincc(*half).item())


def ks_test(reference, current) -> Drift:
    """Kolmogorov-Smirnov: largest gap between the distribution functions, two-sided.

    The p-value is exact while N · M <= 10⁸ (by paths on a lattice, to about 12 digits after the
    point; ties make it cautious), then Kolmogorov's limit. Shapes: numbers (N,), (M,).

    Raises: ValueError for an empty window or NaN, TypeError for texts.
    Source: Hodges (1958), section 2; Kolmogorov (1933). Lesson: 17.
    """
    a, b = np.sort(_numbers("reference", reference)), np.sort(_numbers("current", current))
    both = np.concatenate([a, b])
    gap = float(np.abs(a.searchsorted(both, "right") / len(a) - b.searchsorted(both, "right") / len(b)).max())
    n, m = sorted((len(a), len(b)))
    if n * m > 1e8:
        k, scaled = np.arange(1, 101), gap * (n * m / (n + m)) ** 0.5
        tail = -2 * ((-1.0) ** k * np.exp(-2 * (k * scaled) ** 2)).sum()
        return Drift(gap, min(float(tail), 1.0) if scaled > 0.2 else 1.0)  # below 0.2 it is 1 to 12 digits
    share = np.arange(m + 1) / m
    # share of the paths from (0, 0) to (i, j) whose coordinates stayed closer than the gap
    stayed = (share < gap - 1e-9).astype(float)
    for i in range(1, n + 1):
        below = abs(i / n - share) < gap - 1e-9
        stayed = np.where(below, np.where(below, stayed * i / (i + m), 0).cumsum(), 0)
    return Drift(gap, min(max(float(1 - stayed[m]), 0.0), 1.0))


def _numbers(name: str, values) -> np.ndarray:
    values = vector(name, values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {values.dtype}, numbers are needed; use psi for texts")
    return values.astype(np.float64)


def mmd_test(reference: Tensor, current: Tensor, *, draws: int = 500, generator: Generator = None) -> Drift:
    """Maximum mean discrepancy of two samples of vectors: do they differ in any way at all?

    The unbiased MMD² with a Gaussian kernel as wide as the median distance of two vectors; the p-value
    is its rank among `draws` random divisions and itself. Time and memory grow with (N + M)².

    Shapes: reference (N, D), current (M, D), N, M >= 2; scale the columns alike first.
    Raises: ValueError for fewer than two vectors, unequal widths, NaN.
    Source: Gretton et al. (2012), eq. 3 and section 5. Lesson: 17.
    """
    check.integer("draws", draws, 1)
    check.tensor("reference", reference, ndim=2, kind="float")
    check.tensor("current", current, ndim=2, last=reference.shape[1], kind="float")
    both, n, m = torch.cat([reference, current]).detach().double(), len(reference), len(current)
    check.finite("reference and current", both)
    check.integer("the shorter length", min(n, m), 2)
    # by differences: by products, equal vectors come out 1e-8 apart, and their median is noise
    distance = torch.cdist(both, both, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.nan)
    width = distance.nanmedian().clamp(min=1e-12)  # none where most vectors are equal
    kernel = torch.exp(-((distance / width) ** 2) / 2).fill_diagonal_(0)
    orders = [torch.randperm(n + m, generator=generator, device=both.device)[:n] for _ in range(draws)]
    first = torch.stack([torch.arange(n, device=both.device), *orders])
    chosen = both.new_zeros(len(first), n + m).scatter(1, first, 1)  # (P + 1, N + M)
    sums = chosen @ kernel
    within, across = (sums * chosen).sum(1), (sums * (1 - chosen)).sum(1)
    other = kernel.sum() - within - 2 * across
    mmd = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
    return Drift(mmd[0].item(), (mmd >= mmd[0] - 1e-12).double().mean().item())


@dataclass(frozen=True, repr=False)
class DriftReport:
    """PSI and p-value of every column, and the names of those that have moved. Lesson: 17."""

    columns: dict[str, Drift]
    alarms: tuple[str, ...]

    def __repr__(self) -> str:
        rows = [(n, d, "  ALARM" * (n in self.alarms)) for n, d in self.columns.items()]
        return "\n".join(f"{n:20} PSI {d.statistic:7.4f}  p {d.pvalue:.2g}{mark}" for n, d, mark in rows)


class DriftMonitor:
    """Watches columns by name against those of a reference window.

    reference: name -> numbers, texts or booleans (N,). A column alarms when its PSI is at
    least `threshold` (large enough to matter) and its p-value below alpha / number of columns
    (too large for chance): that of `ks_test` for numbers, of `psi` for the rest.

    Keeps a copy of the reference. Raises: ValueError for no column, an empty window, NaN. Lesson: 17.
    """

    def __init__(self, reference: Mapping, *, threshold: float = 0.25, alpha: float = 0.01):
        check.nonempty("reference", reference)
        check.number("threshold", threshold, above=0)
        check.probability("alpha", alpha)
        self.reference = {name: vector(name, values).copy() for name, values in reference.items()}
        self.threshold, self.alpha = threshold, alpha

    def check(self, current: Mapping) -> DriftReport:
        """Compare `current`, name -> values (M,), with the reference; columns it has beyond are left aside.

        Raises: as `psi`; ValueError for a missing column.
        """
        columns = {}
        for name, known in self.reference.items():
            if name not in current:
                raise ValueError(f"current has no column {name!r}; give {', '.join(self.reference)}")
            values = vector(name, current[name])
            columns[name] = psi(known, values)
            if known.dtype.kind in "iuf":
                columns[name] = columns[name]._replace(pvalue=ks_test(known, values).pvalue)
        limit = self.alpha / len(columns)
        moved = (n for n, d in columns.items() if d.statistic >= self.threshold and d.pvalue < limit)
        return DriftReport(columns, tuple(moved))
