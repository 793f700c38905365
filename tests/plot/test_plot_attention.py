"""Figures of lesson 08 show what they are given; the editor's heads attend as they say."""

import itertools

import numpy as np
import pytest

from kit.plot import COLOURS
from kit.plot.attention import HEADS, SENTENCES, WORDS, attend, costs, editor, lookup, matrix

FIRST, SECOND, _ = SENTENCES


def share(sentence, query, word, *, head, hidden="nothing", causal=False, positions=False):
    tokens = sentence.split()
    weights = attend(sentence, hidden, causal, positions)[HEADS.index(head)]
    return weights[tokens.index(query), tokens.index(word)]


def test_sentences_hold_the_same_words():
    assert len(SENTENCES) > 2
    assert {tuple(sorted(sentence.split())) for sentence in SENTENCES} == {tuple(sorted(WORDS))}


def test_rows_of_weights_add_up_to_one_and_hidden_words_get_nothing():
    weights = attend(FIRST, "dog", False, True)
    np.testing.assert_allclose(weights.sum(-1), 1)
    assert (weights[:, :, WORDS.index("dog")] == 0).all()


def test_head_what_finds_kinds_of_words_wherever_they_stand():
    for sentence, positions in itertools.product(SENTENCES, (False, True)):
        assert share(sentence, "bites", "dog", head="what", positions=positions) > 0.45
        assert share(sentence, "bites", "cat", head="what", positions=positions) > 0.45
        assert share(sentence, "big", "bites", head="what", positions=positions) < 0.05


def test_head_where_finds_the_word_before_and_needs_positions():
    assert share(FIRST, "bites", "dog", head="where", positions=True) > 0.9
    assert share(SECOND, "bites", "cat", head="where", positions=True) > 0.9
    assert share(FIRST, "bites", "dog", head="where") == pytest.approx(0.2)


def test_without_positions_and_causal_mask_every_order_gives_the_same():
    plain = {w: [share(FIRST, "bites", w, head=h) for h in HEADS[:2]] for w in WORDS}
    for sentence in SENTENCES[1:]:
        for word in WORDS:
            np.testing.assert_allclose(
                [share(sentence, "bites", word, head=h) for h in HEADS[:2]], plain[word]
            )


def test_causal_mask_hides_what_comes_later():
    weights = attend(FIRST, "nothing", True, False)
    assert (weights[:, ~np.tri(5, dtype=bool)] == 0).all()


@pytest.mark.parametrize("word", ["small", "cat"])
def test_with_a_causal_mask_hiding_a_later_word_moves_nothing(word):
    row = WORDS.index("bites")
    seen = attend(FIRST, "nothing", True, False)[:, row]
    np.testing.assert_array_equal(attend(FIRST, word, True, False)[:, row], seen)
    assert np.abs(attend(FIRST, "dog", True, False)[:, row] - seen).max() > 0.1


def test_editor_draws_weights_and_output_and_says_what_moved():
    figure, alt = editor(SECOND, "bites", "nothing", False, True, "where")
    left, right = figure.axes
    weights = attend(SECOND, "nothing", False, True)[1]
    np.testing.assert_allclose(left.images[0].get_array(), weights)
    assert [tick.get_text() for tick in left.get_yticklabels()] == SECOND.split()
    assert left.get_xlabel() == "key: looked at" and right.get_ylabel() == "share of the value"
    heights = [bar.get_height() for bar in right.patches]
    assert heights[1] > 0.9 and heights[5 + WORDS.index("cat")] > 0.9  # before: the dog; now: the cat
    assert "“bites” takes" in alt and "cat 1.00; moved by 1.00." in alt
    assert [text.get_text() for text in left.texts][1] == "1.00"


def test_editor_without_positions_says_that_nothing_moved():
    assert editor(SECOND)[1].endswith("moved by 0.00.")
    assert not editor(SECOND, causal=True)[1].endswith("moved by 0.00.")


@pytest.mark.parametrize("head", HEADS)
def test_extreme_settings_draw(head):
    figure, alt = editor(SENTENCES[2], "cat", "cat", True, True, head)  # the first word sees nobody
    figure.canvas.draw()
    assert "nan" not in alt and "moved by" in alt


def test_lookup_shows_weights_as_width_and_as_bars():
    figure, alt = lookup([0.0, 1.0], [[1.0, 0.0], [0.0, 2.0]], [0.25, 0.75], ["a", "b"])
    left, right = figure.axes
    assert left.lines[1].get_linewidth() > left.lines[0].get_linewidth()
    assert [bar.get_height() for bar in right.patches] == [0.25, 0.75]
    assert right.get_ylabel() == "weight" and "a 0.25, b 0.75" in alt


def test_matrix_keeps_the_values_and_centres_its_colours_on_zero():
    values = np.array([[1.0, -3.0], [2.0, 0.0]])
    figure, alt = matrix(values, title="waves", xlabel="feature", ylabel="position")
    picture = figure.axes[0].images[0]
    np.testing.assert_array_equal(picture.get_array(), values)
    assert picture.get_clim() == (-3, 3)
    assert alt == "waves: 2 rows (position), 2 columns (feature), from -3 to 2."
    matrix(np.zeros((2, 2)), title="t", xlabel="x", ylabel="y")[0].canvas.draw()


def test_costs_say_how_each_line_grows():
    sizes = (10, 20, 40)
    figure, alt = costs(
        sizes, {"square": [1, 4, 16], "line": [3, 6, 12]}, title="t", xlabel="tokens", ylabel="time (ms)"
    )
    ax = figure.axes[0]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [line.get_label() for line in ax.lines] == [
        "square (grows as size^2.0)",
        "line (grows as size^1.0)",
    ]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 4, 16])
    assert ax.lines[0].get_color() == COLOURS[0]
    assert alt.startswith("time (ms) for tokens 10 to 40: square from 1 to 16, at the end as size^2.0;")
