"""Reweighing by hand; thresholds against Fairlearn's and against a linear program."""

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import sklearn.base
from fairlearn.postprocessing import ThresholdOptimizer as Theirs

from kit import fairness
from kit.fairness import ThresholdOptimizer


def test_the_weights_of_a_two_by_two_table():
    """Men 6 of 10 accepted, women 2 of 10: expected / observed of every cell."""
    y = np.repeat([1, 0, 1, 0], [6, 4, 2, 8])
    sex = np.repeat(["m", "f"], 10)
    weights = fairness.reweighing(y, sensitive_features=sex)
    assert weights[[0, 6, 10, 12]].tolist() == pytest.approx([4 / 6, 6 / 4, 4 / 2, 6 / 8])
    assert weights.sum() == pytest.approx(20)
    params = {"sample_weight": weights}
    frame = fairness.MetricFrame(
        metrics=fairness.base_rate, y_true=y, y_pred=y, sensitive_features=sex, sample_params=params
    )
    assert frame.difference() == pytest.approx(0, abs=1e-12)


def test_reweighing_takes_any_labels_and_several_features():
    rng = np.random.default_rng(0)
    y, features = (
        rng.choice(["low", "middle", "high"], 300),
        {"a": rng.integers(0, 2, 300), "b": rng.integers(0, 2, 300)},
    )
    weights = fairness.reweighing(y, sensitive_features=features)
    share = pd.DataFrame({"y": y, "w": weights, **features}).groupby(["a", "b", "y"])["w"].sum().unstack()
    share = share.div(share.sum(axis=1), axis=0)
    assert share.to_numpy() == pytest.approx(np.repeat(share.to_numpy()[:1], 4, axis=0), abs=1e-12)


class Given(sklearn.base.BaseEstimator):
    """A model whose score is its only feature."""

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, x):
        return np.asarray(x)[:, 0]


