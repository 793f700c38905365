"""Splits share no sample, cover all, keep their promise, and depend on the seed alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import data
from kit.data import group_split, k_fold, random_split, stratified_split, time_split


def assert_partition(split, n):
    assert sorted(torch.cat(list(split)).tolist()) == list(range(n))


@given(st.integers(20, 300), st.floats(0, 0.45), st.floats(0, 0.45), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_random_split_covers_everything_once(n, validation, test, seed):
    split = random_split(n, validation=validation, test=test, seed=seed)
    assert_partition(split, n)
    assert (len(split.validation), len(split.test)) == (round(n * validation), round(n * test))


@given(st.lists(st.integers(0, 3), min_size=100, max_size=300), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_stratified_split_keeps_every_share(y, seed):
    y += [0, 1, 2, 3] * 10
    split = stratified_split(y, validation=0.2, test=0.3, seed=seed)
    assert_partition(split, len(y))
    assert (len(split.validation), len(split.test)) == (round(len(y) * 0.2), round(len(y) * 0.3))
    for c in range(4):
        have = sum(y[i] == c for i in split.test.tolist())
        assert abs(have - 0.3 * y.count(c)) <= 1.5
        have = sum(y[i] == c for i in split.validation.tolist())
        assert abs(have - 0.2 * y.count(c)) <= 1.5


@given(st.lists(st.integers(0, 12), min_size=3, max_size=120), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_no_group_is_in_two_parts_and_none_is_empty(groups, seed):
    groups += [100, 101, 102]
    split = group_split(groups, validation=0.2, test=0.2, seed=seed)
    assert_partition(split, len(groups))
    parts = [{groups[i] for i in part.tolist()} for part in split]
    assert all(parts)
    assert sum(map(len, parts)) == len(set(groups))


def test_many_groups_meet_the_shares():
    groups = [f"patient {i // 3}" for i in range(600)]
    split = group_split(groups, validation=0.2, test=0.1)
    assert abs(len(split.validation) - 120) <= 3
    assert abs(len(split.test) - 60) <= 3


@given(st.lists(st.integers(0, 1000), min_size=60, max_size=200, unique=True))
@settings(max_examples=40, deadline=None)
def test_the_future_is_never_trained_on(time):
    split = time_split(torch.tensor(time))
    assert_partition(split, len(time))
    t = torch.tensor(time)
    assert t[split.train].max() < t[split.validation].min()
    assert t[split.validation].max() < t[split.test].min()


def test_equal_times_stay_together():
    split = time_split([0, 1, 2, 3, 3, 3, 3, 4, 5, 6], validation=0.2, test=0.2)
    assert [part.tolist() for part in split] == [[0, 1, 2, 3, 4, 5, 6], [7], [8, 9]]


@given(st.integers(10, 100), st.integers(2, 7), st.booleans())
@settings(max_examples=60, deadline=None)
def test_each_sample_is_tested_exactly_once(n, k, stratified):
    y = torch.arange(n) % 2 if stratified and n >= 2 * k else None
    folds = list(k_fold(n, k=k, y=y))
    assert len(folds) == k
    assert sorted(torch.cat([test for _, test in folds]).tolist()) == list(range(n))
    for train, test in folds:
        assert sorted(torch.cat([train, test]).tolist()) == list(range(n))
        if y is not None:
            assert abs(int(y[test].sum()) - len(test) / 2) <= 1


@pytest.mark.parametrize("split", [random_split, None, group_split])
def test_the_seed_decides_alone(split):
    argument = 60 if split is random_split else torch.arange(60) % 6
    split = split or stratified_split
    torch.manual_seed(1)
    first = split(argument, seed=3)
    torch.manual_seed(2)
    again, other = split(argument, seed=3), split(argument, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not torch.equal(first.train, other.train)


def test_splitting_touches_no_global_state():
    before = torch.get_rng_state()
    stratified_split(data.load("digits").y)
    list(k_fold(20))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: random_split(10, validation=0.5, test=0.5),
            "validation=0.5 and test=0.5 of 10 samples leave none to train on; choose smaller shares",
        ),
        (lambda: random_split(10, test=15), "test=15 is out of range; give a float >= 0 and < 1"),
        (
            lambda: stratified_split([0] * 30 + [1]),
            "y holds class 1 1 times, too few for the validation part; "
            "add samples, merge classes, or use random_split",
        ),
        (
            lambda: group_split([1] * 10 + [2] * 10),
            "groups holds 2 groups, 3 are needed; collect more or ask for fewer parts",
        ),
        (
            lambda: group_split([[1, 2], [3, 4]]),
            "groups has more than one dimension; give one entry per sample",
        ),
        (
            lambda: time_split([1] * 20),
            "time has too many equal values, the validation part is empty; give finer times",
        ),
        (lambda: k_fold(5, k=6), "k=6 is out of range; give an int >= 2 and <= 5"),
        (
            lambda: k_fold(6, k=3, y=[0, 0, 0, 0, 1, 1]),
            "k=3 is more than the 2 samples of class 1; choose a smaller k or leave y out",
        ),
        (lambda: stratified_split([]), "y is empty; give at least one item"),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        result = call()
        list(result)
    assert str(error.value) == message
