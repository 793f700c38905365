"""Intervals of two shares: a published example, exact coverage, one row, few rows in a frame."""

import math
from itertools import product

import numpy as np
import pytest
import scipy.stats

from kit import fairness
from kit.fairness import MetricFrame, compare_shares


def test_newcombes_example():
    """Newcombe 1998, table II, column (a): 56 of 70 against 48 of 80, method 10."""
    found = compare_shares("difference", 56, 70, 48, 80)
    assert [round(end, 4) for end in found] == [0.0524, 0.3339]
    assert (found.estimate, found.n, found.method) == (pytest.approx(0.2), 150, "Newcombe")


@pytest.mark.parametrize(("m", "n"), [(1, 30), (4, 4), (8, 60)])
@pytest.mark.parametrize("form", ["difference", "ratio"])
def test_it_covers_what_it_promises_however_few_the_rows(form, m, n):
    found = {(a, b): compare_shares(form, a, m, b, n) for a, b in product(range(m + 1), range(n + 1))}
    covered = []
    for p, q in product((0.1, 0.3, 0.5, 0.8, 0.95), (0.2, 0.5, 0.9)):
        truth = p - q if form == "difference" else p / q
        chances = np.outer(*(scipy.stats.binom.pmf(range(k + 1), k, s) for k, s in ((m, p), (n, q))))
        defined = sum(chances[pair] for pair, interval in found.items() if interval.n)
        held = sum(chances[pair] for pair, interval in found.items() if truth in interval)
        covered.append(held / defined)
    assert min(covered) > 0.87  # four rows beside four are the worst
    assert np.mean(covered) > 0.94


@pytest.mark.parametrize(("a", "m", "b", "n"), [(3, 9, 20, 31), (1, 1, 4, 7), (5, 5, 2, 80)])
def test_exchanging_the_groups_turns_the_interval_round(a, m, b, n):
    one, other = (compare_shares("difference", *order) for order in ((a, m, b, n), (b, n, a, m)))
    assert tuple(one) == pytest.approx((-other.high, -other.low))
    one, other = (compare_shares("ratio", *order) for order in ((a, m, b, n), (b, n, a, m)))
    assert tuple(one) == pytest.approx((1 / other.high, 1 / other.low))


def test_with_many_rows_the_ratio_is_katzs():
    theirs = scipy.stats.contingency.relative_risk(157, 2435, 235, 2435).confidence_interval(0.95)
    assert tuple(compare_shares("ratio", 157, 2435, 235, 2435)) == pytest.approx(tuple(theirs), abs=2e-3)


def test_one_row_says_little_and_nobody_nothing():
    assert [round(end, 2) for end in compare_shares("ratio", 1, 1, 1, 1)] == [0.21, 4.84]
    assert [round(end, 2) for end in compare_shares("difference", 1, 1, 0, 1)] == [-0.12, 1.0]
    assert compare_shares("ratio", 0, 4, 2, 4).low == 0 < compare_shares("ratio", 0, 4, 2, 4).high
    assert math.isnan(compare_shares("ratio", 1, 4, 0, 4).low)


def test_a_group_of_one_row_does_not_make_a_gap_certain():
    """500 of 1,000 and 1 of 1: a bootstrap draws the same single row again and again."""
    decided = np.r_[np.repeat([0, 1], 500), 1]
    data = {"y_true": decided, "y_pred": decided, "sensitive_features": np.repeat(["a", "b"], [1000, 1])}
    frame = MetricFrame(metrics=fairness.selection_rate, **data)
    gap, ratio = frame.interval("difference"), frame.interval("ratio")
    assert (gap.estimate, gap.method, gap.n) == (0.5, "Newcombe", 1001)
    assert gap.low < 0 < 0.5 < gap.high
    assert tuple(ratio) == pytest.approx(tuple(compare_shares("ratio", 500, 1000, 1, 1)))
    assert frame.interval("group_max") == frame.interval()["b"]
    assert frame.interval("difference", method="to_overall").low < 0


def test_gaps_of_many_rows_are_bootstrapped():
    decided, group = np.tile([0, 1], 50), np.repeat([0, 1], 50)
    frame = MetricFrame(
        metrics=fairness.selection_rate, y_true=decided, y_pred=decided, sensitive_features=group
    )
    assert frame.interval("difference").method == "bootstrap"


def test_the_mean_of_one_row_has_no_ends():
    data = {
        "y_true": [1, 2, 3, 4],
        "y_pred": [0.1, 0.2, 0.3, 0.9],
        "sensitive_features": ["a", "a", "a", "b"],
    }
    frame = MetricFrame(metrics=fairness.mean_prediction, **data)
    found = frame.interval(resamples=50)
    assert (found["b"].estimate, found["b"].n) == (0.9, 1)
    assert math.isnan(found["b"].low) and math.isnan(found["b"].high)
    assert found["a"].low < 0.2 < found["a"].high
    assert math.isnan(frame.interval("difference", resamples=50).low)


def test_the_number_of_rows_of_a_group_of_one_may_be_none():
    decided = np.zeros(20, int)
    data = {"y_true": decided, "y_pred": decided, "sensitive_features": np.arange(20) == 0}
    found = MetricFrame(metrics=fairness.count, **data).interval()[True]
    assert (found.low, found.estimate) == (0, 1) and 2 <= found.high <= 5
