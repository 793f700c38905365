"""Does "90 % sure" mean right nine times in ten? Reliability, ECE, Brier score.

brier_score_loss  calibration_curve  reliability  expected_calibration_error
"""

from dataclasses import dataclass

import numpy as np

from kit import check
from kit.metrics import inputs


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of a reliability diagram; empty bins have count 0 and nan elsewhere.

    Shapes: edges (n_bins+1,), count, predicted and observed (n_bins,); all but
    count in [0, 1]. Lesson: 15.
    """

    edges: np.ndarray
    count: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    @property
    def expected_error(self) -> float:
        """Mean of |observed - predicted| weighted by the bins' counts."""
        used = self.count > 0
        gap = np.abs(self.observed[used] - self.predicted[used])
        return float((gap * self.count[used]).sum() / self.count.sum())

    @property
    def maximum_error(self) -> float:
        """Largest |observed - predicted| of a bin that is not empty."""
        return float(np.nanmax(np.abs(self.observed - self.predicted)))


def brier_score_loss(y_true, y_proba, *, pos_label=None, labels=None) -> float:
    """Mean squared distance between probabilities and what happened; 0 is perfect.

    Two classes: mean of (p - y)^2, in [0, 1]. More: the sum of the squares over the
    classes, in [0, 2] (Brier's own definition, scikit-learn's too).

    Shapes: y_true (N,); y_proba (N,) for `pos_label` (default: the larger label, 1 where
    the labels are 0 and 1), or (N, C). Raises: ValueError for values outside [0, 1].
    Source: Brier (1950). Lesson: 15.
    """
    y_true = inputs.vector("y_true", y_true)
    array = inputs.to_numpy(y_proba)
    inputs.probabilities("y_proba", array.reshape(-1))
    if array.ndim == 1 or array.shape[1] == 1:
        truth = inputs.binary_truth(y_true, _positive(y_true) if pos_label is None else pos_label)
        p = array.reshape(-1).astype(np.float64)
        check.same_length(y_true=truth, y_proba=p)
        return float(((p - truth) ** 2).mean())
    proba, classes = inputs.class_scores(y_true, array, labels)
    happened = y_true[:, None] == classes[None, :]  # (N, C)
    score = float(((proba - happened) ** 2).sum(axis=1).mean())
    return score / 2 if proba.shape[1] == 2 else score


def calibration_curve(y_true, y_prob, *, pos_label=None, n_bins: int = 5, strategy: str = "uniform"):
    """Observed share and mean predicted probability in each bin that is not empty.

    Shapes: y_true (N,), y_prob (N,) -> prob_true (B,), prob_pred (B,), B <= n_bins.
    Arguments and errors as `reliability`. Lesson: 15.
    """
    bins = reliability(y_true, y_prob, pos_label=pos_label, n_bins=n_bins, strategy=strategy)
    used = bins.count > 0
    return bins.observed[used], bins.predicted[used]


def reliability(
    y_true, y_prob, *, pos_label=None, n_bins: int = 10, strategy: str = "uniform"
) -> Reliability:
    """The bins of a reliability diagram for the probability of `pos_label`.

    `strategy`: "uniform" bins of equal width, "quantile" bins of about equal count. A
    value on an edge belongs to the bin below it.

    Shapes: y_true (N,) with at most two classes, y_prob (N,) in [0, 1].
    Raises: ValueError for values outside [0, 1], more than two classes, n_bins < 1.
    Source: DeGroot & Fienberg (1983). Lesson: 15.
    """
    truth = inputs.vector("y_true", y_true)
    truth = inputs.binary_truth(truth, _positive(truth) if pos_label is None else pos_label)
    prob = inputs.probabilities("y_prob", y_prob)
    check.same_length(y_true=truth, y_prob=prob)
    check.integer("n_bins", n_bins, 1)
    check.one_of("strategy", strategy, ("uniform", "quantile"))
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.percentile(prob, edges * 100)
    bin_of = np.searchsorted(edges[1:-1], prob)
    count = np.bincount(bin_of, minlength=n_bins)

    def mean(values):
        total = np.bincount(bin_of, weights=values, minlength=n_bins)
        return np.divide(total, count, out=np.full(n_bins, np.nan), where=count > 0)

    return Reliability(edges, count, mean(prob), mean(truth))


def expected_calibration_error(y_true, y_prob, *, n_bins: int = 15, labels=None) -> float:
    """Mean gap between confidence and accuracy over bins of equal width (ECE).

    One column: gap between the probability of the larger label and its frequency. (N, C):
    gap between the highest probability and how often that class is right.

    Shapes: y_true (N,); y_prob (N,) or (N, C), in [0, 1] -> float in [0, 1].
    Raises: ValueError for values outside [0, 1], n_bins < 1.
    Source: Guo et al. (2017), eq. 3; Naeini et al. (2015). Lesson: 15.
    """
    array = inputs.to_numpy(y_prob)
    if array.ndim == 1:
        return reliability(y_true, array, n_bins=n_bins).expected_error
    y_true = inputs.vector("y_true", y_true)
    inputs.probabilities("y_prob", array.reshape(-1))
    proba, classes = inputs.class_scores(y_true, array, labels)
    right = classes[proba.argmax(axis=1)] == y_true
    return reliability(right, proba.max(axis=1), pos_label=True, n_bins=n_bins).expected_error


def _positive(y_true: np.ndarray):
    """The label whose probability is meant: 1 for labels within {0, 1} or {-1, 1}, else the larger."""
    classes = np.unique(y_true)
    if classes.dtype.kind in "biuf" and set(classes.tolist()) <= {-1, 0, 1}:
        return 1
    return classes[-1]
