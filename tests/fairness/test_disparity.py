"""Gaps against Fairlearn, the four-fifths rule against SciPy, published tables."""

import fairlearn.metrics as fm
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import fairness, metrics

GAPS = [
    f"{name}_{kind}"
    for name in ("demographic_parity", "equalized_odds", "equal_opportunity")
    for kind in ("difference", "ratio")
]


def sample(seed=0, n=300):
    rng = np.random.default_rng(seed)
    y, group = rng.integers(0, 2, n), rng.choice(["a", "b", "c"], n)
    return y, np.where(rng.random(n) < 0.3, 1 - y, y), group, rng.random(n)


@pytest.mark.parametrize("name", GAPS)
@pytest.mark.parametrize("method", ["between_groups", "to_overall"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gaps_equal_fairlearn(name, method, weighted):
    y, p, group, weights = sample()
    options = {"sensitive_features": group, "method": method, "sample_weight": weights if weighted else None}
    aggregates = ("worst_case", "mean") if "odds" in name else (None,)
    for agg in aggregates:
        given = options | ({"agg": agg} if agg else {})
        ours, theirs = getattr(fairness, name)(y, p, **given), getattr(fm, name)(y, p, **given)
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_equalized_odds_without_a_positive_are_undefined():
    assert np.isnan(fairness.equalized_odds_difference([0, 0, 0], [0, 1, 0], sensitive_features=[0, 1, 1]))


def rows(**tables):
    """Labels, decisions and groups from counts (TN, FP, FN, TP)."""
    cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    pairs = np.concatenate([np.repeat(cells, counts, axis=0) for counts in tables.values()])
    group = np.repeat(list(tables), [sum(counts) for counts in tables.values()])
    return pairs[:, 0], pairs[:, 1], group


def test_propublicas_table_of_compas():
    """J. Larson et al. (2016), How We Analyzed the COMPAS Recidivism Algorithm: two-year recidivism.

    Published: false positives 44.85 and 23.45 %, false negatives 27.99 and 47.72 %, PPV 0.63 and 0.59.
    """
    y, p, race = rows(black=(990, 805, 532, 1369), white=(1139, 349, 461, 505))
    frame = fairness.MetricFrame(
        metrics={
            "fpr": fairness.false_positive_rate,
            "fnr": fairness.false_negative_rate,
            "ppv": fairness.positive_predictive_value,
        },
        y_true=y,
        y_pred=p,
        sensitive_features=race,
    )
    shown = {name: {k: round(v, 4) for k, v in values.items()} for name, values in frame.by_group.items()}
    assert shown["fpr"] == {"black": 0.4485, "white": 0.2345}
    assert shown["fnr"] == {"black": 0.2799, "white": 0.4772}
    assert {k: round(v, 2) for k, v in shown["ppv"].items()} == {"black": 0.63, "white": 0.59}
    assert fairness.predictive_parity_difference(y, p, sensitive_features=race) < 0.04
    assert fairness.equalized_odds_difference(y, p, sensitive_features=race) > 0.21


def test_the_audit_of_callbacks():
    """Bertrand & Mullainathan (2004), table 1: 235 of 2,435 and 157 of 2,435 called back."""
    called, name = np.zeros(4870, int), np.repeat(["white", "black"], 2435)
    called[:235] = 1
    called[2435 : 2435 + 157] = 1
    found = fairness.four_fifths(called, sensitive_features=name)
    assert found.reference == "white"
    assert (round(found.ratio.estimate, 3), found.passes) == (0.668, False)
    assert round(found.groups["black"].z, 2) == -4.11
    assert found.groups["black"].verdict == "perhaps fails"
    assert found.ratio.high > 0.8 > found.ratio.estimate


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_p_values_equal_scipy(a, b, c, d):
    if a + b == 0 or c + d == 0:
        return
    decided = np.repeat([1, 0, 1, 0], [a, b, c, d])
    group = np.repeat([0, 1], [a + b, c + d])
    found = fairness.four_fifths(decided, sensitive_features=group, reference=1).groups[0]
    expected = scipy.stats.fisher_exact([[a, b], [c, d]]).pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-7)
    if 0 < a + c < a + b + c + d:
        chi2 = scipy.stats.chi2_contingency([[a, b], [c, d]], correction=False).statistic
        assert found.z**2 == pytest.approx(chi2, rel=1e-9, abs=1e-12)
    if c:
        assert found.ratio == fairness.compare_shares("ratio", a, a + b, c, c + d)
        assert found.ratio.estimate == pytest.approx(a / (a + b) / (c / (c + d)))


def test_four_fifths_compares_every_group_with_the_most_selected():
    decided = [1] * 18 + [0] * 2 + [1] * 16 + [0] * 4 + [0] * 20
    found = fairness.four_fifths(decided, sensitive_features=np.repeat(["a", "b", "c"], 20))
    assert found.reference == "a"
    assert found.groups["b"].verdict == "perhaps passes"
    assert found.groups["c"].verdict == "fails"
    assert found.groups["c"].ratio.low == 0 < found.groups["c"].ratio.high
    assert found.ratio == found.groups["c"].ratio


def test_nobody_selected_is_undefined():
    found = fairness.four_fifths([0, 0, 0, 0], sensitive_features=[0, 0, 1, 1])
    assert found.groups[1].verdict == "undefined"
    assert np.isnan(found.ratio.estimate)
    assert not found.passes


def test_calibration_by_group_is_the_reliability_of_its_rows():
    y, _, group, prob = sample()
    found = fairness.calibration_by_group(y, prob, sensitive_features=group, n_bins=5)
    assert list(found) == ["a", "b", "c"]
    part = group == "b"
    expected = metrics.expected_calibration_error(y[part], prob[part], n_bins=5)
    assert found["b"].expected_error == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fairness.four_fifths([1, 0], sensitive_features=["a", "a"]),
            "sensitive_features holds one group, 'a'; give rows of two or more",
        ),
        (
            lambda: fairness.four_fifths([1, 0], sensitive_features=["a", "b"], reference="c"),
            "reference='c' is not known; choose from a, b",
        ),
        (
            lambda: fairness.calibration_by_group([0, 1], [0.5, 1.5], sensitive_features=["a", "b"]),
            "y_prob holds 1 values outside [0, 1] of 2; give probabilities, not logits",
        ),
        (
            lambda: fairness.equalized_odds_ratio([0, 1], [0, 1], sensitive_features=["a", "b"], agg="worst"),
            "agg='worst' is not known; did you mean 'worst_case'? choose from worst_case, mean",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


def test_a_group_of_one_selected_person_is_no_certainty():
    """1 of 1 beside 10 of 20: Katz's interval would know only the spread of the twenty."""
    found = fairness.four_fifths([1] + [1, 0] * 10, sensitive_features=["x"] + ["y"] * 20, reference="y")
    assert found.groups["x"].ratio.estimate == 2
    assert found.groups["x"].ratio.low < 0.8 < found.groups["x"].ratio.high
    assert found.groups["x"].verdict == "perhaps passes"


def test_exactly_four_fifths_passes():
    found = fairness.four_fifths([1, 1, 1, 1, 0] * 3 + [1] * 15, sensitive_features=[0] * 15 + [1] * 15)
    assert found.ratio.estimate == 0.8
    assert found.passes


def test_right_probabilities_stay_below_the_noise_as_often_as_said():
    rng, below = np.random.default_rng(3), 0
    for _ in range(400):
        prob = rng.random(300)
        y = (rng.random(300) < prob).astype(int)
        bins = fairness.calibration_by_group(y, prob, sensitive_features=["a"] * 300)["a"]
        below += bins.expected_error <= fairness.calibration_noise(bins, confidence=0.8, resamples=300)
    assert 0.76 < below / 400 < 0.9  # spread within a bin makes the bound a little wide, never narrow


def test_wrong_probabilities_pass_the_noise_and_many_rows_shrink_it():
    rng = np.random.default_rng(4)
    noise = {}
    for n in (100, 10_000):
        prob = rng.random(n)
        y = (rng.random(n) < prob**3).astype(int)
        bins = fairness.calibration_by_group(y, prob, sensitive_features=["a"] * n)["a"]
        noise[n] = fairness.calibration_noise(bins)
        assert bins.expected_error > noise[n]
    assert noise[10_000] == pytest.approx(noise[100] / 10, rel=0.3)  # as 1 / sqrt(n)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 1.0}, "confidence=1.0 is out of range; give a float > 0 and < 1"),
        ({"resamples": 0}, "resamples=0 is out of range; give an int >= 1"),
    ],
)
def test_noise_names_a_bad_argument(options, message):
    bins = fairness.calibration_by_group([0, 1], [0.2, 0.9], sensitive_features=["a", "a"])["a"]
    with pytest.raises(ValueError) as caught:
        fairness.calibration_noise(bins, **options)
    assert str(caught.value) == message
