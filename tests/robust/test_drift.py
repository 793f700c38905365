"""Drift: PSI by hand, Kolmogorov-Smirnov by SciPy, MMD by brute force, and alarms at the right rate."""

import numpy as np
import pytest
import torch
from scipy import stats

from kit.robust import DriftMonitor, ks_test, mmd_test, psi

RNG = np.random.default_rng(0)


def test_psi_by_hand():
    before, after = ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert psi(before, after).statistic == pytest.approx(expected)
    assert psi(after, after) == (0.0, 1.0)
    gone = psi(before, ["a"] * 100).statistic  # an empty bin counts as half an entry
    assert gone == pytest.approx(0.5 * np.log(1 / 0.5) - 0.495 * np.log(0.005 / 0.5))


def test_psi_cuts_numbers_at_the_references_quantiles():
    before = np.arange(1000) / 10
    after = np.concatenate([before[before < 50], before[before < 50]])
    p, q = np.full(10, 0.1), np.array([0.2] * 5 + [0.5 / 1000] * 5)
    assert psi(before, after).statistic == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.02)
    assert psi(torch.zeros(9), torch.zeros(5)) == (0.0, 1.0)
    assert psi([True, False], [True, True]).statistic > 0


def test_psis_p_value_is_uniform_without_drift():
    p = [psi(RNG.normal(size=500), RNG.normal(size=300)).pvalue for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


@pytest.mark.parametrize(("n", "m"), [(5, 7), (30, 30), (100, 57), (57, 100), (400, 1000), (1, 1)])
def test_ks_equals_scipys_exact_test(n, m):
    a, b = RNG.normal(size=n), RNG.normal(0.3, size=m)
    ours, theirs = ks_test(a, b), stats.ks_2samp(a, b, method="exact")
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-12)


def test_ks_of_large_windows_follows_kolmogorovs_limit():
    a, b = RNG.normal(size=20_000), RNG.normal(0.01, size=15_000)
    ours, theirs = ks_test(a, b), stats.ks_2samp(a, b, method="asymp")
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.pvalue == pytest.approx(theirs.pvalue, abs=0.005)
    assert ours.pvalue == pytest.approx(
        stats.kstwobign.sf(ours.statistic * np.sqrt(2e4 * 1.5e4 / 3.5e4)), abs=1e-9
    )
    assert ks_test(a, a) == (0.0, 1.0)


def test_ks_with_ties_is_scipys():
    a, b = RNG.integers(0, 5, 80), RNG.integers(1, 6, 60)
    assert ks_test(a, b) == pytest.approx(tuple(stats.ks_2samp(a, b, method="exact"))[:2], abs=1e-12)


def test_mmd_equals_its_definition():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(12, 3, generator=generator), torch.randn(9, 3, generator=generator) + 1
    both = torch.cat([x, y]).double()
    squared = (both[:, None] - both).square().sum(2)
    width = squared.sqrt().median()
    k = torch.exp(-squared / (2 * width**2))
    off = lambda a: (a.sum() - a.diagonal().sum()) / (len(a) * (len(a) - 1))  # noqa: E731
    expected = off(k[:12, :12]) + off(k[12:, 12:]) - 2 * k[:12, 12:].mean()
    found = mmd_test(x, y, generator=generator)
    assert found.statistic == pytest.approx(expected.item(), abs=1e-9)
    assert found.pvalue < 0.01
    assert mmd_test(torch.ones(5, 2), torch.ones(4, 2)) == (0.0, 1.0)


def test_mmds_p_value_is_uniform_without_drift_and_small_with():
    generator = torch.Generator().manual_seed(0)
    draw = lambda n, sd=1.0: sd * torch.randn(n, 2, generator=generator)  # noqa: E731
    p = [mmd_test(draw(30), draw(20), draws=99, generator=generator).pvalue for _ in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert mmd_test(draw(200), draw(200, 1.6), generator=generator).pvalue < 0.01  # means alike, spreads not


def columns(n, shift=0.0):
    city = RNG.choice(["Rome", "Oslo", "Bonn"], n, p=[0.5, 0.3 - shift / 10, 0.2 + shift / 10])
    return {"age": RNG.normal(40 + 10 * shift, 10, n), "income": RNG.exponential(1, n), "city": city}


def test_a_monitor_names_the_column_that_moved():
    monitor = DriftMonitor(columns(2000))
    assert monitor.check(columns(500)).alarms == ()
    report = monitor.check(columns(500, shift=1.0))
    assert report.alarms == ("age",)
    assert report.columns["age"].statistic > 0.25
    assert report.columns["age"].pvalue < 1e-6
    assert [line.split()[0] for line in str(report).splitlines()] == ["age", "income", "city"]
    assert str(report).splitlines()[0].endswith("ALARM")
    assert monitor.check(columns(500) | {"city": ["Paris"] * 500}).alarms == ("city",)


def test_chance_alone_rarely_alarms():
    monitor = DriftMonitor(columns(300))
    assert sum(bool(monitor.check(columns(40)).alarms) for _ in range(200)) <= 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: psi([], [1]), ValueError, "reference is empty; give at least one item"),
        (lambda: ks_test([1.0], []), ValueError, "current is empty; give at least one item"),
        (
            lambda: ks_test([1.0, float("nan")], [1.0]),
            ValueError,
            "reference holds 1 NaN or infinite values of 2; remove or replace them",
        ),
        (lambda: psi([1, 2], [1], bins=1), ValueError, "bins=1 is out of range; give an int >= 2"),
        (
            lambda: psi([1, 2], ["1"]),
            TypeError,
            "reference holds int64 and current <U1; give numbers or texts in both",
        ),
        (
            lambda: mmd_test(torch.ones(1, 2), torch.ones(5, 2)),
            ValueError,
            "the shorter length=1 is out of range; give an int >= 2",
        ),
        (
            lambda: mmd_test(torch.ones(5, 2), torch.ones(5, 3)),
            ValueError,
            "current has shape (5, 3), its last dimension must be 2; reshape it",
        ),
        (lambda: DriftMonitor({}), ValueError, "reference is empty; give at least one item"),
        (lambda: DriftMonitor({"a": []}), ValueError, "a is empty; give at least one item"),
        (
            lambda: DriftMonitor({"a": [1.0]}).check({"b": [1.0]}),
            ValueError,
            "column='a' is not known; choose from b",
        ),
        (
            lambda: DriftMonitor({"a": [1]}, threshold=0),
            ValueError,
            "threshold=0 is out of range; give a float > 0",
        ),
    ],
)
def test_mistakes_in_windows_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
