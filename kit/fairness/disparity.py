"""One number for how unlike groups are treated, and the four-fifths rule.

demographic_parity_difference  demographic_parity_ratio
equalized_odds_difference  equalized_odds_ratio
equal_opportunity_difference  equal_opportunity_ratio
predictive_parity_difference
calibration_by_group  calibration_noise  four_fifths  FourFifths

A difference is largest minus smallest rate of a group, in [0, 1], 0 is parity; a ratio is smallest
over largest, in [0, 1], 1 is parity. Neither says who is worse off: for that, for n and for
intervals use a `MetricFrame` of the rates.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kit import check, metrics
from kit.fairness import rates
from kit.fairness.frame import METHODS, MetricFrame
from kit.fairness.groups import Groups
from kit.fairness.intervals import compare_shares
from kit.metrics import Interval, inputs


@dataclass(frozen=True)
class Gap:
    """A difference or ratio of the groups' rates, in one number.

    Call it as gap(y_true, y_pred, sensitive_features=...). A difference is largest minus smallest
    rate, 0 is parity; a ratio is smallest over largest, 1 is parity. Groups without a rate (no
    positives, say) take no part; with fewer than two left the gap is nan. Lesson: 20.
    """

    name: str
    rates: tuple[rates.Rate, ...]

    def __call__(
        self, y_true, y_pred, *, sensitive_features, method=METHODS[0], sample_weight=None, agg="worst_case"
    ) -> float:
        """The gap, in [0, 1].

        method: "between_groups", or "to_overall" for the largest distance of a group from all rows.
        agg: of two rates take the "worst_case" or the "mean". Shapes: y_true, y_pred, sample_weight
        (N,); sensitive_features as in `MetricFrame`. Raises: as `MetricFrame`.
        """
        check.one_of("agg", agg, ("worst_case", "mean"))
        params = {rate.name: {"sample_weight": sample_weight} for rate in self.rates}
        data = {"y_true": y_true, "y_pred": y_pred, "sensitive_features": sensitive_features}
        frame = MetricFrame(metrics={rate.name: rate for rate in self.rates}, sample_params=params, **data)
        difference = self.name.endswith("difference")
        gaps = list((frame.difference if difference else frame.ratio)(method).values())
        return float(np.mean(gaps) if agg == "mean" else np.max(gaps) if difference else np.min(gaps))


_SELECTED, _PRECISION = (rates.selection_rate,), (rates.positive_predictive_value,)
_ODDS = (rates.true_positive_rate, rates.false_positive_rate)
# Agarwal et al. 2018, arXiv:1803.02453, definition 1.
demographic_parity_difference = Gap("demographic_parity_difference", _SELECTED)
demographic_parity_ratio = Gap("demographic_parity_ratio", _SELECTED)
# Hardt, Price & Srebro 2016, arXiv:1610.02413, definitions 2.1 and 2.2.
equalized_odds_difference = Gap("equalized_odds_difference", _ODDS)
equalized_odds_ratio = Gap("equalized_odds_ratio", _ODDS)
equal_opportunity_difference = Gap("equal_opportunity_difference", _ODDS[:1])
equal_opportunity_ratio = Gap("equal_opportunity_ratio", _ODDS[:1])
# Chouldechova 2017, arXiv:1703.00056, eq. 2.2; where base rates differ it excludes equalized odds.
predictive_parity_difference = Gap("predictive_parity_difference", _PRECISION)


def calibration_by_group(y_true, y_prob, *, sensitive_features, n_bins: int = 10) -> dict:
    """Do the same probabilities mean the same in every group?

    A reliability diagram for each group, over `n_bins` bins of equal width.
    Shapes: y_true (N,) of 0/1 labels, y_prob (N,) in [0, 1] -> {group: `metrics.Reliability`}, whose
    `expected_error` is the group's ECE; bins without a row are nan. Groups without a row are left out.
    Raises: ValueError for scores outside [0, 1], missing sensitive values, unequal lengths.
    Source: Pleiss et al. 2017, arXiv:1709.02012, definition 1. Lesson: 20.
    """
    truth, prob = rates.positives("y_true", y_true), inputs.probabilities("y_prob", y_prob)
    check.same_length(y_true=truth, y_prob=prob)
    groups = Groups.of("sensitive_features", sensitive_features, len(truth))
    rows = {key: groups.codes == i for i, key in enumerate(groups.keys) if groups.counts[i]}
    options = {"pos_label": True, "n_bins": n_bins}
    return {key: metrics.reliability(truth[part], prob[part], **options) for key, part in rows.items()}


def calibration_noise(
    bins: metrics.Reliability, *, confidence: float | int = 0.95, resamples: int = 1000, seed: int = 0
) -> float:
    """The calibration error that perfect probabilities would stay below by chance.

    An expected calibration error is above 0 even where every probability is right, the more so the
    fewer rows there are. Here labels are drawn from the mean probability of each bin, binomially, and
    the `confidence` quantile of the errors is returned: a larger error is more than chance.

    Raises: ValueError for no row, confidence outside (0, 1), resamples < 1.
    Source: Bröcker & Smith 2007, Weather and Forecasting 22(3), consistency resampling. Lesson: 20.
    """
    check.number("confidence", confidence, above=0, below=1)
    check.integer("resamples", resamples, 1)
    check.integer("rows of bins", int(bins.count.sum()), 1)
    used = bins.count > 0
    count, share = bins.count[used], bins.predicted[used]
    draws = np.random.default_rng(seed).binomial(count, share, (resamples, len(count)))
    return float(np.quantile(np.abs(draws - count * share).sum(axis=1) / count.sum(), confidence))


@dataclass(frozen=True)
class Impact:
    """The selection rate of a group over the reference group's, and two tests.

    n, selected: rows of the group, and those predicted positive; ratio: with an interval that holds
    for one row, too; z: of two shares with common variance, negative where this group is selected
    less; p_value: Fisher's exact one, two-sided, which holds for small counts, too. Lesson: 20.
    """

    n: int
    selected: int
    ratio: Interval
    z: float
    p_value: float

    @property
    def verdict(self) -> str:
        """Four fifths reached? "passes", "fails", or "perhaps ..." by the interval."""
        if math.isnan(self.ratio.estimate):
            return "undefined"
        word = "passes" if self.ratio.estimate >= 0.8 else "fails"
        return f"perhaps {word}" if self.ratio.low < 0.8 <= self.ratio.high else word


@dataclass(frozen=True)
class FourFifths:
    """The result of `four_fifths`: an `Impact` for every group but the reference.

    ratio: the smallest, nan where nobody of the reference group is selected; passes: whether it
    reaches 0.8. Lesson: 20.
    """

    reference: object
    groups: Mapping[object, Impact]
    ratio: Interval
    passes: bool


def four_fifths(y_pred, *, sensitive_features, reference=None, confidence: float | int = 0.95) -> FourFifths:
    """Is every group selected at least four fifths as often as the reference?

    reference: the group compared with, by default the one selected most often. The rule says whom to
    look at, no more: a small sample fails it by chance, and a large one that passes may still
    discriminate; hence the interval and the tests.

    Shapes: y_pred (N,) of 0/1 decisions. Raises: as `MetricFrame`; ValueError for one group only
    or an unknown reference.
    Source: EEOC Uniform Guidelines (1978), 29 CFR 1607.4 D; for the interval see
    `intervals.compare_shares`. Lesson: 20.
    """
    check.number("confidence", confidence, above=0, below=1)
    decided = rates.positives("y_pred", y_pred)
    groups = Groups.of("sensitive_features", sensitive_features, len(decided))
    chosen = np.bincount(groups.codes[decided], minlength=len(groups)).tolist()
    counts = {key: (k, n) for key, k, n in zip(groups.keys, chosen, groups.counts.tolist()) if n}
    if len(counts) < 2:
        raise ValueError(f"sensitive_features holds one group, {groups.keys[0]!r}; give rows of two or more")
    if reference is None:
        reference = max(counts, key=lambda key: counts[key][0] / counts[key][1])
    check.one_of("reference", reference, counts)
    base = counts.pop(reference)
    found = {key: _impact(*pair, *base, confidence) for key, pair in counts.items()}
    ratio = min((impact.ratio for impact in found.values()), key=lambda ratio: ratio.estimate)
    return FourFifths(reference, found, ratio, ratio.estimate >= 0.8)


def _impact(a: int, m: int, b: int, n: int, confidence: float) -> Impact:
    """a of m selected against b of n in the reference group."""
    share = (a + b) / (m + n)
    spread = math.sqrt(share * (1 - share) * (1 / m + 1 / n))
    z = (a / m - b / n) / spread if spread else math.nan
    ratio = compare_shares("ratio", a, m, b, n, confidence=confidence)
    return Impact(m, a, ratio, z, _fisher(a, m, b, n))


def _fisher(a: int, m: int, b: int, n: int) -> float:
    """Two-sided exact p: the probability of all tables no likelier than this one."""
    log_factorial = np.cumsum(np.log(np.maximum(1, np.arange(m + n + 1))))
    x = np.arange(max(0, a + b - n), min(m, a + b) + 1)
    log_p = -sum(log_factorial[part] for part in (x, m - x, a + b - x, n - a - b + x))
    p = np.exp(log_p - log_p.max())
    return float(p[p <= p[x == a] * (1 + 1e-7)].sum() / p.sum())
