"""The frame against Fairlearn's, value by value; intervals by coverage; what is undefined."""

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import fairness, metrics
from kit.fairness import MetricFrame

PAIRS = {
    "count": (fairness.count, fm.count),
    "selection_rate": (fairness.selection_rate, fm.selection_rate),
    "true_positive_rate": (fairness.true_positive_rate, fm.true_positive_rate),
    "false_negative_rate": (fairness.false_negative_rate, fm.false_negative_rate),
    "false_positive_rate": (fairness.false_positive_rate, fm.false_positive_rate),
    "true_negative_rate": (fairness.true_negative_rate, fm.true_negative_rate),
    "accuracy": (fairness.accuracy_score, skm.accuracy_score),
    "balanced_accuracy": (fairness.balanced_accuracy_score, skm.balanced_accuracy_score),
    "mean_prediction": (fairness.mean_prediction, fm.mean_prediction),
    "brier": (lambda y, p: float(np.mean((y - p) ** 2)), lambda y, p: float(np.mean((y - p) ** 2))),
}
OURS = {name: pair[0] for name, pair in PAIRS.items()}
THEIRS = {name: pair[1] for name, pair in PAIRS.items()}


def sample(seed=0, n=400):
    """Labels, decisions and three features in which every group has both labels and decisions."""
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["F", "M"], n), rng.choice(["a", "b", "c"], n)
    age = rng.integers(20, 22, n)
    y = rng.integers(0, 2, n)
    return y, np.where(rng.random(n) < 0.3, 1 - y, y), sex, race, age


def compare(ours, theirs):
    """Every number of the two frames, to 1e-12."""
    pd.testing.assert_frame_equal(
        ours.to_pandas(), theirs.by_group.astype(float), rtol=0, atol=1e-12, check_index_type=False
    )
    numbers = [(ours.overall, theirs.overall), (ours.group_min(), theirs.group_min())]
    numbers.append((ours.group_max(), theirs.group_max()))
    for method in ("between_groups", "to_overall"):
        numbers.append((ours.difference(method=method), theirs.difference(method=method)))
        numbers.append((ours.ratio(method=method), theirs.ratio(method=method)))
    for mine, other in numbers:
        for name in ours.metrics:
            if isinstance(mine[name], dict):
                assert mine[name] == pytest.approx(other[name].to_dict(), abs=1e-12)
            else:
                assert mine[name] == pytest.approx(other[name], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_every_number_equals_fairlearn(seed):
    y, p, sex, race, age = sample(seed)
    for features, control in (
        (sex, None),
        ({"sex": sex, "race": race}, None),
        ({"race": race}, {"age": age}),
    ):
        data = {"y_true": y, "y_pred": p, "sensitive_features": features, "control_features": control}
        compare(MetricFrame(metrics=OURS, **data), fm.MetricFrame(metrics=THEIRS, **data))


def test_two_control_features_and_intersections_equal_fairlearn():
    y, p, sex, race, age = sample(4, 800)
    data = {"sensitive_features": pd.DataFrame({"race": race}), "control_features": {"sex": sex, "age": age}}
    ours = MetricFrame(metrics=OURS, y_true=y, y_pred=p, **data)
    compare(ours, fm.MetricFrame(metrics=THEIRS, y_true=y, y_pred=p, **data))
    assert list(ours.by_group["count"]) == list(ours.n)
    assert ours.by_group["count"][("F", 20, "a")] == ours.n[("F", 20, "a")]


def test_weights_equal_fairlearn():
    y, p, sex, _, _ = sample()
    weights = np.random.default_rng(1).random(len(y))
    names = [name for name in PAIRS if name not in ("count", "brier")]
    params = {name: {"sample_weight": weights} for name in names}
    data = {"y_true": y, "y_pred": p, "sensitive_features": sex, "sample_params": params}
    ours = MetricFrame(metrics={name: OURS[name] for name in names}, **data)
    compare(ours, fm.MetricFrame(metrics={name: THEIRS[name] for name in names}, **data))


def test_one_function_gives_numbers_without_its_name():
    y, p, sex, _, age = sample()
    ours = MetricFrame(metrics=fairness.selection_rate, y_true=y, y_pred=p, sensitive_features=sex)
    theirs = fm.MetricFrame(metrics=fm.selection_rate, y_true=y, y_pred=p, sensitive_features=sex)
    assert ours.by_group == pytest.approx(theirs.by_group.to_dict(), abs=1e-12)
    assert ours.overall == pytest.approx(theirs.overall, abs=1e-12)
    assert ours.difference() == pytest.approx(theirs.difference(), abs=1e-12)
    pd.testing.assert_series_equal(ours.to_pandas(), theirs.by_group, check_index_type=False)
    within = MetricFrame(
        metrics=fairness.count, y_true=y, y_pred=p, sensitive_features=sex, control_features=age
    )
    assert within.overall == {20: (age == 20).sum(), 21: (age == 21).sum()}


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 3)), min_size=2, max_size=30))
@settings(max_examples=25, deadline=None)
def test_where_a_rate_is_defined_it_is_fairlearns(rows):
    y, p, group = map(list, zip(*rows))
    data, quiet = {"y_true": y, "y_pred": p, "sensitive_features": group}, {"balanced_accuracy"}
    ours = MetricFrame(metrics=OURS, **data)
    theirs = fm.MetricFrame(metrics={k: v for k, v in THEIRS.items() if k not in quiet}, **data).by_group
    for name, values in ours.by_group.items():
        for key, value in values.items():
            if np.isnan(value):
                assert "division by 0" in ours.undefined[name][key]
            elif name not in quiet:
                assert value == pytest.approx(theirs[name][key], abs=1e-12)


