"""Metrics of predicted labels: who was right, and which mistakes were made.

confusion_matrix  accuracy_score  balanced_accuracy_score
precision_score  recall_score  f1_score  specificity_score
precision_recall_fscore_support
positive_predictive_value  negative_predictive_value
"""

from typing import NamedTuple

import numpy as np

from kit import check
from kit.metrics import inputs

AVERAGES = ("binary", "macro", "micro", "weighted", None)


def confusion_matrix(y_true, y_pred, *, labels=None, normalize: str | None = None) -> np.ndarray:
    """Count of each (true, predicted) pair of labels.

    Rows are true labels and columns predicted ones, both in the order of `labels`
    (default: all labels that occur, sorted), so for labels 0 and 1 the result is
    [[TN, FP], [FN, TP]]. `normalize` divides by the row ("true"), the column
    ("pred") or everything ("all"); an empty row or column stays 0.

    Shapes: y_true (N,), y_pred (N,) -> (C, C), counts as int64 or shares in [0, 1].
    Raises: ValueError for unequal lengths, empty input, labels that never occur in y_true.
    Source: Kohavi & Provost (1998), glossary. Lesson: 02.
    """
    y_true, y_pred = inputs.label_pair(y_true, y_pred)
    check.one_of("normalize", normalize, (None, "true", "pred", "all"))
    labels = (
        np.unique(np.concatenate([y_true, y_pred])) if labels is None else inputs.vector("labels", labels)
    )
    if not np.isin(y_true, labels).any():
        raise ValueError(f"labels={labels.tolist()} hold none of y_true; list at least one label that occurs")
    order = np.argsort(labels, kind="stable")
    keep = np.isin(y_true, labels) & np.isin(y_pred, labels)
    row = order[np.searchsorted(labels, y_true[keep], sorter=order)]
    column = order[np.searchsorted(labels, y_pred[keep], sorter=order)]
    size = len(labels)
    counts = np.bincount(row * size + column, minlength=size * size).reshape(size, size)
    if normalize is None:
        return counts
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = counts.sum(axis=axis, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)


def accuracy_score(y_true, y_pred, *, normalize: bool = True) -> float:
    """Share of samples whose predicted label is the true one.

    `normalize=False` gives their number instead.

    Shapes: y_true (N,), y_pred (N,) -> float in [0, 1]. Raises: ValueError for
    unequal lengths or empty input. Lesson: 02.
    """
    y_true, y_pred = inputs.label_pair(y_true, y_pred)
    right = y_true == y_pred
    return float(right.mean() if normalize else right.sum())


def balanced_accuracy_score(y_true, y_pred, *, adjusted: bool = False) -> float:
    """Mean recall over the classes that occur in y_true: 1/C for a constant guess.

    `adjusted` rescales so that a constant guess scores 0 and perfection 1.
    Shapes: y_true (N,), y_pred (N,) -> float. Raises: as `confusion_matrix`, and ValueError
    where adjusting needs two classes. Source: Brodersen et al. (2010). Lesson: 02.
    """
    counts = confusion_matrix(y_true, y_pred)
    present = counts.sum(axis=1) > 0
    score = float((np.diag(counts)[present] / counts.sum(axis=1)[present]).mean())
    if not adjusted:
        return score
    classes = int(present.sum())
    if classes < 2:
        raise ValueError("adjusted=True, y_true holds one class; give two classes or adjusted=False")
    return (score - 1 / classes) / (1 - 1 / classes)


def precision_recall_fscore_support(
    y_true, y_pred, *, beta: float | int = 1.0, labels=None, pos_label=1, average=None, zero_division=None
):
    """Precision, recall, F-beta and support, by class or averaged.

    precision = TP/(TP+FP), recall = TP/(TP+FN),
    F = (1+beta^2) TP / ((1+beta^2) TP + beta^2 FN + FP). `average`: None gives arrays by
    class in the order of `labels`; "binary" the class `pos_label`; "macro" the plain
    mean; "weighted" the mean by support; "micro" sums TP, FP and FN over classes first.
    `zero_division` (0, 1 or nan) is what 0/0 counts as; None makes 0/0 an error, and
    a nan is left out of a mean.

    Shapes: y_true (N,), y_pred (N,) -> four floats, or four arrays (C,); support is
    None for an average. Raises: ValueError for 0/0 without `zero_division`, more than two
    classes with "binary", unknown `pos_label`.
    Source: van Rijsbergen (1979), ch. 7. Lesson: 02.
    """
    check.number("beta", beta, 0)
    counts = _count(y_true, y_pred, labels, pos_label, average)
    parts = (
        _precision(counts, average, zero_division),
        _recall(counts, average, zero_division),
        _f(counts, average, zero_division, beta),
    )
    return (*parts, counts.support if average is None else None)


def precision_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", zero_division=None):
    """Share of the predicted positives that are positive: TP/(TP+FP).

    Arguments, shapes and errors as `precision_recall_fscore_support`. Lesson: 02.
    """
    return _precision(_count(y_true, y_pred, labels, pos_label, average), average, zero_division)


def recall_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", zero_division=None):
    """Share of the true positives that are found, the sensitivity: TP/(TP+FN).

    Arguments, shapes and errors as `precision_recall_fscore_support`. Lesson: 02.
    """
    return _recall(_count(y_true, y_pred, labels, pos_label, average), average, zero_division)


def f1_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", zero_division=None):
    """Harmonic mean of precision and recall: 2TP/(2TP+FP+FN).

    Arguments, shapes and errors as `precision_recall_fscore_support`. Lesson: 02.
    """
    return _f(_count(y_true, y_pred, labels, pos_label, average), average, zero_division)


