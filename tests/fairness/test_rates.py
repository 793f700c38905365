"""Rates against scikit-learn and the definitions; the room's names."""

import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as skm

from kit import fairness
from kit.fairness import rates

Y, P = [1, 1, 1, 0, 0, 0, 0, 1], [1, 0, 1, 1, 0, 0, 0, 1]  # TN 3, FP 1, FN 1, TP 3
WEIGHTS = np.arange(1.0, 9.0)


@pytest.mark.parametrize(
    ("rate", "oracle"),
    [
        (fairness.true_positive_rate, skm.recall_score),
        (fairness.positive_predictive_value, skm.precision_score),
        (fairness.accuracy_score, skm.accuracy_score),
        (fairness.balanced_accuracy_score, skm.balanced_accuracy_score),
    ],
)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_rates_equal_scikit_learn(rate, oracle, weights):
    expected = oracle(Y, P, sample_weight=weights)
    assert rate(Y, P, sample_weight=weights) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 8),
        ("base_rate", 4 / 8),
        ("selection_rate", 4 / 8),
        ("true_positive_rate", 3 / 4),
        ("false_negative_rate", 1 / 4),
        ("false_positive_rate", 1 / 4),
        ("true_negative_rate", 3 / 4),
        ("positive_predictive_value", 3 / 4),
        ("negative_predictive_value", 3 / 4),
        ("accuracy_score", 6 / 8),
        ("mean_prediction", 4 / 8),
    ],
)
def test_values_by_hand(name, value):
    assert getattr(fairness, name)(Y, P) == value


def test_a_rate_without_denominator_is_nan():
    assert np.isnan(fairness.true_positive_rate([0, 0], [0, 1]))
    assert np.isnan(fairness.balanced_accuracy_score([0, 0], [0, 1]))
    assert fairness.false_positive_rate([0, 0], [0, 1]) == 0.5


def test_other_labels_need_a_positive_one():
    y, p = ["yes", "no", "no"], ["yes", "yes", "no"]
    assert fairness.false_positive_rate(y, p, pos_label="yes") == 0.5
    assert fairness.false_positive_rate([-1, 1, -1], [1, 1, -1]) == 0.5
    with pytest.raises(ValueError) as caught:
        fairness.selection_rate([0, 1], [0, 2])
    assert str(caught.value) == "y_pred holds the labels 0, 2, 0 and 1 are needed; give y_pred == label"
    with pytest.raises(ValueError, match="y_true holds the labels -1, 0, 1, 0 and 1 are needed"):
        fairness.selection_rate([0, 1, -1], [0, 1, 1])


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, 1, 2, 3, 3], [0, 2, 2, 3, 1]),
        ([0, 1, 2, 2, 1], [0, 1, 1, 0, 1]),  # the predictions alone look binary
        (["a", "b", "c", "a", "b"], ["a", "c", "c", "b", "b"]),
        (np.array(["a", "b", "c", "a", "b"], object), ["a", "c", "c", "b", "b"]),
        ([1.0, 2.0, 5.0, 5.0, 1.0], [1, 2, 2, 5, 1]),
    ],
)
@pytest.mark.parametrize("weights", [None, WEIGHTS[:5]])
def test_accuracy_and_count_take_any_number_of_classes(y, p, weights):
    expected = skm.accuracy_score(y, p, sample_weight=weights)
    assert fairness.accuracy_score(y, p, sample_weight=weights) == pytest.approx(expected, abs=1e-15)
    assert fairness.count(y, p, sample_weight=weights) == (5 if weights is None else 15)


def test_binary_labels_in_two_spellings_still_agree():
    assert fairness.accuracy_score([-1, 1, 1], [False, True, False]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        (
            ["a", "b"],
            [0, 1],
            "y_true holds text and y_pred none, they never agree; use one kind of labels",
        ),
        (
            [0, 2],
            ["0", "2"],
            "y_pred holds text and y_true none, they never agree; use one kind of labels",
        ),
        ([0, 2], [0.5, 2], "y_pred holds fractions, 0 and 1 are needed; compare scores with a threshold"),
        ([0, 2], [0, 2, 2], "len(y_true)=2, len(y_pred)=3 differ; give one entry of each per sample"),
    ],
)
def test_classes_that_cannot_be_compared_are_told(y, p, message):
    with pytest.raises(ValueError) as caught:
        fairness.accuracy_score(y, p)
    assert str(caught.value) == message


def test_labels_that_cannot_be_read_are_told():
    for labels, message in (
        ([1, None, 0], "y_true holds 1 missing values of 3; remove or replace them"),
        (
            np.array([1, np.nan, 0], object),
            "y_true holds 1 NaN or infinite values of 3; remove or replace them",
        ),
        (["no", 1, 0], "y_true holds the labels '0', '1', 'no', 0 and 1 are needed; give y_true == label"),
    ):
        with pytest.raises(ValueError) as caught:
            fairness.base_rate(np.array(labels, object), [0, 1, 1])
        assert str(caught.value) == message


def test_no_weight_at_all_is_no_rate():
    assert np.isnan(fairness.mean_prediction([1, 0], [0.5, 0.7], sample_weight=[0, 0]))
    assert np.isnan(fairness.selection_rate([1, 0], [0, 1], sample_weight=[0, 0]))


def test_weights_are_checked():
    with pytest.raises(ValueError) as caught:
        fairness.selection_rate(Y, P, sample_weight=-WEIGHTS)
    assert str(caught.value) == "min(sample_weight)=-8.0 is out of range; give a float >= 0"
    with pytest.raises(ValueError) as caught:
        fairness.selection_rate(Y, P, sample_weight=WEIGHTS[:2])
    assert (
        str(caught.value) == "len(y_true)=8, len(sample_weight)=2 differ; give one entry of each per sample"
    )


def test_a_rate_tells_its_definition():
    assert repr(fairness.selection_rate) == (
        "Rate(name='selection_rate', formula='(FP + TP) / n', meaning='share of rows predicted positive')"
    )


def test_every_listed_name_exists_and_stands_in_the_rooms_docstring():
    for name in dir(fairness):
        assert callable(getattr(fairness, name))
        assert name in fairness.__doc__ or name in ("Rate", "Audit", "Impact", "FourFifths")
    assert fairness.selection_rate is rates.selection_rate
    with pytest.raises(AttributeError, match=r"module 'kit\.fairness' has no attribute 'fair'"):
        _ = fairness.fair


def test_the_frame_costs_no_torch():
    code = "import sys; from kit.fairness import MetricFrame, audit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_row_and_little_weight_are_enough_for_a_rate():
    assert fairness.true_positive_rate([1, 0], [1, 1]) == 1
    assert fairness.false_positive_rate([1, 0], [1, 1], sample_weight=[0.5, 0.25]) == 1
