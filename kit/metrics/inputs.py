"""The border of the metrics: lists, arrays and tensors become checked NumPy arrays.

For the other files of this room; what they raise is what the metrics raise. Lesson: 02.

vector  matrix  label_pair  binary_truth  scored_pair  probabilities  known  class_scores
"""

import numpy as np

from kit import check


def to_numpy(value) -> np.ndarray:
    """`value` as an array; a tensor is detached and moved to the CPU first."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return value.numpy()
    if isinstance(value, (list, tuple)) and value and all(hasattr(v, "detach") for v in value):
        return np.array([to_numpy(v) for v in value])
    return np.asarray(value)


def vector(name: str, value) -> np.ndarray:
    """A non-empty one-dimensional array without NaN or infinity, or a clear error."""
    array = to_numpy(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} has shape {array.shape}, one dimension is needed; give one entry per sample"
        )
    check.nonempty(name, array)
    if array.dtype.kind == "f":
        check.finite(name, array)
    return array


def matrix(name: str, value) -> np.ndarray:
    """A non-empty finite two-dimensional float array (samples, classes)."""
    array = to_numpy(value)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}, (samples, classes) is needed; reshape it")
    check.nonempty(name, array)
    array = array.astype(np.float64)
    check.finite(name, array)
    return array


def label_pair(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """Two label vectors of equal length, both of text or both of numbers."""
    y_true, y_pred = vector("y_true", y_true), vector("y_pred", y_pred)
    check.same_length(y_true=y_true, y_pred=y_pred)
    if (y_true.dtype.kind in "UO") != (y_pred.dtype.kind in "UO"):
        raise TypeError(
            f"y_true holds {y_true.dtype} and y_pred {y_pred.dtype}; "
            "give labels of one kind, both text or both numbers"
        )
    for name, array in (("y_true", y_true), ("y_pred", y_pred)):
        if array.dtype.kind == "f" and (array != np.round(array)).any():
            raise ValueError(
                f"{name} holds fractions, labels are needed; compare scores with a threshold first"
            )
    return y_true, y_pred


def known(name: str, value, labels) -> None:
    """Raise ValueError unless the label `value` is among `labels`."""
    check.one_of(name, value, labels.tolist())


def binary_truth(y_true, pos_label) -> np.ndarray:
    """Boolean vector `y_true == pos_label`; at most two classes are allowed."""
    y_true = vector("y_true", y_true)
    classes = np.unique(y_true)
    if len(classes) > 2:
        raise ValueError(
            f"y_true holds {len(classes)} classes, two are needed; "
            "compare one class with the rest: y_true == c"
        )
    if len(classes) == 2:
        known("pos_label", pos_label, classes)
    return y_true == pos_label


def scored_pair(y_true, y_score, pos_label) -> tuple[np.ndarray, np.ndarray]:
    """Boolean truth and float scores of equal length, both classes present."""
    truth = binary_truth(y_true, pos_label)
    score = vector("y_score", y_score).astype(np.float64)
    check.same_length(y_true=truth, y_score=score)
    if truth.all() or not truth.any():
        raise ValueError("y_true holds one class only, a ranking needs both; add samples of the other class")
    return truth, score


def probabilities(name: str, value) -> np.ndarray:
    """A finite array whose entries all lie in [0, 1]."""
    array = vector(name, value).astype(np.float64)
    outside = int(((array < 0) | (array > 1)).sum())
    if outside:
        raise ValueError(
            f"{name} holds {outside} values outside [0, 1] of {len(array)}; give probabilities, not logits"
        )
    return array


def class_scores(y_true: np.ndarray, y_score, labels) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, C) and the sorted classes of their columns."""
    score = matrix("y_score", y_score)
    check.same_length(y_true=y_true, y_score=score)
    classes = np.unique(y_true) if labels is None else vector("labels", labels)
    if labels is not None and (np.diff(np.unique(classes, return_inverse=True)[1]) != 1).any():
        raise ValueError(
            f"labels={classes.tolist()} must rise without repeats; sort labels and columns alike"
        )
    if len(classes) != score.shape[1]:
        raise ValueError(
            f"y_score has {score.shape[1]} columns and there are {len(classes)} classes; "
            "name the class of each column with labels=[...]"
        )
    unknown = np.setdiff1d(y_true, classes)
    if len(unknown):
        raise ValueError(
            f"y_true holds {unknown[:5].tolist()} without a column; add them to labels and y_score"
        )
    return score, classes
