"""Labelled texts keep their order and show their repetitions."""

from kit import data


def test_repetitions_and_conflicts_are_flagged(reviews):
    texts = data.load("reviews", fetch=True)
    assert texts.texts == ("bad", "worse", "bad", "so so", "good", "so so", "best")
    assert texts.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert texts.duplicate.tolist() == [False, False, True, False, False, True, False]
    assert texts.conflicting.tolist() == [False, False, False, True, False, True, False]
    assert texts.class_names == ("negative", "positive")
    assert repr(texts) == "Texts('reviews': 7 texts, 2 of them repeats, 2 classes)"


def test_without_duplicates_each_text_has_one_certain_class(reviews):
    texts = data.load("reviews", fetch=True).without_duplicates()
    assert texts.texts == ("bad", "worse", "good", "best")
    assert texts.labels.tolist() == [0, 0, 1, 1]
    assert not texts.duplicate.any()
    assert texts.card.fields["name"] == "reviews"
