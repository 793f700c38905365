"""Figures of lesson 02 show the counts, intervals and shares they are given."""

import numpy as np
import pytest

from kit.metrics import Interval, positive_predictive_value, wilson_interval
from kit.plot.decisions import coverage, estimates, goal_tree, roc, screening, winners


def marks(figure):
    """Number of marks of each group of people, in the order of drawing."""
    return [len(c.get_offsets()) for c in figure.axes[0].collections if len(c.get_offsets())]


def test_every_person_is_one_mark_and_the_counts_are_said():
    figure, alt = screening(0.3, 0.9, 0.8, 200)
    assert marks(figure) == [270, 140, 30, 560]
    assert "270 are ill and found, 140 are false alarms, 30 are ill and missed, 560 are healthy" in alt
    assert figure.axes[0].get_title() == "1,000 people, 410 called ill (filled)"


def test_marks_tell_truth_by_form_answer_by_filling_and_mistakes_by_colour():
    figure, _ = screening(0.3, 0.9, 0.8)
    drawn = [c for c in figure.axes[0].collections if len(c.get_offsets())]
    sides = [len(c.get_paths()[0].vertices) for c in drawn]
    assert sides[0] == sides[2] != sides[1] == sides[3]
    assert [len(c.get_facecolors()) for c in drawn] == [1, 1, 0, 0]
    edges = [tuple(c.get_edgecolors()[0]) for c in drawn]
    assert edges[1] == edges[2] and len(set(edges)) == 3


def test_accuracy_carries_wilsons_interval_of_n_cases():
    figure, alt = screening(0.3, 0.9, 0.9, 200)
    low, high = wilson_interval(180, 200)
    right = figure.axes[1]
    np.testing.assert_allclose(right.lines[0].get_xdata(), [low, high])
    assert f"interval for 200 cases {low:.1%} to {high:.1%}" in alt
    assert right.get_xlabel() == "share (black: 95 % interval, n = 200; dashed: task)"


def test_more_cases_narrow_the_interval_and_leave_the_shares():
    few, many = (screening(0.1, 0.9, 0.9, n)[0].axes[1] for n in (100, 10_000))
    assert np.ptp(many.lines[0].get_xdata()) < np.ptp(few.lines[0].get_xdata()) / 5
    assert [p.get_width() for p in few.patches] == [p.get_width() for p in many.patches]


def test_bars_are_accuracy_all_healthy_and_predictive_value():
    figure, _ = screening(0.01, 0.9, 0.9)
    widths = [p.get_width() for p in figure.axes[1].patches]
    np.testing.assert_allclose(widths, [0.9, 0.99, positive_predictive_value(0.9, 0.9, 0.01)])


def test_the_task_is_not_solved_by_the_defaults_but_can_be():
    assert "not solved yet" in screening(0.3, 0.9, 0.9, 200)[1]
    figure, alt = screening(0.01, 0.9, 0.96, 200)
    assert alt.endswith("Task, accuracy ≥ 95% and PPV < 20%: solved.")
    assert figure.axes[1].get_title().endswith("solved")


@pytest.mark.parametrize("sensitivity", [0.5, 0.9, 1.0])
def test_the_task_needs_a_low_prevalence(sensitivity):
    """At 30 % prevalence 95 % accuracy leaves at most 50 mistakes in 1,000, so most alarms are right."""
    for specificity in np.linspace(0, 1, 21):
        assert "not solved yet" in screening(0.3, sensitivity, specificity)[1]


@pytest.mark.parametrize("prevalence", [0.0, 0.001, 1.0])
@pytest.mark.parametrize("sensitivity", [0.0, 1.0])
@pytest.mark.parametrize("specificity", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 20, 20_000.4])
def test_extreme_settings_draw(prevalence, sensitivity, specificity, n):
    figure, alt = screening(prevalence, sensitivity, specificity, n)
    assert sum(marks(figure)) == 1000
    assert "nan" not in alt
    called = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    assert ("nobody is called ill" in alt) == (called == 0)


def test_a_setting_without_alarms_is_written_into_the_figure():
    figure, _ = screening(0.1, 0.0, 1.0)
    figure.canvas.draw()
    assert "nobody is called ill" in [t.get_text() for t in figure.axes[1].texts]


def test_estimates_draw_each_interval_and_the_reference():
    rows = {"split 1": wilson_interval(95, 100), "split 2": Interval(0.9, 0.85, 0.93, 0.95, 171, "Wilson")}
    figure, alt = estimates(rows, reference=0.63, reference_label="majority")
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), list(rows["split 1"]))
    assert ax.lines[1].get_xdata()[0] == 0.95 and ax.lines[-1].get_xdata()[0] == 0.63
    assert [t.get_text() for t in ax.get_yticklabels()] == list(rows)
    assert ax.get_xlabel() == "accuracy on the test patients"
    assert "split 2 0.900 from 0.850 to 0.930" in alt and "majority at 0.630" in alt


def test_roc_draws_the_curve_the_diagonal_and_the_points():
    figure, alt = roc([0, 0, 1], [0, 1, 1], 1.0, {"as trained": (0.25, 0.75)})
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0, 1, 1])
    assert (ax.lines[2].get_xdata()[0], ax.lines[2].get_ydata()[0]) == (0.25, 0.75)
    assert ax.get_ylabel() == "true positive rate = sensitivity"
    assert "area 1.000" in alt and "as trained: 0.250 false and 0.750 true positives" in alt


def test_coverage_adds_up_the_binomial_probabilities_over_the_band():
    """An interval from 0 to 1 always covers; one that collapses to 0 at k = 0 fails when all 3 fail."""
    exact = {"all": lambda k, n: (0 * k, 0 * k + 1), "not at 0": lambda k, n: (0 * k, np.where(k > 0, 1, 0))}
    figure, alt = coverage(exact, 3)
    ax = figure.axes[0]
    truth = ax.lines[0].get_xdata()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 1)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 1 - (1 - truth) ** 3)
    band = ax.patches[0].get_bbox() if hasattr(ax.patches[0], "get_bbox") else ax.patches[0].get_extents()
    assert (round(band.y0, 2), round(band.y1, 2)) == (0.93, 0.97)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("true accuracy", "share of intervals that contain it")
    assert "n = 3 cases" in figure.get_suptitle() and "all from 1.00 to 1.00" in alt


def test_coverage_of_many_cases_stays_a_share():
    figure, _ = coverage({"all": lambda k, n: (0 * k, 0 * k + 1)}, 500)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 1, rtol=1e-9)


def test_winners_draw_both_histograms_with_one_bar_per_count():
    figure, alt = winners([0.61, 0.61, 0.63], [0.50, 0.48, 0.52], 50, 100)
    ax = figure.axes[0]
    heights = [p.get_height() for p in ax.patches]
    assert sum(heights) == 6 and max(heights) == 2
    low, high = ax.get_xlim()
    assert low < 0.48 and high > 0.63
    assert "centre on 0.617" in alt and "fresh cases on 0.500" in alt


def test_goal_tree_writes_every_goal_and_result():
    branches = {"innovation": "accuracy 0.93 to 0.95", "product": "recall 0.90 to 0.95\n30 September"}
    figure, alt = goal_tree("a vision", branches)
    written = [t.get_text() for t in figure.axes[0].texts]
    assert written == ["a vision", *(text for branch in branches.items() for text in branch)]
    assert alt == (
        "A goal tree. a vision branches into innovation: accuracy 0.93 to 0.95; "
        "product: recall 0.90 to 0.95, 30 September."
    )
