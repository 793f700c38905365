"""Factorizing against pandas, in every form a column may have, also without pandas."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.fairness.groups import Groups, _text, factorize

NUMBERS = [3, 1, 3, 2, 1, 1]
WORDS = ["c", "a", "c", "b", "a", "a"]
CODES = [2, 0, 2, 1, 0, 0]


@pytest.mark.parametrize("pandas_loaded", [True, False])
@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (NUMBERS, [1, 2, 3]),
        (np.array(NUMBERS, np.int8), [1, 2, 3]),
        (np.array(NUMBERS, np.uint64) * 10**15, [10**15, 2 * 10**15, 3 * 10**15]),
        (np.array(NUMBERS) * 0.5, [0.5, 1.0, 1.5]),
        (torch.tensor(NUMBERS), [1, 2, 3]),
        (pd.Series(NUMBERS), [1, 2, 3]),
        (pd.Series(NUMBERS, dtype="Int64"), [1, 2, 3]),
        (WORDS, ["a", "b", "c"]),
        (tuple(WORDS), ["a", "b", "c"]),
        (np.array(WORDS), ["a", "b", "c"]),
        (np.array(WORDS, dtype=object), ["a", "b", "c"]),
        (pd.Series(WORDS), ["a", "b", "c"]),
        (pd.Series(WORDS, dtype="category"), ["a", "b", "c"]),
        (pd.Categorical(WORDS, ["a", "none", "b", "c"]), ["a", "b", "c"]),
        (["x", 1, "x", 2, 1, 1], [1, 2, "x"]),
    ],
)
def test_every_form_of_a_column(values, levels, pandas_loaded, monkeypatch):
    if not pandas_loaded:
        monkeypatch.delitem(sys.modules, "pandas")
    codes, found = factorize("sex", values)
    assert found == levels
    assert codes.tolist() == CODES


def test_an_ordered_category_keeps_its_order():
    ages = pd.Categorical(["old", "young", "old"], ["young", "middle", "old"], ordered=True)
    codes, levels = factorize("age", ages)
    assert (codes.tolist(), levels) == ([1, 0, 1], ["young", "old"])


def test_int8_from_end_to_end_does_not_overflow():
    codes, levels = factorize("age", np.array([-128, 127, 0], np.int8))
    assert (codes.tolist(), levels) == ([0, 2, 1], [-128, 0, 127])


@given(st.lists(st.text(max_size=9), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_texts_are_never_confused(words):
    words = [word.rstrip("\0") for word in words]  # which NumPy strips
    codes, levels = factorize("word", np.array(words, dtype=str))
    assert [levels[code] for code in codes] == words
    assert levels == sorted(set(words))


def test_many_texts_in_many_blocks():
    groups = np.random.default_rng(0).integers(0, 40, 200_000)
    words = np.array([f"group number {i}" for i in range(40)])
    codes, levels = _text(words[groups])
    assert (np.array(levels)[codes] == words[groups]).all()


def test_too_many_texts_for_the_short_way_take_the_long_one():
    words = np.array([f"{i:05}" for i in range(3000)])
    assert _text(words) is None
    codes, levels = factorize("word", words)
    assert codes.tolist() == list(range(3000))
    assert levels == words.tolist()


def test_groups_are_all_combinations_with_the_last_feature_fastest():
    groups = Groups.of("sensitive_features", {"sex": ["F", "M", "M"], "age": [30, 20, 30]}, 3)
    assert groups.names == ("sex", "age")
    assert groups.keys == [("F", 20), ("F", 30), ("M", 20), ("M", 30)]
    assert groups.codes.tolist() == [1, 2, 3]
    assert groups.counts.tolist() == [0, 1, 1, 1]
    assert len(groups) == 4


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (["F", "M"], ("sensitive_feature_0",)),
        (pd.Series(["F", "M"], name="sex"), ("sex",)),
        (pd.DataFrame({"sex": ["F", "M"], "age": [1, 2]}), ("sex", "age")),
        (np.array([["F", 1], ["M", 2]]), ("sensitive_feature_0", "sensitive_feature_1")),
    ],
)
def test_names_as_fairlearn_gives_them(features, names):
    assert Groups.of("sensitive_features", features, 2).names == names


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b"],
        np.array(["a", np.nan, "b"], dtype=object),
        [1.0, float("nan"), 2.0],
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([1.0, None, 2.0]),
    ],
)
@pytest.mark.parametrize("pandas_loaded", [True, False])
def test_missing_values_are_counted_and_refused(values, pandas_loaded, monkeypatch):
    if not pandas_loaded:
        monkeypatch.delitem(sys.modules, "pandas")
    with pytest.raises(ValueError) as caught:
        factorize("sex", values)
    assert str(caught.value) == (
        "sex holds 1 missing values of 3; drop these rows, or give the missing ones a group of their own, "
        "'unknown' say"
    )


def test_texts_that_share_a_slot_of_the_hash_are_told_apart():
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefgh"), 7)) for _ in range(900)])
    assert _text(words) is None  # 900 of 65,536 slots: some share one
    codes, levels = factorize("word", words)
    assert (np.array(levels)[codes] == words).all()
    assert levels == sorted(set(words.tolist()))
