"""k, l and t against the papers' tables, pandas, SciPy and counting by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import privacy

#: Table 3 of Li, Li & Venkatasubramanian 2007: three classes of three.
SALARY = {
    "zip": ["476**"] * 3 + ["4790*"] * 3 + ["476** "] * 3,
    "age": ["2*"] * 3 + [">=40"] * 3 + ["3*"] * 3,
    "salary": [3, 4, 5, 6, 11, 8, 7, 9, 10],
    "disease": [
        "ulcer",
        "gastritis",
        "cancer",
        "gastritis",
        "flu",
        "bronchitis",
        "bronchitis",
        "pneumonia",
        "cancer",
    ],
}


def random_table(seed=0, n=400):
    g = np.random.default_rng(seed)
    return {
        "age": g.integers(20, 30, n),
        "sex": g.choice(["f", "m"], n),
        "weight": g.choice([50.0, 60.5, np.nan], n),
        "ill": g.choice(["a", "b", "c", "d"], n, p=[0.6, 0.2, 0.15, 0.05]),
        "income": g.integers(0, 6, n) * 10,
    }


def test_the_published_t_closeness():
    """Section 4.2: D[P1, Q] = 0.375 for the ordered salaries 3k, 4k, 5k of the first class."""
    assert privacy.t_closeness(SALARY, ["zip", "age"], "salary", ordered=True) == pytest.approx(0.375)
    assert privacy.k_anonymity(SALARY, ["zip", "age"]) == 3


@pytest.mark.parametrize("quasi", [["age"], ["age", "sex"], ["sex", "weight", "age"]])
def test_class_sizes_equal_pandas(quasi):
    table = random_table()
    frame = pd.DataFrame(table)
    theirs = frame.groupby(quasi, dropna=False)["ill"].transform("size").to_numpy()
    for given_table in (table, frame, frame.astype({"sex": "category"})):
        assert np.array_equal(privacy.class_sizes(given_table, quasi), theirs)
    assert privacy.k_anonymity(table, quasi) == theirs.min()


def classes(frame, quasi, column):
    return [group[column].to_numpy() for _, group in frame.groupby(quasi, dropna=False)]


def test_l_diversity_equals_counting_by_hand():
    table, quasi = random_table(), ["age", "sex"]
    frame = pd.DataFrame(table)
    counts = [np.sort(np.unique(g, return_counts=True)[1])[::-1] for g in classes(frame, quasi, "ill")]
    assert privacy.l_diversity(table, quasi, "ill") == min(map(len, counts))
    entropy = min(math.exp(scipy.stats.entropy(c)) for c in counts)
    assert privacy.l_diversity(table, quasi, "ill", method="entropy") == pytest.approx(entropy, rel=1e-12)
    for c in (0.9, 2.0, 5.0, 50.0):
        largest = min(
            max([i + 1 for i in range(len(r)) if r[0] < c * r[i:].sum()], default=0) for r in counts
        )
        assert privacy.l_diversity(table, quasi, "ill", method="recursive", c=c) == largest


def test_t_closeness_equals_scipy():
    table, quasi = random_table(), ["age", "sex"]
    frame = pd.DataFrame(table)
    place = {value: i for i, value in enumerate(sorted(set(table["income"])))}
    ranks = lambda values: [place[v] for v in values]  # noqa: E731
    everybody = ranks(frame["income"])
    ordered = max(
        scipy.stats.wasserstein_distance(ranks(g), everybody) / (len(place) - 1)
        for g in classes(frame, quasi, "income")
    )
    assert privacy.t_closeness(table, quasi, "income", ordered=True) == pytest.approx(ordered, rel=1e-9)
    share = lambda values: np.array([(values == v).mean() for v in "abcd"])  # noqa: E731
    total = share(frame["ill"].to_numpy())
    equal = max(np.abs(share(g) - total).sum() / 2 for g in classes(frame, quasi, "ill"))
    assert privacy.t_closeness(table, quasi, "ill", ordered=False) == pytest.approx(equal, rel=1e-12)


def test_missing_values_are_one_value_whatever_object_they_are():
    ages = np.array(["a", float("nan"), float("nan"), None], object)
    assert privacy.class_sizes({"x": ages}, ["x"]).tolist() == [1, 3, 3, 3]
    assert privacy.class_sizes({"x": np.array([1.0, np.nan, np.nan])}, ["x"]).tolist() == [1, 2, 2]


def test_order_is_that_of_numbers_and_of_a_categorical():
    """One class of the two lowest, one of the two highest of four values: t = (1/4 + 1/2 + 1/4) / 3."""
    group, kind = ["a", "a", "b", "b"], pd.CategoricalDtype(["low", "medium", "high", "top"], ordered=True)
    for values in (
        np.array([8, 9, 10, 11], object),
        pd.Series([8, 9, 10, 11], dtype=object),
        pd.Series(["low", "medium", "high", "top"], dtype=kind),
        pd.Series(["low", "medium", "high", "top"], dtype=kind).to_frame()[0],
    ):
        table = {"group": group, "value": values}
        assert privacy.t_closeness(table, ["group"], "value", ordered=True) == pytest.approx(1 / 3)


def test_values_of_several_kinds_are_ordered_as_text():
    mixed = np.array([1, "b", (2, 3), None], object)
    assert privacy.class_sizes({"x": mixed}, ["x"]).tolist() == [1, 1, 1, 1]


def test_one_class_is_as_close_as_can_be():
    table = random_table() | {"all": np.zeros(400)}
    assert privacy.t_closeness(table, ["all"], "ill", ordered=False) == 0
    assert privacy.t_closeness(table | {"same": ["x"] * 400}, ["sex"], "same", ordered=True) == 0


@given(st.integers(0, 10_000), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_mondrian_keeps_k_and_no_part_could_be_cut_further(seed, k):
    table = random_table(seed, 120)
    result = privacy.mondrian(table, ["age", "sex", "income"], k=k)
    sizes = np.bincount(result.classes)
    assert result.k == sizes.min() >= k
    assert privacy.k_anonymity(result.table, ["age", "sex", "income"]) >= k
    assert 0 <= result.loss <= 1
    for rows in (np.flatnonzero(result.classes == c) for c in range(len(sizes))):
        for name in ("age", "sex", "income"):
            values = np.sort(np.asarray(table[name])[rows])
            low = (values <= values[(len(values) - 1) // 2]).sum()
            assert low < k or len(rows) - low < k


def test_mondrian_by_hand():
    table = {
        "age": np.array([25, 27, 41, 49]),
        "sex": np.array(["f", "m", "f", "f"]),
        "ill": np.array(list("abcd")),
    }
    result = privacy.mondrian(table, ["age", "sex"], k=2)
    assert result.table["age"].tolist() == ["25-27", "25-27", "41-49", "41-49"]
    assert result.table["sex"].tolist() == ["{f, m}", "{f, m}", "f", "f"]
    assert result.table["ill"].tolist() == list("abcd")
    assert result.loss == pytest.approx((2 * (2 / 24 + 1) + 2 * (8 / 24)) / 8)


def test_a_value_lies_in_its_range():
    table = random_table()
    result = privacy.mondrian(table, ["age", "income"], k=10)
    for name in ("age", "income"):
        for value, text in zip(table[name], result.table[name]):
            low, _, high = text.partition("-")
            assert int(low) <= value <= int(high or low)


def test_k_of_one_changes_nothing_that_matters():
    table = {"age": np.arange(9)}
    result = privacy.mondrian(table, ["age"], k=1)
    assert result.table["age"].tolist() == [str(i) for i in range(9)]
    assert result.loss == 0


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: privacy.k_anonymity(SALARY, ["zib"]),
            "column='zib' is not known; did you mean 'zip'? choose from zip, age, salary, disease",
        ),
        (lambda: privacy.k_anonymity(SALARY, []), "quasi_identifiers is empty; give at least one item"),
        (lambda: privacy.k_anonymity({"a": []}, ["a"]), "a is empty; give at least one item"),
        (
            lambda: privacy.k_anonymity({"a": [1, 2], "b": [1]}, ["a", "b"]),
            "len(a)=2, len(b)=1 differ; give one entry of each per sample",
        ),
        (
            lambda: privacy.l_diversity(SALARY, ["zip"], "disease", method="recursiv"),
            "method='recursiv' is not known; did you mean 'recursive'? choose from distinct, entropy, "
            "recursive",
        ),
        (lambda: privacy.mondrian(SALARY, [], k=2), "quasi_identifiers is empty; give at least one item"),
        (lambda: privacy.mondrian(SALARY, ["salary"], k=10), "k=10 is more than the table's 9 rows; lower k"),
        (
            lambda: privacy.mondrian(random_table(), ["weight"], k=2),
            "weight holds 121 NaN or infinite values of 400; remove or replace them",
        ),
        (
            lambda: privacy.t_closeness(
                {"a": np.arange(20_000), "s": np.arange(20_000)}, ["a"], "s", ordered=True
            ),
            "s has 20000 values in 20000 classes, too many; bin it",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("call", [privacy.k_anonymity, lambda *given: privacy.mondrian(*given, k=2)])
def test_one_name_instead_of_a_list_is_refused(call):
    with pytest.raises(TypeError) as error:
        call(SALARY, "age")
    assert str(error.value) == "quasi_identifiers='age' is one text; give a list of column names"
