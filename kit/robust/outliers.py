"""Is this input like those the model has learnt from? Four scores, and how to judge one.

Every score is larger for the stranger input.

    softmax_score  energy_score  mahalanobis_score  neighbor_score  detection_quality
"""

import numpy as np
import torch
from torch.nn import functional as F

from kit import check
from kit.metrics import roc_auc_score
from kit.metrics.inputs import vector
from kit.shapes import Float, Tensor


def softmax_score(logits: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
    """1 - largest probability, (N,). Source: Hendrycks & Gimpel (2017). Lesson: 17."""
    p = logits.softmax(1)
    return p.scatter(1, p.argmax(1, keepdim=True), 0).sum(1)  # 1 - p would round what is small to 0


def energy_score(logits: Float[Tensor, "N C"], *, temperature: float = 1.0) -> Float[Tensor, " N"]:
    """-T logsumexp(logits / T), (N,). Source: Liu et al. (2020), eq. 4. Lesson: 17."""
    check.number("temperature", temperature, above=0)
    return -temperature * (logits / temperature).logsumexp(1)


def mahalanobis_score(features: Tensor, known: Tensor, y: Tensor) -> Float[Tensor, " N"]:
    """Squared distance to the nearest class mean, in units of the spread within classes.

    min_c (f - μ_c)ᵀ Σ⁻¹ (f - μ_c) of features f (N, D), with class means and one covariance Σ of the features
    `known` (M, D) of a layer on training inputs of classes y (M,).

    Raises: ValueError for unequal widths or lengths. Source: Lee et al. (2018), eq. 2. Lesson: 17.
    """
    check.tensor("features", features, ndim=2, last=known.shape[1], kind="float")
    check.same_length(known=known, y=y)
    classes, index = y.unique(return_inverse=True)
    means = torch.stack([known[index == i].mean(0) for i in range(len(classes))])  # (C, D)
    centred = known - means[index]
    precision = torch.linalg.pinv(centred.T @ centred / len(known), hermitian=True)
    away = features[:, None] - means  # (N, C, D)
    return (away @ precision * away).sum(2).amin(1)


def neighbor_score(features: Tensor, known: Tensor, *, k: int = 10) -> Float[Tensor, " N"]:
    """Distance to the k-th nearest of the known features, all scaled to length 1.

    Shapes: features (N, D), known (M, D) of a layer on training inputs -> (N,).
    Raises: ValueError for k > M, or unequal widths. Source: Sun et al. (2022), eq. 3. Lesson: 17.
    """
    check.tensor("features", features, ndim=2, last=known.shape[1], kind="float")
    check.integer("k", k, 1, len(known))
    return torch.cdist(F.normalize(features), F.normalize(known)).kthvalue(k, dim=1).values


def detection_quality(inside, outside) -> dict[str, float]:
    """How well a score tells known inputs (scores (N,)) from strange ones (scores (M,)).

    "auc": chance that a strange one scores higher. "fpr95": share of strange ones let in
    at the threshold that lets in 95 % of the known ones; smaller is better.
    Raises: ValueError for none of either, or NaN. Source: Hendrycks & Gimpel (2017). Lesson: 17.
    """
    known, strange = vector("inside", inside), vector("outside", outside)
    threshold = np.sort(known)[(19 * len(known) + 19) // 20 - 1]  # at least 95 % of the known lie at or below
    is_strange = np.arange(len(known) + len(strange)) >= len(known)
    auc = roc_auc_score(is_strange, np.concatenate([known, strange]))
    return {"auc": auc, "fpr95": float((strange <= threshold).mean())}