def specificity_score(y_true, y_pred, *, pos_label=1, zero_division=None) -> float:
    """Share of the negatives that are predicted negative: TN/(TN+FP).

    Shapes: y_true (N,), y_pred (N,) -> float. Raises: ValueError for more than two
    classes, and where there is no negative and `zero_division` is None.
    Source: Yerushalmy (1947). Lesson: 02.
    """
    y_true, y_pred = inputs.label_pair(y_true, y_pred)
    _binary_label(np.unique(np.concatenate([y_true, y_pred])), pos_label)
    negative = y_true != pos_label
    right = np.array([(negative & (y_pred != pos_label)).sum()])
    value = _ratio(
        "specificity", "the only class of y_true", right, negative.sum()[None], [pos_label], zero_division
    )
    return float(value[0])


def positive_predictive_value(
    sensitivity: float | int, specificity: float | int, prevalence: float | int
) -> float:
    """Probability of the condition after a positive test, at a given prevalence.

    Bayes: sens*prev / (sens*prev + (1-spec)*(1-prev)); all in [0, 1].
    Raises: ValueError outside [0, 1] or when no test can be positive.
    Source: Altman & Bland (1994), BMJ 309:102. Lesson: 02.
    """
    for name, value in (
        ("sensitivity", sensitivity), ("specificity", specificity), ("prevalence", prevalence)
    ):  # fmt: skip
        check.probability(name, value)
    hit, alarm = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    if hit + alarm == 0:
        raise ValueError(
            f"sensitivity={sensitivity}, specificity={specificity}, prevalence={prevalence} "
            "give no positive test; its predictive value is undefined, change one of them"
        )
    return hit / (hit + alarm)


def negative_predictive_value(
    sensitivity: float | int, specificity: float | int, prevalence: float | int
) -> float:
    """Probability of no condition after a negative test, at a given prevalence.

    Bayes: spec*(1-prev) / (spec*(1-prev) + (1-sens)*prev); all in [0, 1]. It is the
    positive predictive value of the opposite test for the opposite condition.
    Raises: ValueError outside [0, 1] or when no test can be negative.
    Source: Altman & Bland (1994), BMJ 309:102. Lesson: 02.
    """
    for name, value in (
        ("sensitivity", sensitivity), ("specificity", specificity), ("prevalence", prevalence)
    ):  # fmt: skip
        check.probability(name, value)
    right, miss = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    if right + miss == 0:
        raise ValueError(
            f"sensitivity={sensitivity}, specificity={specificity}, prevalence={prevalence} "
            "give no negative test; its predictive value is undefined, change one of them"
        )
    return right / (right + miss)


class _Counts(NamedTuple):
    """Per class: its label, true positives, how often predicted, how often true."""

    labels: np.ndarray
    tp: np.ndarray
    predicted: np.ndarray
    support: np.ndarray


def _count(y_true, y_pred, labels, pos_label, average) -> _Counts:
    y_true, y_pred = inputs.label_pair(y_true, y_pred)
    check.one_of("average", average, AVERAGES)
    present = np.unique(np.concatenate([y_true, y_pred]))
    if average == "binary":
        labels = _binary_label(present, pos_label)
    labels = present if labels is None else inputs.vector("labels", labels)
    every = np.union1d(present, labels)
    full = confusion_matrix(y_true, y_pred, labels=every)
    place = np.searchsorted(every, labels)
    counts = _Counts(labels, np.diag(full)[place], full.sum(axis=0)[place], full.sum(axis=1)[place])
    if average == "micro":
        return _Counts(np.array(["all together"]), *(v.sum(keepdims=True) for v in counts[1:]))
    return counts


def _precision(counts: _Counts, average, zero_division):
    values = _ratio("precision", "never predicted", counts.tp, counts.predicted, counts.labels, zero_division)
    return _average(values, counts, average)


def _recall(counts: _Counts, average, zero_division):
    values = _ratio("recall", "absent from y_true", counts.tp, counts.support, counts.labels, zero_division)
    return _average(values, counts, average)


def _f(counts: _Counts, average, zero_division, beta: float | int = 1):
    below = beta**2 * counts.support + counts.predicted
    values = _ratio(
        "F", "neither true nor predicted", (1 + beta**2) * counts.tp, below, counts.labels, zero_division
    )
    return _average(values, counts, average)


def _binary_label(present: np.ndarray, pos_label) -> np.ndarray:
    if len(present) > 2:
        raise ValueError(
            f"average='binary' with {len(present)} classes, two are allowed; "
            "choose average='macro', 'micro', 'weighted' or None"
        )
    if len(present) == 2:
        inputs.known("pos_label", pos_label, present)
    return np.array([pos_label])


def _ratio(name: str, why: str, above, below, labels, zero_division) -> np.ndarray:
    """above/below by class, with 0/0 counted as `zero_division` or reported."""
    empty = np.asarray(below) == 0
    if zero_division is None and empty.any():
        label = np.asarray(labels)[empty][0]
        raise ValueError(
            f"{name} of class {label} is 0/0, the class is {why}; "
            "say what it counts as: zero_division=0, 1 or nan"
        )
    if zero_division is not None and not (zero_division in (0, 1) or np.isnan(zero_division)):
        raise ValueError(f"zero_division={zero_division} is not known; choose from 0, 1, nan")
    filled = np.full(len(empty), np.nan if zero_division is None else zero_division, dtype=np.float64)
    return np.divide(above, below, out=filled, where=~empty)


def _average(values: np.ndarray, counts: _Counts, average):
    """None: the array itself; else one float, nan left out (all nan: nan)."""
    if average is None:
        return values
    weights = counts.support if average == "weighted" else np.ones(len(values))
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    total = weights[defined].sum()
    weights = weights[defined] / total if total else np.full(defined.sum(), 1 / defined.sum())
    return float((values[defined] * weights).sum())
