"""Power laws: exact on exact data, honest intervals on noise, robust to wild points."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.planning import fit_power_law

sizes = np.logspace(3, 8, 8)


@given(st.floats(1e-3, 1e4), st.floats(0.01, 2))
@settings(max_examples=60, deadline=None)
def test_exact_data_give_back_the_exact_law(a, b):
    for loss in ("squares", "huber"):
        law = fit_power_law(sizes, a * sizes**-b, loss=loss)
        assert law.a.estimate == pytest.approx(a, rel=1e-8)
        assert law.b.estimate == pytest.approx(b, rel=1e-8)
        assert law.c.estimate == 0


@given(st.floats(1, 100), st.floats(0.1, 0.8), st.floats(0.1, 3))
@settings(max_examples=40, deadline=None)
def test_a_floor_is_found_exactly(a, b, c):
    y = a * sizes**-b + c
    law = fit_power_law(sizes, y, floor=None)
    np.testing.assert_allclose(law(sizes), y, rtol=1e-6)
    assert law.b.estimate == pytest.approx(b, rel=1e-3)
    assert law.c.estimate == pytest.approx(c, rel=1e-3, abs=1e-4)


def test_a_known_floor_is_subtracted():
    law = fit_power_law(sizes, 5 * sizes**-0.3 + 1.69, floor=1.69)
    assert law.b.estimate == pytest.approx(0.3, rel=1e-9)
    assert tuple(law.c) == (1.69, 1.69)


def test_the_interval_of_b_equals_scipys_regression():
    rng = np.random.default_rng(0)
    y = 3 * sizes**-0.2 * np.exp(rng.normal(0, 0.05, 8))
    law, line = fit_power_law(sizes, y), scipy.stats.linregress(np.log(sizes), np.log(y))
    half = scipy.stats.t.ppf(0.975, 6) * line.stderr
    assert tuple(law.b) == pytest.approx((-line.slope - half, -line.slope + half), rel=1e-9)
    half = scipy.stats.t.ppf(0.975, 6) * line.intercept_stderr
    assert tuple(law.a) == pytest.approx(tuple(np.exp([line.intercept - half, line.intercept + half])))


@pytest.mark.parametrize(("floor", "least", "most"), [(0, 0.92, 0.98), (None, 0.90, 0.99)])
def test_intervals_cover_the_truth(floor, least, most):
    rng = np.random.default_rng(1)
    x, c = np.logspace(2, 7, 12), 0 if floor == 0 else 0.5
    truth = 40 * x**-0.4 + c
    laws = [fit_power_law(x, truth * np.exp(rng.normal(0, 0.03, 12)), floor=floor) for _ in range(200)]
    assert least <= np.mean([0.4 in law.b for law in laws]) <= most
    assert least <= np.mean([c in law.c for law in laws])
    assert np.mean([law.noise for law in laws]) == pytest.approx(0.03, rel=0.1)


@pytest.mark.parametrize("floor", [0, None])
def test_wild_points_do_not_move_the_huber_fit(floor):
    rng = np.random.default_rng(2)
    x = np.logspace(2, 7, 15)
    y = (40 * x**-0.4 + (0 if floor == 0 else 0.5)) * np.exp(rng.normal(0, 0.01, 15))
    y[[2, 4]] *= 4
    robust, plain = (fit_power_law(x, y, floor=floor, loss=loss) for loss in ("huber", "squares"))
    assert abs(robust.b.estimate - 0.4) < 0.02
    assert abs(plain.b.estimate - 0.4) > 2 * abs(robust.b.estimate - 0.4)


def test_a_law_reads_as_a_formula():
    law = fit_power_law([10, 100, 1000], [1, 0.1, 0.01])
    assert str(law) == "y = 10 x^-1 (b in [1, 1])"
    assert law(10_000) == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fit_power_law([1, 2], [2, 1]),
            "x holds 2 different values, 3 are needed; measure more sizes",
        ),
        (
            lambda: fit_power_law([1, 2, 3], [2, 1, 1], floor=None),
            "x holds 3 different values, 4 are needed; measure more sizes",
        ),
        (
            lambda: fit_power_law([1, 2, 3], [2, 1, 0]),
            "y holds 1 values <= 0, a power law has only positive ones; remove them",
        ),
        (
            lambda: fit_power_law([1, 2, 3], [2, 1, 0.5], floor=0.7),
            "floor=0.7 is out of range; give a float >= 0 and < 0.5",
        ),
        (
            lambda: fit_power_law([1, 2, 3], [2, 1]),
            "len(x)=3, len(y)=2 differ; give one entry of each per sample",
        ),
        (
            lambda: fit_power_law([[1, 2, 3]], [1]),
            "x has shape (1, 3), one dimension is needed; give one entry per model",
        ),
        (
            lambda: fit_power_law([1, 2, 3], [2, 1, float("nan")]),
            "y holds 1 NaN or infinite values of 3; remove or replace them",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