def test_undefined_stays_undefined_says_so_and_takes_no_part():
    y, p = [1, 1, 0, 0, 0, 1], [1, 0, 1, 0, 1, 1]
    group = ["a", "a", "b", "b", "c", "d"]
    frame = MetricFrame(
        metrics={"tpr": fairness.true_positive_rate, "n": fairness.count},
        y_true=y,
        y_pred=p,
        sensitive_features=group,
    )
    assert np.isnan(frame.by_group["tpr"]["b"])
    reason = "division by 0 in TP / (FN + TP)"
    assert frame.undefined == {"tpr": {"b": reason, "c": reason}, "n": {}}
    assert frame.difference()["tpr"] == 0.5  # of a and d alone; Fairlearn counts b and c as 0
    assert frame.ratio()["tpr"] == 0.5
    assert "undefined" in repr(frame)
    alone = MetricFrame(
        metrics=fairness.true_positive_rate, y_true=y[:4], y_pred=p[:4], sensitive_features=group[:4]
    )
    assert np.isnan(alone.difference())
    assert np.isnan(alone.ratio(method="to_overall"))
    assert str(alone.interval("difference")).startswith("nan")


def test_a_combination_without_rows_is_nan_as_in_fairlearn():
    y, p = [1, 0, 1, 0], [1, 1, 0, 0]
    features = {"sex": ["F", "F", "M", "M"], "race": ["a", "b", "a", "a"]}
    ours = MetricFrame(metrics={"n": fairness.count}, y_true=y, y_pred=p, sensitive_features=features)
    theirs = fm.MetricFrame(metrics={"n": fm.count}, y_true=y, y_pred=p, sensitive_features=features)
    pd.testing.assert_frame_equal(ours.to_pandas(), theirs.by_group)
    assert ours.n[("M", "b")] == 0
    assert ours.undefined == {"n": {("M", "b"): "no row"}}
    assert ours.difference() == {"n": 1.0}


def test_a_metric_that_cannot_be_computed_in_one_group_is_undefined_there():
    y, score = [0, 1, 1, 0, 1, 1], [0.2, 0.7, 0.4, 0.6, 0.9, 0.8]
    group = ["a"] * 4 + ["b"] * 2
    frame = MetricFrame(metrics=metrics.roc_auc_score, y_true=y, y_pred=score, sensitive_features=group)
    assert frame.by_group["a"] == 0.75
    assert np.isnan(frame.by_group["b"])
    assert "one class only" in frame.undefined["roc_auc_score"]["b"]


def test_shares_get_wilsons_interval_of_their_own_denominator():
    y, p, sex, _, _ = sample()
    frame = MetricFrame(metrics=fairness.true_positive_rate, y_true=y, y_pred=p, sensitive_features=sex)
    mine = (sex == "F") & (y == 1)
    assert frame.interval()["F"] == metrics.wilson_interval(int(p[mine].sum()), int(mine.sum()))
    assert frame.interval("overall").n == y.sum()


