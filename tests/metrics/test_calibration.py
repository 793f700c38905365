"""Calibration against scikit-learn and against tables worked out by hand."""

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import metrics

probability = st.one_of(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.floats(0, 1))
forecasts = st.lists(st.tuples(st.booleans(), probability), min_size=1, max_size=60)


@given(forecasts, st.integers(1, 12), st.sampled_from(["uniform", "quantile"]))
@settings(max_examples=100, deadline=None)
def test_calibration_curve_equals_scikit_learn(pairs, n_bins, strategy):
    truth, prob = np.array([int(t) for t, _ in pairs]), np.array([p for _, p in pairs])
    ours = metrics.calibration_curve(truth, prob, n_bins=n_bins, strategy=strategy)
    theirs = sklearn.calibration.calibration_curve(truth, prob, pos_label=1, n_bins=n_bins, strategy=strategy)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-300)


@given(forecasts)
@settings(max_examples=60, deadline=None)
def test_brier_score_equals_scikit_learn(pairs):
    truth, prob = [int(t) for t, _ in pairs], [p for _, p in pairs]
    assert metrics.brier_score_loss(truth, prob) == pytest.approx(
        oracle.brier_score_loss(truth, prob, pos_label=1), abs=1e-12
    )


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_brier_score_of_many_classes_equals_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    truth, proba = rng.integers(0, classes, 50), rng.dirichlet(np.ones(classes), 50)
    names = list(range(classes))
    assert metrics.brier_score_loss(truth, torch.tensor(proba), labels=names) == pytest.approx(
        oracle.brier_score_loss(truth, proba, labels=names)
    )


def test_expected_calibration_error_of_a_small_table():
    # ten forecasts of 0.9 with 6 hits, ten of 0.3 with 3 hits: (10 * 0.3 + 10 * 0) / 20
    truth = [1] * 6 + [0] * 4 + [1] * 3 + [0] * 7
    prob = [0.9] * 10 + [0.3] * 10
    assert metrics.expected_calibration_error(truth, prob, n_bins=10) == pytest.approx(0.15)
    bins = metrics.reliability(truth, prob, n_bins=10)
    assert bins.maximum_error == pytest.approx(0.3)
    assert bins.count.tolist() == [0, 0, 10, 0, 0, 0, 0, 0, 10, 0]
    assert np.isnan(bins.observed[0])


def test_many_classes_compare_the_top_class_with_its_accuracy():
    proba = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    truth = [0, 1, 2, 2]  # 3 of 4 right at confidence 0.8
    assert metrics.expected_calibration_error(truth, proba) == pytest.approx(0.05)


def test_honest_forecasts_have_a_small_error_and_sure_ones_a_large():
    rng = np.random.default_rng(0)
    prob = rng.random(20_000)
    truth = rng.random(20_000) < prob
    assert metrics.expected_calibration_error(truth, prob) < 0.015
    assert metrics.expected_calibration_error(truth, prob > 0.5) > 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.reliability([0, 1], [0.1, 1.2]),
            "y_prob holds 1 values outside [0, 1] of 2; give probabilities, not logits",
        ),
        (
            lambda: metrics.reliability([0, 1], [0.1, 0.2], n_bins=0),
            "n_bins=0 is out of range; give an int >= 1",
        ),
        (
            lambda: metrics.reliability([0, 1], [0.1, 0.2], strategy="quantiles"),
            "strategy='quantiles' is not known; did you mean 'quantile'? choose from uniform, quantile",
        ),
        (
            lambda: metrics.brier_score_loss([0, 1], [0.5]),
            "len(y_true)=2, len(y_proba)=1 differ; give one entry of each per sample",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
