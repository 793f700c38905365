"""Ranking and probability metrics against scikit-learn on random, tied and extreme scores."""

import numpy as np
import pytest
import sklearn.metrics as oracle
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kit import metrics

score = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0, -1e300, 1e300, 5e-324]),
    st.floats(-1e6, 1e6, allow_nan=False),
)
ranked = st.lists(st.tuples(st.booleans(), score), min_size=2, max_size=50)


def both_classes(pairs):
    truth = np.array([int(t) for t, _ in pairs])
    assume(0 < truth.sum() < len(truth))
    return truth, np.array([s for _, s in pairs])


@given(ranked, st.booleans())
@settings(max_examples=150, deadline=None)
def test_roc_equals_scikit_learn(pairs, drop):
    truth, scores = both_classes(pairs)
    ours = metrics.roc_curve(truth, scores, drop_intermediate=drop)
    for a, b in zip(ours, oracle.roc_curve(truth, scores, drop_intermediate=drop)):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert metrics.roc_auc_score(truth, scores) == pytest.approx(
        oracle.roc_auc_score(truth, scores), abs=1e-12
    )


@given(ranked)
@settings(max_examples=100, deadline=None)
def test_precision_recall_equals_scikit_learn(pairs):
    truth, scores = both_classes(pairs)
    for a, b in zip(
        metrics.precision_recall_curve(truth, scores), oracle.precision_recall_curve(truth, scores)
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert metrics.average_precision_score(truth, scores) == pytest.approx(
        oracle.average_precision_score(truth, scores), abs=1e-12
    )


def test_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 2, 40), rng.integers(0, 6, 40)
    gaps = scores[truth == 1][:, None] - scores[truth == 0][None, :]
    assert metrics.roc_auc_score(truth, scores) == pytest.approx(((gaps > 0) + (gaps == 0) / 2).mean())


def test_multi_class_auc_equals_scikit_learn():
    rng = np.random.default_rng(1)
    truth, proba = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60)
    ours = metrics.roc_auc_score(truth, torch.tensor(proba), multi_class="ovr")
    assert ours == pytest.approx(oracle.roc_auc_score(truth, proba, multi_class="ovr"), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.sampled_from([0.02, 1.0]))
@settings(max_examples=60, deadline=None)
def test_log_loss_equals_scikit_learn(seed, classes, concentration):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, 30)
    proba = rng.dirichlet(np.full(classes, concentration), 30)
    names = list(range(classes))
    assert metrics.log_loss(truth, proba, labels=names) == pytest.approx(
        oracle.log_loss(truth, proba, labels=names), rel=1e-12
    )


def test_a_sure_mistake_costs_36_nats():
    assert metrics.log_loss([0, 1], [1.0, 0.0]) == pytest.approx(oracle.log_loss([0, 1], [1.0, 0.0]))
    assert metrics.log_loss([0, 1], [1.0, 0.0]) == pytest.approx(36.04, abs=0.01)
    single = torch.softmax(torch.tensor([[90.0, -90.0], [1.0, 2.0]]), dim=1)
    assert metrics.log_loss([0, 1], single) == pytest.approx(
        oracle.log_loss([0, 1], single.numpy()), rel=1e-5
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_top_k_equals_scikit_learn(seed, k):
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, 6, 30), rng.integers(0, 4, (30, 6)).astype(float)  # many ties
    ours = metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(6))
    assert ours == oracle.top_k_accuracy_score(truth, scores, k=k, labels=range(6))
    assert metrics.top_k_error(truth, scores, k=k, labels=range(6)) == 1 - ours


def test_the_true_class_is_always_among_all_classes():
    assert metrics.top_k_error([0, 1, 2], np.eye(3)[::-1], k=3) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.roc_auc_score([1, 1], [0.1, 0.2]),
            "y_true holds one class only, a ranking needs both; add samples of the other class",
        ),
        (
            lambda: metrics.roc_auc_score([0, 1, 2], [0.1, 0.2, 0.3]),
            "y_true holds 3 classes; use multi_class='ovr' with one column of scores per class",
        ),
        (
            lambda: metrics.roc_auc_score([0, 1], np.eye(2), multi_class="ovr"),
            "multi_class='ovr' is for three classes or more; give the scores of one class, (N,)",
        ),
        (
            lambda: metrics.roc_curve([0, 1, 2], [0.1, 0.2, 0.3]),
            "y_true holds 3 classes, two are needed; compare one class with the rest: y_true == c",
        ),
        (
            lambda: metrics.roc_curve([0, 1], [0.1, float("nan")]),
            "y_score holds 1 NaN or infinite values of 2; remove or replace them",
        ),
        (
            lambda: metrics.log_loss([0, 1], [3.0, -2.0]),
            "y_proba holds 2 values outside [0, 1] of 2; give probabilities, not logits",
        ),
        (
            lambda: metrics.log_loss([0, 1], [[0.5, 0.9], [0.5, 0.5]]),
            "y_proba has a row of sum 1.4, each must sum to 1; give softmax(logits)",
        ),
        (
            lambda: metrics.log_loss([0, 1], [[0.2, 0.3, 0.5]] * 2),
            "y_score has 3 columns and there are 2 classes; name the class of each column with labels=[...]",
        ),
        (
            lambda: metrics.log_loss([0, 3], [[0.5, 0.5]] * 2, labels=[0, 1]),
            "y_true holds [3] without a column; add them to labels and y_score",
        ),
        (
            lambda: metrics.log_loss([0, 1], [[0.5, 0.5]] * 2, labels=[1, 0]),
            "labels=[1, 0] must rise without repeats; sort labels and columns alike",
        ),
        (
            lambda: metrics.top_k_error([0, 1, 2], np.eye(3), k=4),
            "k=4 is out of range; give an int >= 1 and <= 3",
        ),
        (
            lambda: metrics.top_k_error([0, 1, 2], [1.0, 2.0, 3.0], k=1),
            "y_score has shape (3,), (samples, classes) is needed; reshape it",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
