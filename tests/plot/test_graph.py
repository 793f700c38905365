"""The walk over the graph shows the engine's numbers; the figures of lesson 04 show what they are given."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from kit.autograd import Value, to_svg
from kit.plot import COLOURS
from kit.plot.graph import LAST_STEP, accuracies, descents, difference_errors, show_svg, walk

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["x", "w1", "b", "p1", "z1", "h", "w2", "p2", "z2", "y", "e", "J"]


def boxes(step, **settings):
    """Per node name: its lines of text; and the SVG root."""
    root = ET.fromstring(walk(step, **settings)[0])
    found, name = {}, ""
    for text in root.iter(f"{SVG}text"):
        if text.get("font-weight") == "bold" and text.text != "first wrong node":
            name = text.text.split()[0]
            found[name] = []
        elif name and text.get("font-weight") != "bold":
            found[name].append(text.text)
    return found, root


def framed(root):
    return [r for r in root.iter(f"{SVG}rect") if r.get("stroke") == COLOURS[1]]


def number(line):
    return float(line.split("=")[-1].split()[-1])


def loss(w1, w2, b, x=1.5, y=-1.0):
    return (w2 * math.tanh(w1 * x + b) + b - y) ** 2


def test_at_step_0_only_the_inputs_have_a_value():
    found, _ = boxes(0)
    assert sorted(found) == sorted(NAMES)
    assert [n for n in NAMES if found[n][0] != "value ?"] == ["x", "w1", "b", "w2", "y"]
    assert not any("gradient" in line for lines in found.values() for line in lines)


def test_each_forward_step_computes_one_more_node():
    for step in range(8):
        found, root = boxes(step)
        assert sum(lines[0] != "value ?" for lines in found.values()) == 5 + step
        active = [r for r in root.iter(f"{SVG}rect") if r.get("fill") == "moccasin"]
        assert len(active) == (step > 0)
    assert number(boxes(7)[0]["J"][0]) == pytest.approx(loss(0.8, 0.5, 0.2), rel=1e-3)


def test_backward_starts_with_one_and_ends_with_the_slopes():
    found, _ = boxes(8)
    assert found["J"][-1] == "gradient 1" and found["e"][-1] == "gradient 0"
    found, _ = boxes(LAST_STEP, w1=-0.7, w2=1.3)
    h = 1e-6
    wanted = {
        "w1": (loss(-0.7 + h, 1.3, 0.2) - loss(-0.7 - h, 1.3, 0.2)) / (2 * h),
        "w2": (loss(-0.7, 1.3 + h, 0.2) - loss(-0.7, 1.3 - h, 0.2)) / (2 * h),
        "b": (loss(-0.7, 1.3, 0.2 + h) - loss(-0.7, 1.3, 0.2 - h)) / (2 * h),
    }
    for name, slope in wanted.items():
        assert number(found[name][-1]) == pytest.approx(slope, rel=1e-3)


def test_b_collects_its_two_shares_at_two_steps():
    collected = [number(boxes(step)[0]["b"][-1]) for step in range(8, LAST_STEP + 1)]
    changes = [8 + i for i in range(1, 8) if collected[i] != collected[i - 1]]
    assert changes == [11, 14]


def test_local_derivatives_are_those_of_the_formula():
    found, _ = boxes(7, w1=0.4, w2=-2.0)
    assert "d/dw1 = 1.5" in found["p1"] and "d/dx = 0.4" in found["p1"]
    assert "d/dh = -2" in found["p2"]
    slope = 1 - math.tanh(0.4 * 1.5 + 0.2) ** 2
    assert f"d/dz1 = {slope:.4g}" in found["h"]


def test_the_articles_rule_goes_wrong_at_z1_and_leaves_the_last_layer_right():
    for step in range(13):
        assert framed(boxes(step, article=True)[1]) == []
    svg, alt = walk(LAST_STEP, article=True)
    assert alt.endswith("First wrong node: z1.") and svg.count("first wrong node") == 1
    found, root = boxes(LAST_STEP, article=True)
    assert len(framed(root)) == 5  # z1, b, p1, w1, x
    assert found["w2"] == boxes(LAST_STEP)[0]["w2"] and found["w1"] != boxes(LAST_STEP)[0]["w1"]
    assert "d/dz1 = 1 (no g′)" in found["h"]


def test_nothing_is_wrong_where_no_gradient_reaches_the_tanh():
    assert "First wrong" not in walk(LAST_STEP, w2=0.0, article=True)[1]


def test_the_sentence_says_step_direction_and_what_was_collected():
    assert walk(0)[1] == "Step 0 of 15: only the inputs are known."
    assert walk(3)[1] == "Step 3 of 15: forward, h = tanh(z1) = 0.8854."
    assert walk(8)[1] == "Step 8 of 15: backward starts with dJ/dJ = 1."
    assert re.fullmatch(
        r"Step 11 of 15: backward, z2 has passed its gradient to p2 and b; "
        r"collected so far: w2 0, b 3\.285, w1 0\.",
        walk(11)[1],
    )


@pytest.mark.parametrize("step", [0, 7, 8, LAST_STEP])
@pytest.mark.parametrize("w", [-1e3, 0.0, 1e3])
@pytest.mark.parametrize("article", [False, True])
def test_extreme_settings_draw(step, w, article):
    svg, alt = walk(step, w, -w, article)
    ET.fromstring(svg)
    assert "nan" not in svg and "inf" not in svg and alt


@pytest.mark.parametrize("step", [-1, LAST_STEP + 1])
def test_a_step_outside_the_walk_is_refused(step):
    message = f"step={step} is out of range; give an int >= 0 and <= 15"
    with pytest.raises(ValueError, match=re.escape(message)):
        walk(step)


def test_a_drawing_is_shown_with_its_alt_text_in_both_forms(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append((bundle, raw)))
    show_svg(*walk(7))
    show_svg(to_svg(Value(3.0).tanh()), "a tanh")
    for (bundle, raw), alt in zip(shown, ("Step 7 of 15: forward, J = e² = 2.698.", "a tanh"), strict=True):
        assert raw and bundle["text/plain"] == alt
        root = ET.fromstring(bundle["image/svg+xml"])
        assert root.get("role") == "img" and root.get("aria-label") == alt


def test_a_drawing_without_alt_text_is_refused():
    with pytest.raises(ValueError, match="alt=' ' is empty; say in a sentence what the drawing shows"):
        show_svg("<svg />", " ")


def test_difference_errors_draw_each_method_and_name_the_best_nudge():
    figure, alt = difference_errors([1e-2, 1e-4], {"one side": [1e-3, 1e-5], "both sides": [1e-6, 0.0]})
    ax = figure.axes[0]
    assert [line.get_label() for line in ax.lines] == ["one side", "both sides"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1e-3, 1e-5])
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_xlabel() == "nudge h"
    assert "one side is best at h = 1e-04 with an error of 1e-05" in alt
    figure.canvas.draw()


def test_descents_draw_each_curve_from_step_0():
    figure, alt = descents({"right": [4.0, 2.0, 1.0], "wrong": [4.0, 8.0, 16.0]})
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [4, 8, 16])
    assert ax.get_yscale() == "log" and (ax.get_xlabel(), ax.get_ylabel()) == ("step", "mean squared error")
    assert alt == "From 4 at the start, after 2 steps: right ends at 1, wrong ends at 16."


def test_accuracies_draw_a_dot_per_seed_and_the_mean():
    figure, alt = accuracies({"a": [0.5, 0.7], "b": [0.9, 0.9]})
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.5, 0.7])
    np.testing.assert_allclose(ax.lines[1].get_xdata(), [0.6, 0.6])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert alt == "Mean test accuracy: a 0.600, b 0.900."
