"""Figures of lesson 03 show the numbers they are given."""

import math

import numpy as np
import pytest
import torch

from kit.plot import COLOURS
from kit.plot.neurons import GATES, activations, neuron


def test_activations_draw_each_curve_and_say_its_range():
    figure, alt = activations({"tanh": torch.tanh, "relu": torch.relu})
    ax = figure.axes[0]
    assert [line.get_label() for line in ax.lines[:2]] == ["tanh", "relu"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.tanh(ax.lines[0].get_xdata()), atol=1e-6)
    assert ax.get_xlabel() == "weighted sum z" and ax.get_ylabel() == "activation g(z)"
    assert "tanh from -1.00 to 1.00" in alt and "relu from 0.00 to 4.00" in alt


def test_a_neuron_that_solves_and_gets_four_right():
    figure, alt = neuron(4.0, 4.0, -6.0)
    assert "gets 4 of the 4 cases of AND right" in alt
    left, right = figure.axes
    assert left.get_title() == "AND: 4 of 4 right" and right.get_ylabel() == "loss -ln p (nats)"
    losses = [math.log1p(math.exp(z)) for z in (-6, -2, -2, -2)]
    assert right.get_title() == f"mean loss {sum(losses) / 4:.2f} nats"


def test_without_bias_the_origin_stays_undecided():
    _, alt = neuron(4.0, 4.0, -6.0, with_bias=False)
    assert "no bias" in alt and "gets 1 of the 4 cases" in alt


def test_no_neuron_solves_xor():
    solved = [
        "gets 4 of" in neuron(w1, w2, b, gate="XOR")[1]
        for w1 in (-5.0, 5.0)
        for w2 in (-5.0, 5.0)
        for b in (-3.0, 3.0)
    ]
    assert not any(solved)


def test_wrong_cases_have_another_colour_and_the_article_is_marked():
    figure, _ = neuron(0.0, 0.0, 3.0)
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert colours == {COLOURS[1], COLOURS[2]}
    article = figure.axes[1].lines[1]
    assert (article.get_xdata()[0], article.get_ydata()[0]) == (0.3, 0.46)


@pytest.mark.parametrize("value", [-1e3, 0.0, 1e3])
@pytest.mark.parametrize("gate", GATES)
def test_extreme_settings_draw(value, gate):
    figure, alt = neuron(value, -value, value, gate=gate)
    figure.canvas.draw()
    assert "nan" not in alt and "inf" not in alt
