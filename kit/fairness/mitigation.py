"""Mitigation before and after training: weights of rows, thresholds of groups.

reweighing  ThresholdOptimizer
"""

import numpy as np

from kit import check
from kit.fairness import rates
from kit.fairness.groups import Groups
from kit.metrics import inputs

CONSTRAINTS = {
    "demographic_parity": rates.selection_rate,
    "equal_opportunity": rates.true_positive_rate,
    "true_positive_rate_parity": rates.true_positive_rate,
    "equalized_odds": rates.false_positive_rate,
    "false_positive_rate_parity": rates.false_positive_rate,
}
OBJECTIVES = {rate.name: rate for rate in (rates.accuracy_score, rates.balanced_accuracy_score)}
GRID = np.linspace(0, 1, 1001)


def reweighing(y_true, *, sensitive_features) -> np.ndarray:
    """Weight P(group) P(label) / P(group, label) of every row, to train with.

    Under these weights label and group are independent: every group has the same base rate.
    The weights sum to N. Any labels, two or more. A label that a group does not have cannot be weighed
    into it: then neither holds.

    Shapes: y_true (N,) -> (N,). Raises: ValueError for missing values or unequal lengths.
    Source: Kamiran & Calders 2012, doi:10.1007/s10115-011-0463-8, algorithm 3. Lesson: 20.
    """
    rows = len(y_true)
    groups = Groups.of("sensitive_features", sensitive_features, rows)
    labels = Groups.of("y_true", y_true, rows)
    both = groups * labels
    expected = groups.counts[groups.codes] * labels.counts[labels.codes] / rows
    return expected / both.counts[both.codes]


