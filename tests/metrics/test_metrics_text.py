"""Word and character error rates against brute force and known examples."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import metrics

short = st.text("abc", max_size=8)


def distance(a: str, b: str) -> int:
    @cache
    def d(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(d(i - 1, j - 1) + (a[i - 1] != b[j - 1]), d(i - 1, j) + 1, d(i, j - 1) + 1)

    return d(len(a), len(b))


@given(short, short)
@settings(max_examples=200, deadline=None)
def test_alignment_is_cheapest_and_rebuilds_both_texts(a, b):
    found = metrics.align(a, b)
    assert found.distance == distance(a, b)
    assert found.length == len(a)
    assert "".join(r for _, r, _ in found.steps if r is not None) == a
    assert "".join(h for _, _, h in found.steps if h is not None) == b
    assert all((operation == "equal") == (r == h) for operation, r, h in found.steps)


@given(short, short, short)
@settings(max_examples=60, deadline=None)
def test_edit_distance_is_a_metric(a, b, c):
    d = lambda x, y: metrics.align(x, y).distance  # noqa: E731
    assert d(a, b) == d(b, a)
    assert d(a, c) <= d(a, b) + d(b, c)


def test_the_exercise_of_lesson_01():
    assert metrics.word_error_rate("a b c d", "a x c") == 0.5
    found = metrics.align(["a", "b", "c", "d"], ["a", "x", "c"])
    assert [found.count(o) for o in ("equal", "substitute", "delete", "insert")] == [2, 1, 1, 0]
    assert str(found) == "a b c d\na x c ***"


def test_kitten_becomes_sitting_in_three_edits():
    assert metrics.align("kitten", "sitting").distance == 3


def test_insertions_push_the_rate_above_one():
    assert metrics.word_error_rate("yes", "oh yes of course") == 3


def test_a_list_counts_all_words_together():
    references, hypotheses = ["a b c d", "e"], ["a b c d", "x"]
    assert metrics.word_error_rate(references, hypotheses) == pytest.approx(1 / 5)


def test_characters_serve_chinese():
    assert metrics.character_error_rate("今天天气很好", "今天天汽好") == pytest.approx(2 / 6)
    assert metrics.word_error_rate("今天天气很好", "今天天汽好") == 1


def test_mistakes_are_named_with_a_way_out():
    with pytest.raises(ValueError) as error:
        metrics.word_error_rate("", "a")
    assert str(error.value) == "reference='' holds no token, the rate is undefined; give a reference text"
    with pytest.raises(ValueError) as error:
        metrics.word_error_rate(["a", "b"], ["a"])
    assert str(error.value) == (
        "len(reference)=2, len(hypothesis)=1 differ; give one entry of each per sample"
    )
    with pytest.raises(ValueError, match=r"^operation='swap' is not known; choose from equal, substitute, "):
        metrics.align("a", "b").count("swap")
