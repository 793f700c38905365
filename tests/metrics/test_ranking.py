"""Ranking metrics against scikit-learn and against every order of tied candidates."""

import itertools

import numpy as np
import pytest
import sklearn.metrics as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import metrics


def case(seed, levels, ties):
    rng = np.random.default_rng(seed)
    relevance = rng.integers(0, levels, (4, 6)).astype(float)
    relevance[:, 2] = levels - 1  # something is relevant in each row
    return relevance, rng.integers(0, 3, (4, 6)).astype(float) if ties else rng.normal(size=(4, 6))


anything = given(st.integers(0, 2**32 - 1), st.sampled_from([2, 5]), st.booleans(), st.integers(1, 6))


@anything
@settings(max_examples=60, deadline=None)
def test_ndcg_equals_scikit_learn(seed, levels, ties, k):
    relevance, scores = case(seed, levels, ties)
    assert metrics.ndcg_at_k(relevance, torch.tensor(scores), k=k) == pytest.approx(
        oracle.ndcg_score(relevance, scores, k=k), abs=1e-12
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_recall_of_one_right_answer_is_top_k_accuracy(seed, k):
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, 5, 30), rng.normal(size=(30, 5))
    right = np.eye(5)[truth]
    expected = oracle.top_k_accuracy_score(truth, scores, k=k, labels=range(5)) if k < 5 else 1
    assert metrics.recall_at_k(right, scores, k=k) == pytest.approx(expected)
    assert metrics.precision_at_k(right, scores, k=k) == pytest.approx(expected / k)
    rank = 1 + (scores > scores[np.arange(30), truth][:, None]).sum(axis=1)
    assert metrics.mean_reciprocal_rank(right, scores) == pytest.approx((1 / rank).mean())


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_a_tie_counts_as_the_mean_of_all_orders(seed, k):
    rng = np.random.default_rng(seed)
    wanted, score = rng.integers(0, 3, 5), rng.integers(0, 2, 5).astype(float)
    wanted[0] = 1
    orders = {p for p in itertools.permutations(range(5)) if all(np.diff(score[list(p)]) <= 0)}
    hits = np.mean([sum(wanted[i] > 0 for i in order[:k]) for order in orders])
    assert metrics.recall_at_k([wanted], [score], k=k) == pytest.approx(hits / (wanted > 0).sum())
    assert metrics.precision_at_k([wanted], [score], k=k) == pytest.approx(hits / k)


def test_known_values():
    relevance, scores = [[1, 0, 1, 0], [0, 0, 0, 1]], [[0.9, 0.8, 0.7, 0.1], [0.4, 0.3, 0.2, 0.1]]
    assert metrics.recall_at_k(relevance, scores, k=2) == pytest.approx((1 / 2 + 0) / 2)
    assert metrics.precision_at_k(relevance, scores, k=2) == pytest.approx((1 / 2 + 0) / 2)
    assert metrics.mean_reciprocal_rank(relevance, scores) == pytest.approx((1 + 1 / 4) / 2)
    assert metrics.mean_reciprocal_rank(relevance, np.zeros((2, 4))) == pytest.approx((1 / 3 + 1 / 4) / 2)
    scores[0][1] = -np.inf  # not to be proposed
    assert metrics.recall_at_k(relevance, scores, k=2) == pytest.approx((1 + 0) / 2)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_rmse_equals_scikit_learn(pairs):
    a, b = np.array(pairs).T
    assert metrics.root_mean_squared_error(a, b) == pytest.approx(oracle.root_mean_squared_error(a, b))
    assert metrics.root_mean_squared_error(torch.tensor(a), b.tolist()) >= 0


METRICS = [metrics.recall_at_k, metrics.precision_at_k, metrics.ndcg_at_k]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("relevance", "scores", "k", "text"),
    [
        ([[1, 0]], [[1.0, 2.0]], 3, "k=3 is out of range; give an int >= 1 and <= 2"),
        (
            [[1, 0]],
            [[1.0]],
            1,
            "relevance has shape (1, 2) and scores (1, 1); they must be the same, reshape one of them",
        ),
        (
            [[1, 0]],
            [[np.nan, np.inf]],
            1,
            "scores holds 2 NaN or infinite values of 2; remove or replace them",
        ),
        (
            [[1, -1]],
            [[1.0, 2.0]],
            1,
            "relevance holds -1, it must be >= 0; use 0 for what is not wanted",
        ),
        (
            [[1, 0], [0, 0]],
            [[1.0, 2.0], [1.0, 2.0]],
            1,
            "relevance has 1 queries of 2 without anything relevant; leave them out",
        ),
    ],
)
def test_bad_input_is_named(metric, relevance, scores, k, text):
    with pytest.raises(ValueError) as error:
        metric(relevance, scores, k=k)
    assert str(error.value) == text
    if "k=" not in text:
        with pytest.raises(ValueError) as error:
            metrics.mean_reciprocal_rank(relevance, scores)
        assert str(error.value) == text


def test_rmse_wants_as_many_predictions_as_ratings():
    with pytest.raises(ValueError) as error:
        metrics.root_mean_squared_error([1.0, 2.0], [1.0])
    assert str(error.value) == "len(y_true)=2, len(y_pred)=1 differ; give one entry of each per sample"
