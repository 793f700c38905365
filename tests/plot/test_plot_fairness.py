"""Figures of lesson 20: gaps are those of the people drawn, labels and alt texts say what is shown."""

import numpy as np
import pytest

from kit.metrics import Interval, wilson_interval
from kit.plot import fairness
from kit.plot.fairness import WORLDS, calibrated, gaps, threshold_lab


def test_calibrated_scores_mean_what_they_say_and_have_the_base_rate():
    positive, negative = calibrated(0.3, 4.0)
    assert positive.sum() + negative.sum() == pytest.approx(1)
    assert positive.sum() == pytest.approx(0.3, abs=1e-3)
    np.testing.assert_allclose(positive / (positive + negative), (np.arange(50) + 0.5) / 50)


def test_gaps_count_people_at_or_above_the_threshold():
    group_a = np.array([0.1, 0.4]), np.array([0.3, 0.2])  # two scores
    group_b = np.array([0.2, 0.2]), np.array([0.6, 0.0])
    found, accuracy = gaps((group_a, group_b), (0.5, 0.5))
    expected = {"selected": 0.6 - 0.2, "TPR": 0.8 - 0.5, "FPR": 0.4 - 0.0, "PPV": 0.4 / 0.6 - 1.0}
    assert found == pytest.approx(expected)
    assert accuracy == pytest.approx((0.4 + 0.3 + 0.2 + 0.6) / 2)


def test_everybody_and_nobody_selected():
    everybody, _ = gaps(WORLDS["unequal base rates"], (0, 0))
    assert [round(everybody[name], 9) for name in ("selected", "TPR", "FPR")] == [0, 0, 0]
    assert everybody["PPV"] == pytest.approx(0.132, abs=2e-3)  # the gap of the base rates
    nobody, _ = gaps(WORLDS["unequal base rates"], (1, 1))
    assert np.isnan(nobody["PPV"])


def test_lab_shows_the_gaps_and_counts_zeros():
    figure, alt = threshold_lab()("equal base rates", 0.4, 0.4)
    left, middle, right = figure.axes
    assert right.get_title().startswith("zero: 4 of 4; accuracy 0.")
    assert left.lines[0].get_xdata()[0] == middle.lines[0].get_xdata()[0] == 0.4
    assert right.get_xlabel() == "rate of A minus rate of B"
    _, alt = threshold_lab()("unequal base rates", 0.5, 0.3)
    found, _ = gaps(WORLDS["unequal base rates"], (0.5, 0.3))
    assert f"TPR {found['TPR']:+.3f}" in alt and "thresholds 0.50 for A and 0.30 for B" in alt


@pytest.mark.parametrize("thresholds", [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("world", WORLDS)
def test_extreme_thresholds_draw(world, thresholds):
    figure, alt = threshold_lab()(world, *thresholds)
    figure.canvas.draw()
    assert ("PPV undefined" in alt) == (1.0 in thresholds)


def test_unknown_world_is_refused():
    with pytest.raises(ValueError, match="world='no'"):
        threshold_lab()("no")


def test_rates_draw_one_line_a_group_and_rate():
    one = lambda x: Interval(x, x - 0.1, x + 0.1, 0.95, 50, "Wilson")  # noqa: E731
    table = {"TPR": {"a": one(0.5), "b": one(0.7)}, "FPR": {"a": one(0.2), "b": one(0.3)}}
    figure, alt = fairness.rates(table, title="Two groups")
    ax = figure.axes[0]
    assert alt == "Two groups. TPR: a 0.500, b 0.700; FPR: a 0.200, b 0.300."
    assert sorted(line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1) == [
        0.2,
        0.3,
        0.5,
        0.7,
    ]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["TPR", "FPR"]
    assert ax.get_xlabel() == "rate, with 95 % interval"


def test_reliability_and_loops_say_where_lines_end():
    curve = {"a": (np.arange(3), np.array([0.1, np.nan, 0.8]), np.array([10, 0, 5]))}
    figure, alt = fairness.reliability(curve, xlabel="decile", title="Risk")
    assert alt == "Risk. Share with label 1 over the score: a from 0.10 to 0.80."
    assert figure.axes[0].get_xlabel() == "decile"
    line, first, *_ = figure.axes[0].lines
    np.testing.assert_allclose(first.get_ydata(), tuple(wilson_interval(1, 10)))
    assert first.get_color() == line.get_color()
    runs = np.array([[0.5, 0.6], [0.5, 0.8]])
    figure, alt = fairness.loops({"urn": runs}, truth=0.55, xlabel="day", ylabel="share", title="Loop")
    assert alt == "Loop: urn ends at 0.7, from 0.62 to 0.78; the truth is 0.55."
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.5, 0.7])


def test_price_has_a_panel_a_gap_and_a_mark_a_method():
    results = {
        "nothing": {"accuracy": [0.8, 0.9], "selection gap": [0.2, 0.2], "odds gap": [0.1, 0.1]},
        "thresholds": {"accuracy": [0.8, 0.8], "selection gap": [0.0, 0.0], "odds gap": [0.3, 0.3]},
    }
    figure, alt = fairness.price(results, title="Price")
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "selection gap (0 is parity)",
        "odds gap (0 is parity)",
    ]
    marks = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[1].lines]
    np.testing.assert_allclose(marks, [(0.1, 0.85), (0.3, 0.8)])
    assert "thresholds: accuracy 0.800, selection gap 0.000, odds gap 0.300" in alt


def test_pronouns_name_the_two_ends():
    figure, alt = fairness.pronouns(
        ["nurse", "driver", "cook"], [90, 6, 38], np.array([[2.0, 1.0], [-1, -2], [0, 0]]), labelled=["cook"]
    )
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.5, -1.5, 0])
    assert [text.get_text() for text in ax.texts] == ["cook"]
    assert "lowest for driver with -1.50, highest for nurse with 1.50" in alt
    assert ax.get_ylabel().endswith("in nats")
