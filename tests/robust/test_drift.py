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


def test_psi_of_ties_counts_no_bin_that_both_leave_empty():
    """Half are 0: the quantiles lie at 0, at 1, and between them, where nothing is."""
    before, after = np.repeat([0, 1], 500), np.repeat([0, 1], [30, 10])
    p, q = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    found = psi(before, after)
    assert found.statistic == pytest.approx(((q - p) * np.log(q / p)).sum())
    squares = found.statistic * 1000 * 40 / 1040
    assert found.pvalue == pytest.approx(stats.chi2.sf(squares, 1))
    tied = [psi(RNG.binomial(1, 0.1, 500), RNG.binomial(1, 0.1, 60)).pvalue for _ in range(300)]
    assert np.mean(np.array(tied) < 0.05) < 0.11


@pytest.mark.parametrize("moved", [-5.0, 5.0])
def test_psi_sees_a_constant_column_move_either_way(moved):
    assert psi(np.zeros(100), np.full(50, moved)).statistic > 4
    half = np.where(np.arange(100) < 50, 0.0, RNG.random(100))  # half are 0, none below
    assert psi(half, np.where(half == 0, moved, half)).statistic > 1
    assert DriftMonitor({"a": np.zeros(100)}).check({"a": np.full(50, moved)}).alarms == ("a",)


def test_a_missing_text_is_a_category():
    before = np.array(["a", "b", None, float("nan")] * 25, dtype=object)
    assert psi(before, before) == (0.0, 1.0)
    assert psi(before, np.array(["a", "b"] * 50, dtype=object)).statistic > 1


def test_psis_p_value_is_uniform_without_drift():
    p = [psi(RNG.normal(size=500), RNG.normal(size=300)).pvalue for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


@pytest.mark.parametrize(
    ("n", "m"), [(5, 7), (30, 30), (100, 57), (57, 100), (400, 1000), (5, 20_000), (1, 1)]
)
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


def test_a_ks_p_value_stays_between_0_and_1():
    far = ks_test(np.zeros(300), np.ones(300))
    assert far.statistic == 1
    assert 0 <= far.pvalue < 1e-12
    same = ks_test(RNG.normal(size=20_000), RNG.normal(size=20_000))
    assert 0 <= same.pvalue <= 1
    assert ks_test([True, False], [False, True]) == (0.0, 1.0)


def test_mmd_equals_its_definition():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(12, 3, generator=generator), torch.randn(9, 3, generator=generator) + 1
    both = torch.cat([x, y]).double()
    squared = (both[:, None] - both).square().sum(2)
    width = squared.sqrt()[~torch.eye(21, dtype=bool)].median()
    k = torch.exp(-squared / (2 * width**2))
    off = lambda a: (a.sum() - a.diagonal().sum()) / (len(a) * (len(a) - 1))  # noqa: E731
    expected = off(k[:12, :12]) + off(k[12:, 12:]) - 2 * k[:12, 12:].mean()
    found = mmd_test(x, y, generator=generator)
    assert found.statistic == pytest.approx(expected.item(), abs=1e-9)
    assert found.pvalue < 0.01
    assert mmd_test(torch.ones(5, 2), torch.ones(4, 2)) == (0.0, 1.0)


def test_mmd_of_mostly_equal_vectors_sees_what_differs():
    """The median distance is 0, so the kernel says equal or not, and MMD² counts pairs."""
    one = 100 * torch.rand(50, generator=torch.Generator().manual_seed(3))
    x, y = one.repeat(60, 1), one.repeat(60, 1)
    x[:6] += 1
    y[:24] += 1
    found = mmd_test(x, y, draws=199, generator=torch.Generator().manual_seed(0))
    within = (54 * 53 + 6 * 5 + 36 * 35 + 24 * 23) / (60 * 59)
    assert found.statistic == pytest.approx(within - 2 * (54 * 36 + 6 * 24) / 3600, abs=1e-9)
    assert found.pvalue <= 0.01


def test_an_mmd_p_value_counts_the_sample_itself():
    """Phipson & Smyth (2010): (1 + count) / (1 + draws), so never 0."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 2, generator=generator), torch.randn(20, 2, generator=generator) + 9
    assert mmd_test(x, y, draws=9, generator=generator).pvalue == pytest.approx(1 / 10)
    before = x.clone().requires_grad_()
    assert mmd_test(before, y, draws=9, generator=generator).pvalue == pytest.approx(1 / 10)


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


def test_a_monitor_keeps_its_own_reference():
    buffer = RNG.normal(size=500)
    now = {"a": buffer.copy()}
    monitor = DriftMonitor({"a": buffer})
    buffer += 100  # the next window is read into the same array
    assert monitor.check(now).alarms == ()
    assert monitor.check(now | {"new": [1, 2]}).columns.keys() == {"a"}


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
        (
            lambda: mmd_test(torch.ones(5), torch.ones(5, 2)),
            ValueError,
            "reference has shape (5,), 2 dimensions are needed; reshape it",
        ),
        (
            lambda: mmd_test(torch.ones(5, 2), torch.ones(5, 2), draws=0),
            ValueError,
            "draws=0 is out of range; give an int >= 1",
        ),
        (
            lambda: ks_test(["a"], [1.0]),
            TypeError,
            "reference holds <U1, numbers are needed; use psi for texts",
        ),
        (
            lambda: DriftMonitor({"a": [1.0]}).check({"a": []}),
            ValueError,
            "a is empty; give at least one item",
        ),
        (lambda: DriftMonitor({}), ValueError, "reference is empty; give at least one item"),
        (lambda: DriftMonitor({"a": []}), ValueError, "a is empty; give at least one item"),
        (
            lambda: DriftMonitor({"a": [1.0]}).check({"b": [1.0]}),
            ValueError,
            "current has no column 'a'; give a",
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
