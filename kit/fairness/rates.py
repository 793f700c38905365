"""Rates of a binary decision: sums of four counts over sums of four counts.

count  base_rate  selection_rate
true_positive_rate  false_negative_rate  false_positive_rate  true_negative_rate
positive_predictive_value  negative_predictive_value  accuracy_score  balanced_accuracy_score
mean_prediction  Rate  count_table  positives  both  right_or_wrong
"""

import math
from dataclasses import dataclass

import numpy as np

from kit import check
from kit.metrics import inputs

CELLS = ("TN", "FP", "FN", "TP")


@dataclass(frozen=True)
class Rate:
    """A metric that needs only the counts TN, FP, FN, TP.

    Call it as metric(y_true, y_pred). formula: sums of counts, "TP / (FN + TP)" say, n for all rows,
    or "mean of" two such fractions. `MetricFrame` computes all rates of all groups from one table
    of counts. Where a denominator is 0 the rate is nan (Fairlearn says 0). Lesson: 20.
    """

    name: str
    formula: str
    meaning: str

    def __call__(self, y_true, y_pred, *, sample_weight=None, pos_label=None) -> float:
        """The rate of all rows, or nan where it is undefined.

        Shapes: y_true, y_pred, sample_weight (N,). Labels are 0/1, -1/1 or booleans, or any two
        with `pos_label`; count and accuracy_score take any. Raises: ValueError for other labels,
        unequal lengths, no row.
        """
        any_labels = self.takes_any_labels and pos_label is None
        truth, decided = right_or_wrong(y_true, y_pred) if any_labels else both(y_true, y_pred, pos_label)
        table = count_table(truth, decided, np.zeros(len(truth), np.intp), 1, sample_weight)
        return float(self.of(table)[0])

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The rate, or nan, from counts of TN, FP, FN, TP: (..., 4) -> (...)."""
        if self.formula == "n":
            return np.where(counts.any(axis=-1), counts.sum(axis=-1), np.nan)
        sums = self.sums(counts)
        return sum(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 0) for a, b in sums) / len(
            sums
        )

    def sums(self, counts: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Numerator and denominator of every part: (..., 4) -> pairs of (...)."""
        pairs = [part.partition(" / ") for part in self.formula.removeprefix("mean of ").split(" and ")]
        return [(_pick(top, counts), _pick(bottom or "n", counts)) for top, _, bottom in pairs]

    @property
    def is_share(self) -> bool:
        """Whether it is one count out of another, so that Wilson's interval holds."""
        return "/" in self.formula and "and" not in self.formula

    @property
    def takes_any_labels(self) -> bool:
        """Whether it asks only which rows are right, so that more than two classes will do."""
        return self.formula in ("n", "(TN + TP) / n")


def _pick(text: str, counts: np.ndarray) -> np.ndarray:
    cells = np.array([text == "n" or cell in text for cell in CELLS], counts.dtype)
    return (counts.reshape(-1, 4) @ cells).reshape(counts.shape[:-1])  # one product, not one a replicate


count = Rate("count", "n", "number of rows")
base_rate = Rate("base_rate", "(FN + TP) / n", "share of rows that are positive")
selection_rate = Rate("selection_rate", "(FP + TP) / n", "share of rows predicted positive")
true_positive_rate = Rate("true_positive_rate", "TP / (FN + TP)", "share of positives that are found")
false_negative_rate = Rate("false_negative_rate", "FN / (FN + TP)", "share of positives that are missed")
false_positive_rate = Rate("false_positive_rate", "FP / (TN + FP)", "share of negatives predicted positive")
true_negative_rate = Rate("true_negative_rate", "TN / (TN + FP)", "share of negatives predicted negative")
positive_predictive_value = Rate("positive_predictive_value", "TP / (FP + TP)", "right positive predictions")
negative_predictive_value = Rate("negative_predictive_value", "TN / (TN + FN)", "right negative predictions")
accuracy_score = Rate("accuracy_score", "(TN + TP) / n", "share of rows predicted right")
_BALANCED = "mean of TP / (FN + TP) and TN / (TN + FP)"
balanced_accuracy_score = Rate("balanced_accuracy_score", _BALANCED, "mean of both classes' shares found")


def mean_prediction(y_true, y_pred, *, sample_weight=None) -> float:
    """Mean of the predictions, for scores and regressions; y_true is not looked at.

    It is nan where all weights are 0. Shapes: y_pred (N,), sample_weight (N,). Raises: ValueError for NaN,
    no row, or weights as in `count_table`. Lesson: 20.
    """
    values = inputs.vector("y_pred", y_pred)
    weight = np.ones(len(values)) if sample_weight is None else _weights(sample_weight, y_pred=values)
    return float(np.average(values, weights=weight)) if weight.any() else math.nan