def test_a_differences_interval_covers_what_it_promises():
    rng, covered = np.random.default_rng(3), []
    group = np.repeat([0, 1], 150)
    for seed in range(200):
        p = rng.random(300) < np.where(group == 0, 0.6, 0.4)
        frame = MetricFrame(metrics=fairness.selection_rate, y_true=p, y_pred=p, sensitive_features=group)
        covered.append(0.2 in frame.interval("difference", resamples=300, seed=seed))
    assert 0.89 <= np.mean(covered) <= 0.99


def test_groups_that_are_alike_have_an_interval_around_no_gap():
    rng, covered = np.random.default_rng(4), []
    group = np.repeat([0, 1], 150)
    for seed in range(200):
        p = rng.random(300) < 0.5
        frame = MetricFrame(metrics=fairness.selection_rate, y_true=p, y_pred=p, sensitive_features=group)
        covered.append(0 in frame.interval("difference", resamples=300, seed=seed))
    assert 0.89 <= np.mean(covered) <= 0.99


def test_the_count_tables_bootstrap_agrees_with_resampling_rows():
    y, p, sex, race, _ = sample(5)
    data = {"y_true": y, "y_pred": p, "sensitive_features": {"sex": sex, "race": race}}
    rows = MetricFrame(metrics=lambda a, b: float(np.mean(a == b)), **data)
    table = MetricFrame(metrics=fairness.accuracy_score, **data)
    for number in ("difference", "ratio", "group_min", "group_max"):
        slow, fast = (frame.interval(number, resamples=400) for frame in (rows, table))
        assert slow.estimate == pytest.approx(fast.estimate)
        assert tuple(slow) == pytest.approx(tuple(fast), abs=0.05)
    by_group = (rows.interval(resamples=400), table.interval())
    assert tuple(by_group[0][("F", "a")]) == pytest.approx(tuple(by_group[1][("F", "a")]), abs=0.05)
    against = table.interval("difference", method="to_overall")
    assert table.difference(method="to_overall") in against


def test_intervals_of_weighted_rates_resample_rows():
    y, p, sex, _, age = sample(6, 120)
    ones = {"sample_weight": np.ones(len(y))}
    data = {"y_true": y, "y_pred": p, "sensitive_features": sex, "control_features": age}
    weighted = MetricFrame(metrics=fairness.selection_rate, sample_params=ones, **data)
    plain = MetricFrame(metrics=fairness.selection_rate, **data)
    slow, fast = (frame.interval("difference", resamples=300)[20] for frame in (weighted, plain))
    assert slow.estimate == pytest.approx(fast.estimate)
    assert tuple(slow) == pytest.approx(tuple(fast), abs=0.08)


@pytest.mark.parametrize("form", ["list", "series", "category", "tensor", "object", "bool", "minus one"])
def test_labels_and_groups_in_any_form(form):
    y, p, _, _, age = sample()
    expected = MetricFrame(metrics=OURS, y_true=y, y_pred=p, sensitive_features=age).difference()
    labels = {
        "list": (y.tolist(), p.tolist(), age.tolist()),
        "series": (pd.Series(y), pd.Series(p), pd.Series(age, name="age")),
        "category": (y.astype(np.int8), p, pd.Series(age).astype("category")),
        "tensor": (torch.tensor(y), torch.tensor(p), torch.tensor(age)),
        "object": (y.astype(object), p.astype(float), age.astype(object)),
        "bool": (y == 1, p == 1, age == 21),
        "minus one": (y, p, (age - 20) * 10**9),
    }[form]
    names = [
        name for name in OURS if form not in ("bool", "object") or name not in ("brier", "mean_prediction")
    ]
    frame = MetricFrame(
        metrics={name: OURS[name] for name in names},
        y_true=labels[0],
        y_pred=labels[1],
        sensitive_features=labels[2],
    )
    assert frame.difference() == pytest.approx({name: expected[name] for name in names}, abs=1e-6)


def test_it_shows_itself():
    y, p = [1, 0, 1, 0], [1, 1, 0, 0]
    frame = MetricFrame(
        metrics={"rate": fairness.selection_rate}, y_true=y, y_pred=p, sensitive_features=["a", "a", "b", "b"]
    )
    assert repr(frame).splitlines() == [
        "| sensitive_feature_0 | n | rate |",
        "| ------------------- | - | ---- |",
        "| a                   | 2 | 1    |",
        "| b                   | 2 | 0    |",
        "| overall             | 4 | 0.5  |",
        "| difference          | 4 | 1    |",
        "| ratio               | 4 | 0    |",
    ]


