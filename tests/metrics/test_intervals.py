"""Intervals against SciPy, and their coverage on simulations with a known truth."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import metrics
from kit.metrics.intervals import beta_quantile, t_quantile


@given(st.integers(1, 2000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.999]))
@settings(max_examples=100, deadline=None)
def test_intervals_of_a_share_equal_scipy(n, share, confidence):
    k = round(share * n)
    test = scipy.stats.binomtest(k, n)
    for ours, method in ((metrics.wilson_interval, "wilson"), (metrics.clopper_pearson_interval, "exact")):
        found, theirs = ours(k, n, confidence=confidence), test.proportion_ci(confidence, method)
        assert tuple(found) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert found.estimate in found


@given(st.integers(1, 500), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_t_quantile_equals_scipy(df, probability):
    assert t_quantile(probability, df) == pytest.approx(
        scipy.stats.t.ppf(probability, df), rel=1e-8, abs=1e-8
    )


@given(st.floats(0.5, 300), st.floats(0.5, 300), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_beta_quantile_equals_scipy(a, b, probability):
    assert beta_quantile(probability, a, b) == pytest.approx(
        scipy.stats.beta.ppf(probability, a, b), rel=1e-9
    )


def test_the_exercise_of_lesson_02():
    interval = metrics.wilson_interval(95, 100)
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.888, 0.978)
    assert str(interval) == "0.95 [0.8882, 0.9785] (95% Wilson, n=100)"


def test_no_failure_in_thirty_still_allows_eleven_percent():
    interval = metrics.wilson_interval(0, 30)
    assert interval.low == 0
    assert interval.high == pytest.approx(0.1135, abs=1e-4)


def test_mean_interval_equals_scipy():
    values = [0.961, 0.970, 0.966, 0.972, 0.968]
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = metrics.mean_interval(values)
    assert tuple(found) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert (found.n, found.method) == (5, "t")


def test_bootstrap_agrees_with_the_t_interval_for_many_values():
    values = np.random.default_rng(0).normal(3, 2, 500)
    ours, theirs = metrics.bootstrap_interval(np.mean, values), metrics.mean_interval(values)
    assert tuple(ours) == pytest.approx(tuple(theirs), abs=0.03)
    assert tuple(ours) == tuple(metrics.bootstrap_interval(lambda v: v.mean(), values))


def test_bootstrap_depends_on_its_seed_alone():
    values = np.arange(20.0)
    np.random.seed(1)  # noqa: NPY002
    first = metrics.bootstrap_interval(np.median, values, resamples=200, seed=4)
    np.random.seed(2)  # noqa: NPY002
    assert first == metrics.bootstrap_interval(np.median, values, resamples=200, seed=4)
    assert first != metrics.bootstrap_interval(np.mean, values, resamples=200, seed=5)


def test_bootstrap_draws_pairs_and_skips_resamples_without_a_class():
    truth, score = [0, 0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.8, 0.7, 0.9]
    found = metrics.bootstrap_interval(metrics.roc_auc_score, truth, score, resamples=300)
    assert found.estimate == pytest.approx(0.9)
    assert 0 <= found.low <= 0.9 <= found.high <= 1


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_wilson_covers_what_it_promises(p):
    rng = np.random.default_rng(7)
    counts = rng.binomial(100, p, 2000)
    covered = np.mean([p in metrics.wilson_interval(int(k), 100) for k in counts])
    assert 0.93 <= covered <= 0.975


def test_bootstrap_of_a_mean_covers_about_what_it_promises():
    rng = np.random.default_rng(8)
    covered = [
        1.0 in metrics.bootstrap_interval(np.mean, rng.exponential(1, 80), resamples=300, seed=i)
        for i in range(400)
    ]
    assert 0.89 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: metrics.wilson_interval(0.95, 100),
            TypeError,
            "successes=0.95 is not a whole number; give an int >= 0 and <= 100",
        ),
        (
            lambda: metrics.wilson_interval(5, 4),
            ValueError,
            "successes=5 is out of range; give an int >= 0 and <= 4",
        ),
        (
            lambda: metrics.clopper_pearson_interval(1, 4, confidence=95),
            ValueError,
            "confidence=95 is out of range; give a float > 0 and < 1",
        ),
        (
            lambda: metrics.mean_interval([0.9]),
            ValueError,
            "len(values)=1, an interval of a mean needs two or more; run more seeds",
        ),
        (
            lambda: metrics.bootstrap_interval(np.mean),
            TypeError,
            "samples is empty; call bootstrap_interval(statistic, y_true, y_pred)",
        ),
        (
            lambda: metrics.bootstrap_interval(_first_is_zero, [0, 1, 2, 3, 4, 5, 6, 7] * 30, resamples=3),
            ValueError,
            "statistic failed on 30 of 30 resamples; give more samples of the rare class",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, error, message, request):
    with pytest.raises(error) as caught:
        call()
    if not (error is TypeError and request.config.getoption("--shapes")):  # which has its own message
        assert str(caught.value) == message


def _first_is_zero(values):
    """Defined on the sample itself and on (nearly) no resample."""
    if values[:8].tolist() != [0, 1, 2, 3, 4, 5, 6, 7]:
        raise ValueError("a class is missing")
    return 0.0
