"""Figures of lesson 07 show what they are given."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from kit.plot.sequences import GLOSSES, curves, embedding_map, gate_monitor

VOCABULARY = ["x", *GLOSSES]


def vectors():
    return np.random.default_rng(0).normal(size=(len(VOCABULARY), 8))


def texts(svg):
    return [
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")
    ]


def test_curves_draw_the_points_and_levels_and_say_both_ends():
    figure, alt = curves(
        {"RNN": ([0, 1, 2], [1.0, 0.1, 0.01])},
        title="t",
        x="steps back",
        y="gradient norm",
        levels={"chance": 0.5},
        scale="log",
    )
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1.0, 0.1, 0.01])
    assert list(ax.lines[1].get_ydata()) == [0.5, 0.5]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("steps back", "gradient norm", "log")
    assert alt == "gradient norm by steps back: RNN from 1 at 0 to 0.01 at 2; chance at 0.5."


def test_curves_can_count_the_x_axis_in_powers_of_two():
    figure, _ = curves({"a": ([4, 8], [0.1, 0.2])}, title="t", x="x", y="y", log_x=True)
    assert figure.axes[0].get_xscale() == "log"


def test_map_names_the_neighbours_by_cosine():
    E = vectors()
    E[VOCABULARY.index("西")] = 3 * E[VOCABULARY.index("東")]  # length does not count
    E[VOCABULARY.index("x")] = E[VOCABULARY.index("東")]  # not on the map
    svg, alt = embedding_map(E, VOCABULARY, "東", 2)
    assert alt.startswith("東 (east), nearest by cosine: 西 west 1.00, ")
    assert alt.count(",") == 2
    shown = texts(svg)
    assert set(GLOSSES) <= set(shown) and "x" not in shown
    assert svg.count("<line") == 2


def test_places_of_the_map_stay_inside_and_do_not_depend_on_the_choice():
    places = []
    for chosen in ("東", "酒"):
        svg, _ = embedding_map(vectors(), VOCABULARY, chosen, 1)
        places.append(re.findall(r'<text x="(\d+)" y="(\d+)" font-size="10"', svg))
    assert places[0] == places[1]
    assert all(0 <= int(x) <= 760 and 0 <= int(y) <= 520 for x, y in places[0])


@pytest.mark.parametrize("neighbours", [1, len(GLOSSES) - 1])
def test_map_draws_at_both_ends_of_its_control(neighbours):
    svg, _ = embedding_map(vectors(), VOCABULARY, "月", neighbours)
    assert svg.count("<line") == neighbours


def test_map_refuses_a_character_that_is_not_on_it():
    with pytest.raises(ValueError, match="chosen='x' is"):
        embedding_map(vectors(), VOCABULARY, "x")


def test_monitor_colours_by_value_and_breaks_lines_at_punctuation():
    svg, alt = gate_monitor("春風，月<。", [0.0, 1.0, 0.5, -0.25, 0.75, 0.1], gate="forget", cell=7)
    assert alt == "forget, cell 7: mean 0.30 at punctuation, 0.38 at other characters."
    opacity = re.findall(r'fill-opacity="([\d.]+)"', svg)
    assert [float(v) for v in opacity] == [0.0, 1.0, 0.5, 0.25, 0.75, 0.1]
    rows = re.findall(r'<rect x="\d+" y="(\d+)"', svg)
    assert len(set(rows[:3])) == 1 and len(set(rows[3:])) == 1 and rows[0] != rows[3]
    assert "<" in texts(svg)


def test_monitor_says_so_when_there_is_no_punctuation():
    assert "(none) at punctuation" in gate_monitor("月", [0.5], gate="input", cell=0)[1]


def test_monitor_wants_a_value_for_each_character():
    with pytest.raises(ValueError, match="text"):
        gate_monitor("月山", [0.5], gate="input", cell=0)