def count_table(truth, decided, codes, groups: int, sample_weight=None) -> np.ndarray:
    """Counts of TN, FP, FN, TP in every group, by one `np.bincount`.

    Shapes: truth, decided (N,) of booleans, codes (N,) in [0, groups), sample_weight (N,) or None
    -> (groups, 4), whole numbers without weights, else sums of weights.
    Raises: ValueError for weights that are negative, not finite, or of another length. Lesson: 20.
    """
    if sample_weight is not None:
        sample_weight = _weights(sample_weight, y_true=truth)
    place = codes * 4
    place += truth.view(np.uint8) * np.uint8(2) + decided.view(np.uint8)
    return np.bincount(place, sample_weight, minlength=4 * groups).reshape(groups, 4)


def _weights(sample_weight, **labels) -> np.ndarray:
    sample_weight = inputs.vector("sample_weight", sample_weight)
    check.same_length(**labels, sample_weight=sample_weight)
    check.number("min(sample_weight)", float(sample_weight.min()), 0)
    return sample_weight


def positives(name: str, labels, pos_label=None) -> np.ndarray:
    """Which labels are the positive one: (N,) -> (N,) booleans.

    Without `pos_label` the labels are 0/1, -1/1 or booleans and 1 is positive.
    Raises: ValueError for other labels or more than two. Lesson: 20.
    """
    if pos_label is not None:
        return inputs.binary_truth(inputs.vector(name, labels), pos_label)
    labels = _labels(name, labels)
    if (found := _binary(name, labels)) is not None:
        return found
    classes = sorted(set(labels.tolist()), key=lambda label: (type(label).__name__, label))
    shown = ", ".join(map(repr, classes[:4])) + (", ..." if len(classes) > 4 else "")
    raise ValueError(f"{name} holds the labels {shown}, 0 and 1 are needed; give {name} == label")


def both(y_true, y_pred, pos_label=None) -> tuple[np.ndarray, np.ndarray]:
    """`positives` of truth and prediction, of equal length. Lesson: 20."""
    truth, decided = positives("y_true", y_true, pos_label), positives("y_pred", y_pred, pos_label)
    check.same_length(y_true=truth, y_pred=decided)
    return truth, decided


def right_or_wrong(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """For rates of any labels: every row a positive, found where predicted right.

    Shapes: (N,) each -> two (N,) of booleans. So TP counts the right rows and FN the wrong ones.
    Raises: ValueError for unequal lengths, fractions, missing labels, text beside numbers. Lesson: 20.
    """
    truth, decided = _labels("y_true", y_true), _labels("y_pred", y_pred)
    check.same_length(y_true=truth, y_pred=decided)
    sides = _binary("y_true", truth), _binary("y_pred", decided)
    if sides[0] is not None and sides[1] is not None:  # -1/1 beside 0/1
        truth, decided = sides
    elif (truth.dtype.kind in "US") != (decided.dtype.kind in "US"):
        text, other = ("y_true", "y_pred") if truth.dtype.kind in "US" else ("y_pred", "y_true")
        raise ValueError(f"{text} holds text and {other} none, they never agree; use one kind of labels")
    return np.ones(len(truth), bool), truth == decided


def _labels(name: str, labels) -> np.ndarray:
    """(N,) labels, none of them missing."""
    labels = inputs.vector(name, labels)
    if labels.dtype.kind != "O":
        return labels
    gone = sum(type(label).__name__ in ("NoneType", "NAType") for label in labels.tolist())
    if gone:
        raise ValueError(f"{name} holds {gone} missing values of {len(labels)}; remove or replace them")
    return inputs.vector(name, np.array(labels.tolist()))


def _binary(name: str, labels: np.ndarray) -> np.ndarray | None:
    """Which labels are 1 where all are 0/1, -1/1 or booleans, else None."""
    if labels.dtype.kind == "b":
        return np.ascontiguousarray(labels)
    if labels.dtype.kind in "iuf":
        low, high = labels.min(), labels.max()
        if labels.dtype.kind == "f" and (labels % 1).any():
            raise ValueError(f"{name} holds fractions, 0 and 1 are needed; compare scores with a threshold")
        if high <= 1 and (low >= 0 or (low == -1 and labels.all())):
            return labels == 1
    return None