class ThresholdOptimizer:
    """A threshold for every group: the best objective under a parity constraint.

        optimizer = ThresholdOptimizer(constraints="demographic_parity")
        optimizer.fit(scores, y, sensitive_features=sex)       # of data not used for the score, at best
        optimizer.predict(new_scores, sensitive_features=new_sex)

    constraints: "demographic_parity", "equal_opportunity" (or Fairlearn's name for it,
        "true_positive_rate_parity"), "false_positive_rate_parity", or "equalized_odds" for both.
    objective: "accuracy_score" or "balanced_accuracy_score".
    tolerance: how far apart the groups' rates may lie, in steps of 0.001 (not for equalized odds).
        With 0 the predictions are Fairlearn's.

    A rate between those of two thresholds is reached by drawing lots between them, so a
    prediction may be random: `probability` says how random. Equalized odds also mixes with a constant
    rate, which makes groups equal by making some worse. Decisions 0/1 given as scores are
    Hardt's derived predictor. Knowing the group of those decided on is needed, and may be unlawful.

    `rules`: {group: (ignore, constant, p0, threshold0, p1, threshold1)} with P(ŷ=1) = ignore *
    constant + (1 - ignore) * (p0 [score > threshold0] + p1 [score > threshold1]).
    Raises: ValueError for a group without positives or negatives, or unseen in fit, labels other
    than 0/1, NaN scores, unequal lengths; RuntimeError for predictions before fit.
    Source: Hardt, Price & Srebro 2016, arXiv:1610.02413, section 3. Lesson: 20.
    """

    def __init__(
        self, *, constraints: str = "demographic_parity", objective: str = "accuracy_score", tolerance=0.0
    ):
        check.one_of("constraints", constraints, CONSTRAINTS)
        check.one_of("objective", objective, OBJECTIVES)
        check.probability("tolerance", tolerance)
        self.odds, self.equal = constraints == "equalized_odds", CONSTRAINTS[constraints]
        self.objective = OBJECTIVES[objective]
        if self.odds and tolerance:
            raise ValueError(f"tolerance={tolerance} is not for equalized odds; leave it out")
        self.window = int(tolerance * (len(GRID) - 1) + 1e-9) + 1
        self.rules: dict[object, tuple] = {}  # empty before fit

    def fit(self, scores, y_true, *, sensitive_features) -> "ThresholdOptimizer":
        """Choose the thresholds. Shapes: scores (N,), higher is likelier; y_true (N,)."""
        scores, truth = _numbers(scores), rates.positives("y_true", y_true)
        check.same_length(scores=scores, y_true=truth)
        groups = Groups.of("sensitive_features", sensitive_features, len(truth))
        parts = {key: groups.codes == i for i, key in enumerate(groups.keys) if groups.counts[i]}
        curves = [self._curve(key, scores[part], truth[part]) for key, part in parts.items()]
        y = np.stack([curve[0] for curve in curves])  # (G, grid)
        if self.odds:
            low, n = y.min(axis=0), np.bincount(truth, minlength=2)
            counts = [n[0] * (1 - GRID), n[0] * GRID, n[1] * (1 - low), n[1] * low]
            start = int(np.around(self.objective.of(np.stack(counts, axis=1)), 15).argmax())
            above, gap = y[:, start] - low[start], y[:, start] - GRID[start]
            ignore = np.divide(above, gap, out=np.zeros(len(y)), where=gap != 0)
            place = np.full(len(y), start)
        else:
            share = groups.counts[groups.counts > 0] / len(truth)
            views = np.lib.stride_tricks.sliding_window_view(y, self.window, axis=1)  # (G, starts, window)
            best = sum(part * view.max(axis=1) for part, view in zip(share, views))  # in Fairlearn's order
            start = int(best.argmax())
            place, ignore = start + views[:, start].argmax(axis=1), np.zeros(len(y))
        self.rules = {
            key: (float(skip), float(GRID[start]), *(float(part[i]) for part in curve[1:]))
            for key, curve, i, skip in zip(parts, curves, place, ignore)
        }
        return self

    def probability(self, scores, *, sensitive_features) -> np.ndarray:
        """P(ŷ = 1) of every row, between 0 and 1 where lots are drawn: (N,) -> (N,)."""
        if not self.rules:
            raise RuntimeError("rules={}, no thresholds have been chosen yet; call fit first")
        scores = _numbers(scores)
        groups = Groups.of("sensitive_features", sensitive_features, len(scores))
        for key in (key for key, n in zip(groups.keys, groups.counts) if n):
            check.one_of("group", key, self.rules)
        rules = np.array([self.rules.get(key, (np.nan,) * 6) for key in groups.keys])[groups.codes].T
        ignore, constant, p0, threshold0, p1, threshold1 = rules
        return ignore * constant + (1 - ignore) * (p0 * (scores > threshold0) + p1 * (scores > threshold1))

    def predict(self, scores, *, sensitive_features, seed: int = 0) -> np.ndarray:
        """Decisions 0/1, with lots drawn from `seed`. Shapes: scores (N,) -> (N,)."""
        p = self.probability(scores, sensitive_features=sensitive_features)
        return (np.random.default_rng(seed).random(len(p)) < p).astype(np.int64)

    def _curve(self, key, score: np.ndarray, truth: np.ndarray) -> tuple:
        """Best objective at every grid value of the equal rate, and the two thresholds that mix to it."""
        order = np.argsort(-score, kind="stable")
        score, truth = score[order], truth[order]
        last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each tie
        tp = np.append(0, np.cumsum(truth)[last])
        fp = np.append(0, last + 1) - tp
        if not tp[-1] or not fp[-1]:
            lacking = f"group {key!r} has no row with y_true = {int(not tp[-1])}, both labels are needed"
            raise ValueError(f"{lacking}; merge it with another group or leave it out")
        threshold = np.append(np.inf, (score[last] + np.append(score[last][1:], -np.inf)) / 2)
        counts = np.stack([fp[-1] - fp, fp, tp[-1] - tp, tp], axis=1)
        x, y = self.equal.of(counts), (rates.true_positive_rate if self.odds else self.objective).of(counts)
        hull = _upper_hull(x, y)
        x, y, threshold = x[hull], y[hull], threshold[hull]
        i = np.searchsorted(x, GRID, side="right") - 1
        i[1:] -= GRID[1:] == x[i[1:]]
        p0 = (x[i + 1] - GRID) / (x[i + 1] - x[i])
        return p0 * y[i] + (1 - p0) * y[i + 1], p0, threshold[i], 1 - p0, threshold[i + 1]


def _numbers(scores) -> np.ndarray:
    """In double precision: whole numbers and decisions can be negated, and halfway is between."""
    return inputs.vector("scores", inputs.to_numpy(scores).astype(np.float64))


def _upper_hull(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Points of the upper convex hull from left to right (Andrew's monotone chain)."""
    hull: list[int] = []
    for c in np.lexsort((y, x)).tolist():
        while len(hull) > 1:
            a, b = hull[-2:]
            if (y[b] - y[a]) * (x[c] - x[a]) > (y[c] - y[a]) * (x[b] - x[a]):
                break
            hull.pop()
        hull.append(c)
    return hull
