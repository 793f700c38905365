"""Metrics of scores and probabilities: how well a model ranks and how sure it is.

roc_curve  roc_auc_score  precision_recall_curve  average_precision_score
log_loss  top_k_accuracy_score  top_k_error
"""

import numpy as np

from kit import check
from kit.metrics import inputs


def roc_curve(y_true, y_score, *, pos_label=1, drop_intermediate: bool = True):
    """False and true positive rate at every threshold, from strict to lenient.

    A sample counts as positive when its score >= threshold; the first threshold is
    infinite, so that the curve starts at (0, 0). `drop_intermediate` leaves out
    points on a straight piece.

    Shapes: y_true (N,), y_score (N,) -> fpr (P,), tpr (P,), thresholds (P,).
    Raises: ValueError unless both classes occur, or for NaN. Source: Fawcett (2006). Lesson: 02.
    """
    truth, score = inputs.scored_pair(y_true, y_score, pos_label)
    fps, tps, thresholds = _cumulative(truth, score)
    if drop_intermediate and len(fps) > 2:
        corner = np.concatenate([[True], (np.diff(fps, 2) != 0) | (np.diff(tps, 2) != 0), [True]])
        fps, tps, thresholds = fps[corner], tps[corner], thresholds[corner]
    start = np.zeros(1)
    fpr = np.concatenate([start, fps / fps[-1]])
    tpr = np.concatenate([start, tps / tps[-1]])
    return fpr, tpr, np.concatenate([[np.inf], thresholds])


def roc_auc_score(y_true, y_score, *, multi_class: str = "raise", labels=None) -> float:
    """Probability that a random positive scores above a random negative, ties half.

    This is the area under the ROC curve, computed from ranks (Mann-Whitney U).
    Two classes: the larger label is the positive one. More: `multi_class="ovr"`
    takes the plain mean over "one class against the rest"; scores are then (N, C)
    with columns in the order of `labels` (default: the sorted labels of y_true).

    Shapes: y_true (N,), y_score (N,) or (N, C) -> float in [0, 1].
    Raises: ValueError for one class only, for more than two without "ovr".
    Source: Hanley & McNeil (1982). Lesson: 02.
    """
    check.one_of("multi_class", multi_class, ("raise", "ovr"))
    y_true = inputs.vector("y_true", y_true)
    if multi_class == "raise":
        classes = np.unique(y_true)
        if len(classes) > 2:
            raise ValueError(
                f"y_true holds {len(classes)} classes; "
                "use multi_class='ovr' with one column of scores per class"
            )
        return _auc(*inputs.scored_pair(y_true, y_score, classes[-1]))
    score, classes = inputs.class_scores(y_true, y_score, labels)
    if score.shape[1] < 3:
        raise ValueError("multi_class='ovr' is for three classes or more; give the scores of one class, (N,)")
    return float(
        np.mean([_auc(*inputs.scored_pair(y_true == c, score[:, i], True)) for i, c in enumerate(classes)])
    )


def precision_recall_curve(y_true, y_score, *, pos_label=1):
    """Precision and recall at every threshold, thresholds rising.

    A last point (recall 0, precision 1) without a threshold closes the curve.
    Shapes: y_true (N,), y_score (N,) -> precision (P+1,), recall (P+1,), thresholds (P,).
    Raises: ValueError unless both classes occur, or for NaN. Source: Davis & Goadrich (2006). Lesson: 02.
    """
    truth, score = inputs.scored_pair(y_true, y_score, pos_label)
    fps, tps, thresholds = _cumulative(truth, score)
    precision, recall = tps / (tps + fps), tps / tps[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1]


def average_precision_score(y_true, y_score, *, pos_label=1) -> float:
    """Area under the precision-recall steps: sum of (R_n - R_{n-1}) P_n.

    Shapes: y_true (N,), y_score (N,) -> float in [0, 1]; a random ranking scores
    about the share of positives. Raises: ValueError unless both classes occur. Lesson: 02.
    """
    precision, recall, _ = precision_recall_curve(y_true, y_score, pos_label=pos_label)
    return float(max(0.0, -(np.diff(recall) * precision[:-1]).sum()))


def log_loss(y_true, y_proba, *, labels=None) -> float:
    """Mean of -ln p(true class), in nats: the cross-entropy of probabilities.

    Probabilities are kept eps = 2.2e-16 away from 0 and 1, so that one sure
    mistake costs 36 nats, not infinity. For logits use `kit.losses.cross_entropy`.

    Shapes: y_true (N,); y_proba (N,) for the larger of two labels, or (N, C) with
    columns in the order of `labels` (default: the sorted labels of y_true), rows of sum 1.
    Raises: ValueError for values outside [0, 1], rows that do not sum to 1, unknown labels.
    Source: Good (1952). Lesson: 02.
    """
    y_true = inputs.vector("y_true", y_true)
    array = inputs.to_numpy(y_proba)
    rounding = np.finfo(array.dtype).eps if array.dtype.kind == "f" else np.finfo(np.float64).eps
    inputs.probabilities("y_proba", array.reshape(-1))
    if array.ndim == 1 or array.shape[1] == 1:
        array = array.reshape(-1)
        array = np.stack([1 - array, array], axis=1)
    proba, classes = inputs.class_scores(y_true, array, labels)
    sums = proba.sum(axis=1)
    if not np.allclose(sums, 1, atol=np.sqrt(rounding)):
        worst = float(sums[np.abs(sums - 1).argmax()])
        raise ValueError(f"y_proba has a row of sum {worst:.4g}, each must sum to 1; give softmax(logits)")
    p = proba[np.arange(len(y_true)), np.searchsorted(classes, y_true)]
    return float(-np.log(np.clip(p, rounding, 1 - rounding)).mean())


def top_k_accuracy_score(y_true, y_score, *, k: int = 2, labels=None) -> float:
    """Share of samples whose true class is among the k highest scores.

    Of equal scores the later class ranks first, as in scikit-learn.
    Shapes: y_true (N,), y_score (N, C), C >= 2, columns in the order of `labels` (default: the
    sorted labels of y_true) -> float in [0, 1]. Raises: ValueError for k outside 1..C,
    unequal lengths, labels without a column. Source: Russakovsky et al. (2015). Lesson: 01.
    """
    y_true = inputs.vector("y_true", y_true)
    score, classes = inputs.class_scores(y_true, y_score, labels)
    check.integer("k", k, 1, score.shape[1])
    best = np.argsort(score, axis=1, kind="stable")[:, ::-1][:, :k]  # (N, k)
    return float((best == np.searchsorted(classes, y_true)[:, None]).any(axis=1).mean())


def top_k_error(y_true, y_score, *, k: int = 5, labels=None) -> float:
    """Share of samples whose true class is not among the k highest scores.

    ImageNet's "top-5 error": 1 - `top_k_accuracy_score`; shapes and errors as there. Lesson: 01.
    """
    return 1 - top_k_accuracy_score(y_true, y_score, k=k, labels=labels)


def _cumulative(truth: np.ndarray, score: np.ndarray):
    """False and true positives when everything at or above each distinct score is positive."""
    order = np.argsort(-score, kind="stable")
    truth, score = truth[order], score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # last sample of each tie
    tps = np.cumsum(truth, dtype=np.float64)[last]
    return 1 + last - tps, tps, score[last]


def _auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Mann-Whitney U / (positives * negatives), with the mean rank for ties."""
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    positives, negatives = int(truth.sum()), int((~truth).sum())
    return float((rank[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))
