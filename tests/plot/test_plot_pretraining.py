"""Figures of lesson 09 show what they are given, and their alternative texts say it."""

import numpy as np
import pytest

from kit import metrics
from kit.plot.pretraining import budget, chances, labels_needed, learning, turned

METHODS = {
    "fine-tuned": {50: [0.70, 0.71, 0.72, 0.71, 0.70], 500: [0.80, 0.81, 0.80, 0.80, 0.81]},
    "scratch": {50: [0.55, 0.56, 0.54, 0.55, 0.57], 500: [0.72, 0.71, 0.72, 0.73, 0.71]},
    "probe": {50: [0.66, 0.74, 0.70, 0.60, 0.72], 500: [0.75, 0.76, 0.75, 0.74, 0.76]},
}


def test_turned_shows_four_positions_and_a_bar_a_digit():
    picture = np.arange(16.0).reshape(4, 4)
    figure, alt = turned(picture, [0.5, 1.0, 0.25])
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), np.rot90(picture, 3))
    assert figure.axes[0].get_title() == "label 0"
    assert [bar.get_height() for bar in figure.axes[4].patches] == [0.5, 1.0, 0.25]
    assert figure.axes[4].get_xlabel() == "digit" and "1: 1.00" in alt and "chance is 0.25" in alt


def test_learning_draws_means_seeds_and_levels():
    curves = {"GPT": {100: [2.4, 2.6], 1000: [1.6, 1.8]}, "LSTM": {100: [2.3], 1000: [1.9]}}
    figure, alt = learning(curves, {"4-grams": 2.02})
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.5, 1.7])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [2.4, 2.6])
    assert ax.get_xscale() == "log" and "nats" in ax.get_ylabel()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["GPT", "LSTM"]
    assert "GPT 1.70, LSTM 1.90" in alt and "4-grams 2.02" in alt and "1,000 steps" in alt


def test_chances_has_a_panel_a_rule_and_counts_what_is_left():
    figure, alt = chances([" Paris", " the"], {"all": [0.8, 0.1], "greedy": [1.0, 0.0]})
    assert [ax.get_title() for ax in figure.axes] == ["all", "greedy"]
    assert [bar.get_width() for bar in figure.axes[1].patches] == [1.0, 0.0, 0.0]
    np.testing.assert_allclose([bar.get_width() for bar in figure.axes[0].patches], [0.8, 0.1, 0.1])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [" Paris", " the", "all others"]
    assert "greedy: ' Paris' 1.00, 1 of 2 above 0, all others 0.00" in alt


def test_labels_needed_grows_evenly_in_the_logarithm():
    runs = {10: [0.5], 1000: [0.7], 10_000: [0.65]}
    assert labels_needed(runs, 0.6) == pytest.approx(100)
    assert labels_needed(runs, 0.4) == 10
    assert labels_needed(runs, 0.7) == pytest.approx(1000)
    assert labels_needed(runs, 0.71) is None


def test_budget_compares_two_methods_at_one_budget():
    figure, alt = budget(METHODS, 50, first="fine-tuned", second="scratch")
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [0.708, 0.804])
    assert [t.get_text() for t in left.get_legend().get_texts()] == list(METHODS)
    assert [t.get_text() for t in left.get_xticklabels()] == ["50", "500"]
    assert left.get_xscale() == "log" and left.get_ylabel() == "test accuracy"
    end = metrics.mean_interval(METHODS["scratch"][50])
    assert f"scratch 0.554 [{end.low:.3f}, {end.high:.3f}]" in alt and "do not overlap" in alt
    assert right.get_title() == "50 labels: intervals apart"
    needed = labels_needed(METHODS["scratch"], 0.708)
    assert f"about {needed:,.0f} labels" in alt and f"about {needed:,.0f} labels" in right.get_xlabel()


def test_budget_says_when_no_number_of_labels_is_enough_and_when_intervals_overlap():
    _, alt = budget(METHODS, 500, first="fine-tuned", second="scratch")
    assert "scratch would need more than 500 labels to do as well as fine-tuned." in alt
    figure, alt = budget(METHODS, 50, first="fine-tuned", second="probe", each_seed=True)
    assert "the intervals overlap." in alt and figure.axes[1].get_title().endswith("overlap")
    assert len(figure.axes[0].collections) == 0  # dots in place of bands


@pytest.mark.parametrize("labels", [50, 500])
@pytest.mark.parametrize("first", METHODS)
@pytest.mark.parametrize("second", METHODS)
def test_every_choice_can_be_drawn(labels, first, second):
    figure, alt = budget(METHODS, labels, first=first, second=second)
    figure.canvas.draw()
    assert f"With {labels} labels" in alt


def test_unknown_choices_are_named():
    with pytest.raises(ValueError, match="labels=77 is not known; choose from 50, 500"):
        budget(METHODS, 77, first="fine-tuned", second="scratch")
    with pytest.raises(ValueError, match="method='tuned' is not known; did you mean 'fine-tuned'"):
        budget(METHODS, 50, first="tuned", second="scratch")