def sample(seed, n=600, decimals=2):
    """Scores with ties, that say less about group b, and base rates that differ."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], n)
    y = (rng.random(n) < np.select([group == "a", group == "b"], [0.6, 0.4], 0.5)).astype(int)
    score = np.round(y * np.where(group == "b", 0.6, 1.2) + rng.normal(size=n), decimals)
    return score, y, group


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objective", ["accuracy_score", "balanced_accuracy_score"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("demographic_parity", "demographic_parity"),
        ("equal_opportunity", "true_positive_rate_parity"),
        ("true_positive_rate_parity", "true_positive_rate_parity"),
        ("false_positive_rate_parity", "false_positive_rate_parity"),
        ("equalized_odds", "equalized_odds"),
    ],
)
def test_probabilities_equal_fairlearns(ours, theirs, objective, seed):
    score, y, group = sample(seed)
    optimizer = ThresholdOptimizer(constraints=ours, objective=objective).fit(
        score, y, sensitive_features=group
    )
    other = Theirs(
        estimator=Given(), constraints=theirs, objective=objective, prefit=True, predict_method="predict"
    )
    other.fit(score[:, None], y, sensitive_features=group)
    expected = other._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
    found = optimizer.probability(score, sensitive_features=group)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tolerance", [0.01, 0.1, 1.0])
def test_a_tolerance_reaches_fairlearns_objective(tolerance):
    score, y, group = sample(3)
    optimizer = ThresholdOptimizer(tolerance=tolerance).fit(score, y, sensitive_features=group)
    other = Theirs(estimator=Given(), prefit=True, predict_method="predict", tol=tolerance + 1e-9)
    other.fit(score[:, None], y, sensitive_features=group)
    p = optimizer.probability(score, sensitive_features=group)
    assert (p * y + (1 - p) * (1 - y)).mean() == pytest.approx(other._y_best, abs=1e-12)
    rates = [p[group == key].mean() for key in "abc"]
    assert max(rates) - min(rates) <= tolerance + 1e-9


def test_constraints_hold_on_the_data_of_fit():
    score, y, group = sample(4, decimals=9)
    for constraint in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        p = ThresholdOptimizer(constraints=constraint).fit(score, y, sensitive_features=group)
        p = p.probability(score, sensitive_features=group)
        tpr, fpr = ([p[(group == key) & (y == c)].mean() for key in "abc"] for c in (1, 0))
        selected = [p[group == key].mean() for key in "abc"]
        equal = {"demographic_parity": [selected], "equal_opportunity": [tpr], "equalized_odds": [tpr, fpr]}
        for rates in equal[constraint]:
            assert max(rates) - min(rates) == pytest.approx(0, abs=1e-9)


def test_decisions_as_scores_give_hardts_linear_program():
    """Hardt et al. (2016), section 4: P(new = 1 | old, group) of least error under equalized odds."""
    _, y, group = sample(5)
    rng = np.random.default_rng(6)
    old = np.where(rng.random(len(y)) < np.where(group == "b", 0.35, 0.2), 1 - y, y)
    keys, n = ["a", "b", "c"], len(y)
    cost, odds = np.zeros(6), np.zeros((2, 3, 6))
    for i, key in enumerate(keys):
        for d in (0, 1):
            here = (group == key) & (old == d)
            cost[2 * i + d] = ((1 - 2 * y)[here]).sum() / n
            for c in (0, 1):
                odds[c, i, 2 * i + d] = (here & (y == c)).sum() / ((group == key) & (y == c)).sum()
    equal = np.concatenate([odds[:, 0] - odds[:, 1], odds[:, 0] - odds[:, 2]])
    program = scipy.optimize.linprog(cost, A_eq=equal, b_eq=np.zeros(4), bounds=(0, 1))
    best = 1 - (program.fun + y.mean())
    optimizer = ThresholdOptimizer(constraints="equalized_odds").fit(old, y, sensitive_features=group)
    p = optimizer.probability(old, sensitive_features=group)
    assert (p * y + (1 - p) * (1 - y)).mean() == pytest.approx(best, abs=1e-3)  # on a grid of 0.001


def test_predictions_draw_lots_from_their_seed():
    score, y, group = sample(7, n=3000)
    optimizer = ThresholdOptimizer(constraints="equalized_odds").fit(score, y, sensitive_features=group)
    first = optimizer.predict(score, sensitive_features=group, seed=1)
    assert (first == optimizer.predict(score, sensitive_features=group, seed=1)).all()
    assert (first != optimizer.predict(score, sensitive_features=group, seed=2)).any()
    assert fairness.equalized_odds_difference(y, first, sensitive_features=group) < 0.1
    plain = fairness.equalized_odds_difference(y, score > 0.5, sensitive_features=group)
    assert plain > 0.15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ThresholdOptimizer(constraints="parity"),
            "constraints='parity' is not known; choose from demographic_parity, equal_opportunity, "
            "true_positive_rate_parity, equalized_odds, false_positive_rate_parity",
        ),
        (
            lambda: ThresholdOptimizer(constraints="equalized_odds", tolerance=0.1),
            "tolerance=0.1 is not for equalized odds; leave it out",
        ),
        (
            lambda: ThresholdOptimizer().fit([0.1, 0.2, 0.3], [0, 1, 0], sensitive_features=["a", "a", "b"]),
            "group 'b' has no row with y_true = 1, both labels are needed; "
            "merge it with another group or leave it out",
        ),
        (
            lambda: ThresholdOptimizer().fit([0.1, np.nan], [0, 1], sensitive_features=["a", "a"]),
            "scores holds 1 NaN or infinite values of 2; remove or replace them",
        ),
        (
            lambda: (
                ThresholdOptimizer()
                .fit([0.1, 0.2], [0, 1], sensitive_features=["a", "a"])
                .predict([0.1], sensitive_features=["b"])
            ),
            "group='b' is not known; choose from a",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_decisions_as_scores_may_be_of_any_kind(kind):
    score, y, group = sample(8)
    decided = (score > 0.5).astype(kind)
    found, expected = (
        ThresholdOptimizer(constraints="equalized_odds").fit(given, y, sensitive_features=group)
        for given in (decided, decided.astype(float))
    )
    assert found.rules == expected.rules
    both = (o.probability(decided, sensitive_features=group) for o in (found, expected))
    assert next(both).tolist() == next(both).tolist()


def test_a_second_fit_forgets_the_first():
    score, y, group = sample(9)
    optimizer = ThresholdOptimizer().fit(score, y, sensitive_features=group)
    optimizer.fit(score, y, sensitive_features=np.where(group == "a", "x", "y"))
    assert set(optimizer.rules) == {"x", "y"}


def test_predicting_comes_after_fitting():
    with pytest.raises(RuntimeError) as caught:
        ThresholdOptimizer().predict([0.5], sensitive_features=["a"])
    assert str(caught.value) == "rules={}, no thresholds have been chosen yet; call fit first"


def test_a_label_that_a_group_lacks_leaves_the_weights_short():
    weights = fairness.reweighing([1, 1, 0, 1], sensitive_features=["a", "a", "b", "b"])
    assert weights.tolist() == pytest.approx([0.75, 0.75, 0.5, 1.5])
    assert weights.sum() == pytest.approx(3.5)  # as the docstring says: not 4


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_a_new_score_at_a_threshold_is_treated_as_by_fairlearn(constraint):
    score, y, group = sample(10)
    optimizer = ThresholdOptimizer(constraints=constraint).fit(score, y, sensitive_features=group)
    other = Theirs(estimator=Given(), constraints=constraint, prefit=True, predict_method="predict")
    other.fit(score[:, None], y, sensitive_features=group)
    edges = [(key, rule[i]) for key, rule in optimizer.rules.items() for i in (3, 5) if np.isfinite(rule[i])]
    keys, new = np.array([key for key, _ in edges]), np.array([edge for _, edge in edges])
    assert len(new) >= 3
    expected = other._pmf_predict(new[:, None], sensitive_features=keys)[:, 1]
    assert optimizer.probability(new, sensitive_features=keys) == pytest.approx(expected, abs=1e-12)