def frame_of(**changes):
    data = {
        "metrics": {"rate": fairness.selection_rate},
        "y_true": [1, 0, 1, 0],
        "y_pred": [1, 1, 0, 0],
        "sensitive_features": ["a", "a", "b", "b"],
    }
    return MetricFrame(**(data | changes))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: frame_of(sensitive_features=["a", None, "b", None]),
            ValueError,
            "sensitive_features holds 2 missing values of 4; drop these rows, or give the missing ones a "
            "group of their own, 'unknown' say",
        ),
        (
            lambda: frame_of(sensitive_features={"sex": ["a"] * 4, "age": [1.0, 2.0, np.nan, 1.0]}),
            ValueError,
            "sensitive_features['age'] holds 1 missing values of 4; drop these rows, or give the missing "
            "ones a group of their own, 'unknown' say",
        ),
        (
            lambda: frame_of(sensitive_features=["a", "b", "c"]),
            ValueError,
            "len(y_true)=4, len(sensitive_features)=3 differ; give one entry of each per sample",
        ),
        (
            lambda: frame_of(y_pred=[1, 0]),
            ValueError,
            "len(y_true)=4, len(y_pred)=2 differ; give one entry of each per sample",
        ),
        (
            lambda: frame_of(y_pred=[0.2, 0.7, 0.1, 1.0]),
            ValueError,
            "y_pred holds fractions, 0 and 1 are needed; compare scores with a threshold",
        ),
        (
            lambda: frame_of(y_true=["no", "yes", "no", "yes"]),
            ValueError,
            "y_true holds the labels 'no', 'yes', 0 and 1 are needed; give y_true == label",
        ),
        (
            lambda: frame_of(y_true=[0, 1, 2, 3]),
            ValueError,
            "y_true holds the labels 0, 1, 2, 3, 0 and 1 are needed; give y_true == label",
        ),
        (lambda: frame_of(metrics={}), ValueError, "metrics is empty; give at least one item"),
        (
            lambda: frame_of(sensitive_features={}),
            ValueError,
            "sensitive_features is empty; give at least one item",
        ),
        (
            lambda: frame_of(sensitive_features=np.zeros((4, 1, 1))),
            ValueError,
            "sensitive_features has shape (4, 1, 1), one dimension is needed; give one value a row",
        ),
        (
            lambda: frame_of(
                sensitive_features={"sex": [0, 0, 1, 1]}, control_features={"sex": [0, 1, 0, 1]}
            ),
            ValueError,
            "the feature 'sex' is given twice; rename or drop one",
        ),
        (
            lambda: frame_of(sample_params={"rat": {"sample_weight": [1, 1, 1, 1]}}),
            ValueError,
            "metric of sample_params='rat' is not known; did you mean 'rate'? choose from rate",
        ),
        (
            lambda: frame_of(sample_params={"rate": {"sample_weight": [1, 1]}}),
            ValueError,
            "len(y_true)=4, len(sample_weight)=2 differ; give one entry of each per sample",
        ),
        (
            lambda: frame_of(metrics=lambda y, p: np.array([1.0, 2.0])),
            TypeError,
            "metrics['<lambda>'] gave ndarray(2,) of float64; return one number a call",
        ),
        (
            lambda: frame_of(metrics=lambda y, p: None),
            TypeError,
            "metrics['<lambda>'] gave None; return one number a call",
        ),
        (
            lambda: frame_of(sample_params={"rate": {"pos_label": "yes"}}),
            TypeError,
            "pos_label of sample_params is one value; use functools.partial(metric, pos_label=...)",
        ),
        (
            lambda: frame_of(metrics={"auc": metrics.roc_auc_score}, y_true=[1, 1, 1, 1]),
            ValueError,
            "metrics['auc'] has no value in any group: y_true holds one class only, a ranking needs both; "
            "add samples of the other class; try it on all rows",
        ),
        (
            lambda: frame_of().difference(method="between"),
            ValueError,
            "method='between' is not known; did you mean 'between_groups'? "
            "choose from between_groups, to_overall",
        ),
        (
            lambda: frame_of().interval("gap"),
            ValueError,
            "number='gap' is not known; "
            "choose from by_group, overall, difference, ratio, group_min, group_max",
        ),
        (
            lambda: frame_of().interval(confidence=95),
            ValueError,
            "confidence=95 is out of range; give a float > 0 and < 1",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_an_interval_of_a_gap_counts_the_rows_of_its_control_group():
    y, city = np.tile([0, 1], 20), np.repeat(["a", "b"], [30, 10])
    columns = {"y_true": y, "y_pred": 1 - y, "sensitive_features": np.tile([0, 0, 1, 1], 10)}
    frame = MetricFrame(metrics={"selected": fairness.selection_rate}, control_features=city, **columns)
    ends = frame.interval("difference", resamples=20)["selected"]
    assert {name: end.n for name, end in ends.items()} == {"a": 30, "b": 10}


WEIGHED = ("demographic_parity_difference", "equalized_odds_ratio")


def weighed(metric=fairness.selection_rate, **changes):
    weights = changes.pop("weights", [1.0, 1, 1, 1])
    data = {"y_true": [1, 0, 1, 0], "y_pred": [1, 1, 0, 0], "sensitive_features": ["a", "a", "b", "b"]}
    return MetricFrame(metrics=metric, sample_params={"sample_weight": weights}, **(data | changes))


def test_labels_of_one_group_are_refused_with_weights_as_without():
    with pytest.raises(ValueError) as caught:
        weighed(y_pred=[1, 0, 2, 2])
    assert str(caught.value) == "y_pred holds the labels 0, 1, 2, 0 and 1 are needed; give y_pred == label"
    with pytest.raises(ValueError, match=r"min\(sample_weight\)=-1.0 is out of range; give a float >= 0"):
        weighed(weights=[1.0, 1, -1, 1])
    with pytest.raises(ValueError, match="y_pred holds the labels -1, 0, 1, 0 and 1 are needed"):
        weighed(y_pred=[-1, 1, 0, 1])


@pytest.mark.parametrize("metric", [fairness.selection_rate, fairness.mean_prediction])
def test_a_group_without_weight_is_undefined(metric):
    frame = weighed(metric, weights=[1.0, 3, 0, 0], y_pred=[1, 0, 1, 0])
    assert frame.by_group["a"] == frame.overall == 0.25
    assert np.isnan(frame.by_group["b"])
    assert list(*frame.undefined.values()) == ["b"]
    assert np.isnan(frame.difference())


def test_a_metric_that_divides_by_zero_is_undefined_there():
    precision = lambda y, p: int((y * p).sum()) / int(p.sum())  # noqa: E731
    frame = frame_of(metrics={"ppv": precision})
    assert frame.by_group["ppv"]["a"] == 0.5
    assert np.isnan(frame.by_group["ppv"]["b"])
    assert frame.undefined["ppv"] == {"b": "division by zero"}


def test_weights_change_the_bootstrap():
    """All weight on few rows: the interval is as wide as that of these rows alone."""
    y, group = np.tile([0, 1], 100), np.repeat([0, 1], 100)
    few = np.where(np.arange(200) % 10 < 2, 1.0, 1e-9)
    wide, all_alike = (
        MetricFrame(
            metrics=fairness.selection_rate,
            y_true=y,
            y_pred=y,
            sensitive_features=group,
            sample_params={"sample_weight": weights},
        ).interval("difference", resamples=200)
        for weights in (few, np.ones(200))
    )
    assert wide.high - wide.low > 1.7 * (all_alike.high - all_alike.low)


def test_names_of_groups_are_shown_and_not_run():
    frame = frame_of(sensitive_features=["<img src=x>", "<img src=x>", "a|b\\\n", "a|b\\\n"])
    assert r"\<img src=x>" in frame._repr_markdown_()
    assert r"a\|b\\" in frame._repr_markdown_()
    assert "| <img src=x>" in repr(frame)  # plain text is left as it is
    assert len(repr(frame).splitlines()) == 7


def test_accuracy_of_many_classes_has_wilsons_interval_in_every_group():
    y, p, group = ["a", "b", "c", "a"], ["a", "c", "c", "b"], ["x", "x", "x", "y"]
    asked = {"accuracy": fairness.accuracy_score, "n": fairness.count}
    frame = MetricFrame(metrics=asked, y_true=y, y_pred=p, sensitive_features=group)
    assert frame.by_group == {"accuracy": {"x": 2 / 3, "y": 0}, "n": {"x": 3, "y": 1}}
    assert frame.interval()["accuracy"]["x"] == metrics.wilson_interval(2, 3)
    with pytest.raises(ValueError, match="y_true holds the labels 'a', 'b', 'c', 0 and 1 are needed"):
        more = asked | {"rate": fairness.selection_rate}
        MetricFrame(metrics=more, y_true=y, y_pred=p, sensitive_features=group)
