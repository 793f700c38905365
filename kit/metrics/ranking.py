"""Metrics of retrieval and recommendation: is what is wanted at the top of the list?

recall_at_k  precision_at_k  ndcg_at_k  mean_reciprocal_rank  root_mean_squared_error

One row per query (an image, a user), one column per candidate. `relevance` says how
much a candidate is wanted, 0 for not at all; `scores` order the candidates. Candidates
that must not be proposed (the query itself, films already rated) get the score −inf.
Of equal scores each order counts the same: results are the mean over all of them.
"""

import numpy as np

from kit import check
from kit.metrics import inputs


def recall_at_k(relevance, scores, *, k: int) -> float:
    """Mean share of a query's relevant candidates that are among its k best scores.

    Shapes: relevance (Q, N), 0 or more; scores (Q, N) -> float in [0, 1]. Raises: ValueError
    for k outside 1..N, unequal shapes, NaN, a query without anything relevant.
    Source: Manning, Raghavan & Schütze (2008), ch. 8. Lesson: 06.
    """
    gain, total = _ranked(relevance, scores, k, binary=True)
    return float((gain[:, :k].sum(axis=1) / total).mean())


def precision_at_k(relevance, scores, *, k: int) -> float:
    """Mean share of the k best scores that belong to relevant candidates.

    Shapes and errors as `recall_at_k`. Source: Manning, Raghavan & Schütze (2008), ch. 8. Lesson: 06.
    """
    gain, _ = _ranked(relevance, scores, k, binary=True)
    return float(gain[:, :k].mean())


def ndcg_at_k(relevance, scores, *, k: int) -> float:
    """Mean of DCG / best possible DCG with DCG = Σ relevance / log2(1 + rank), up to rank k.

    scikit-learn's `ndcg_score`, save that a query without anything relevant is an error.
    Shapes and errors as `recall_at_k`.
    Source: Järvelin & Kekäläinen (2002). Lesson: 07.
    """
    gain, _ = _ranked(relevance, scores, k)
    best, _ = _ranked(relevance, relevance, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    return float((gain[:, :k] @ discount / (best[:, :k] @ discount)).mean())


def mean_reciprocal_rank(relevance, scores) -> float:
    """Mean of 1 / rank of the first relevant candidate: 1 if it always leads.

    Of equal scores the irrelevant ones rank first here, so that a constant score earns nothing.
    Shapes and errors as `recall_at_k`. Source: Voorhees (1999). Lesson: 07.
    """
    relevance, scores = _checked(relevance, scores, 1)
    best = np.where(relevance > 0, scores, -np.inf).max(axis=1, keepdims=True)
    ahead = ((relevance == 0) & (scores >= best)).sum(axis=1)
    return float((1 / (1 + ahead)).mean())


def root_mean_squared_error(y_true, y_pred) -> float:
    """√ mean (y_true − y_pred)², in units of y: what a rating is off by, large errors most.

    Shapes: y_true (N,), y_pred (N,) -> float >= 0. Raises: ValueError for unequal lengths, NaN. Lesson: 07.
    """
    y_true, y_pred = (inputs.vector(n, v) for n, v in (("y_true", y_true), ("y_pred", y_pred)))
    check.same_length(y_true=y_true, y_pred=y_pred)
    return float(np.sqrt(np.mean((y_true.astype(np.float64) - y_pred) ** 2)))


def _ranked(relevance, scores, k: int, *, binary: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Relevance by falling score, the mean of its group where scores tie; and its sums (Q,)."""
    relevance, scores = _checked(relevance, scores, k)
    relevance = (relevance > 0).astype(np.float64) if binary else relevance
    gain = np.empty_like(relevance)
    for row, (wanted, score) in enumerate(zip(relevance, scores, strict=True)):
        order = np.argsort(-score, kind="stable")
        _, group, size = np.unique(-score[order], return_inverse=True, return_counts=True)
        gain[row] = (np.bincount(group, weights=wanted[order]) / size)[group]
    return gain, relevance.sum(axis=1)


def _checked(relevance, scores, k: int) -> tuple[np.ndarray, np.ndarray]:
    relevance, scores = inputs.matrix("relevance", relevance), inputs.to_numpy(scores).astype(np.float64)
    check.same_shape("relevance", relevance, "scores", scores)
    check.finite("scores", np.where(scores == -np.inf, 0, scores))
    check.integer("k", k, 1, scores.shape[1])
    if (relevance < 0).any():
        raise ValueError(
            f"relevance holds {relevance.min():g}, it must be >= 0; use 0 for what is not wanted"
        )
    empty = int((relevance.sum(axis=1) == 0).sum())
    if empty:
        raise ValueError(
            f"relevance has {empty} queries of {len(relevance)} without anything relevant; leave them out"
        )
    return relevance, scores
