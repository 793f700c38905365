"""The simulators against what their papers prove."""

import numpy as np
import pytest

from kit import fairness


def test_the_urn_runs_away_and_its_correction_does_not():
    plain = fairness.predictive_policing([0.3, 0.6], days=3000, runs=60)
    assert plain.shape == (60, 3001, 2)
    assert plain[:, 0].tolist() == [[0.5, 0.5]] * 60
    assert plain.sum(axis=2) == pytest.approx(1)
    assert plain[:, -1, 1].mean() > 0.9  # twice the crime, nearly all the patrols
    corrected = fairness.predictive_policing([0.3, 0.6], days=3000, runs=60, corrected=True)
    assert corrected[:, -1, 1].mean() == pytest.approx(2 / 3, abs=0.02)


def test_equal_districts_end_anywhere():
    """A Polya urn of equal colours from (1, 1): its share is uniform, sd 0.289."""
    final = fairness.predictive_policing([1.0, 1.0], days=400, runs=1000, seed=1)[:, -1, 0]
    assert final.std() == pytest.approx(1 / np.sqrt(12), abs=0.02)


def test_a_loan_below_the_turning_point_lowers_the_score():
    low, high = np.full(20_000, 620.0), np.full(20_000, 650.0)
    means = fairness.lending([low, high, low], [600, 600, 700], rounds=1)
    assert means.shape == (2, 3)
    p = 1 / (1 + np.exp(-(np.array([620, 650]) - 600) / 50))
    assert means[1, :2] - means[0, :2] == pytest.approx(75 * p - 150 * (1 - p), abs=2)
    assert means[1, 0] < means[0, 0] < means[1, 1] - 30
    assert means[1, 2] == means[0, 2] == 620  # no loan, no change
    assert low[0] == 620  # the caller's array is left alone


def test_scores_stay_on_the_scale():
    means = fairness.lending([[300.0, 850.0]], [300], rounds=50)
    assert ((means >= 300) & (means <= 850)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fairness.predictive_policing([0.5, 1.5]),
            "rates holds 1 values outside [0, 1] of 2; give probabilities, not logits",
        ),
        (
            lambda: fairness.predictive_policing([0.5, 0.5], days=0),
            "days=0 is out of range; give an int >= 1",
        ),
        (
            lambda: fairness.lending([[600.0]], [600, 610]),
            "len(scores)=1, len(thresholds)=2 differ; give one entry of each per sample",
        ),
        (
            lambda: fairness.lending([[200.0]], [600]),
            "min(scores)=200.0 is out of range; give a float >= 300",
        ),
        (
            lambda: fairness.lending([[900.0]], [600]),
            "max(scores)=900.0 is out of range; give a float <= 850",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


def test_the_correction_is_right_for_three_districts_too():
    """1 - share would go to 1 - 2 / (rate * sum(1 / rates)), cut at 0, here: 0, 0.45 and 0.55."""
    rates = np.array([0.2, 0.4, 0.6])
    final = fairness.predictive_policing(rates, days=8000, runs=60, corrected=True)[:, -1]
    assert final.mean(axis=0) == pytest.approx(rates / rates.sum(), abs=0.02)
