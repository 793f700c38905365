"""Figures of lesson 05 show what they are given; the runners are the optimisers they are named after."""

import numpy as np
import pytest
import torch

from kit.plot import COLOURS
from kit.plot.optimisation import (
    EDGE,
    RUNNERS,
    SURFACES,
    race,
    rate_scan,
    run,
    schedules,
    seeds,
    step_sizes,
    sweep,
)

EVEN = SURFACES["even slope"]


@pytest.mark.parametrize("surface", SURFACES)
def test_gradients_are_those_of_the_loss(surface):
    place, h = SURFACES[surface], 1e-6
    for x, y in ((0.3, -0.7), (1.2, 0.4), place.start):
        by_x = (place.loss(x + h, y) - place.loss(x - h, y)) / (2 * h)
        by_y = (place.loss(x, y + h) - place.loss(x, y - h)) / (2 * h)
        np.testing.assert_allclose(place.gradient(x, y), [by_x, by_y], atol=1e-6)


@pytest.mark.parametrize("surface", [name for name, place in SURFACES.items() if place.lowest is not None])
def test_lowest_is_the_bottom_of_the_surface(surface):
    place = SURFACES[surface]
    x, y = np.meshgrid(np.linspace(-4, 4, 801), np.linspace(-4, 4, 801))
    assert place.loss(x, y).min() == pytest.approx(place.lowest, abs=2e-3)


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("Adam", lambda p: torch.optim.Adam(p, lr=0.05)),
        ("SGD", lambda p: torch.optim.SGD(p, lr=0.05)),
        ("momentum 0.9", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    ],
)
def test_runners_go_where_torch_goes(name, optimizer):
    place = SURFACES["two valleys"]
    p = torch.tensor(place.start, dtype=torch.float64, requires_grad=True)
    theirs = optimizer([p])
    for _ in range(40):
        p.grad = torch.from_numpy(place.gradient(*p.detach().numpy()))
        theirs.step()
    path, sizes = run(name, place, 0.05, 40)
    np.testing.assert_allclose(path[-1], p.detach().numpy(), atol=1e-9)
    assert path.shape == (41, 2) and sizes.shape == (40,)


def test_articles_adams_take_the_steps_their_formulas_give():
    _, right = run("Adam", EVEN, 0.01, 300)
    _, mixed = run("Adam of article 003", EVEN, 0.01, 300)
    _, uncorrected = run("Adam of article 004", EVEN, 0.01, 300)
    np.testing.assert_allclose(right, 1, atol=1e-6)
    assert mixed.argmin() + 1 == 58 and mixed.min() == pytest.approx(0.508, abs=5e-4)
    assert uncorrected[0] == pytest.approx(3.162, abs=5e-4)
    assert uncorrected.argmax() + 1 == 12 and uncorrected.max() == pytest.approx(6.57, abs=5e-3)


def test_race_draws_each_runner_twice_and_says_where_it_ended():
    figure, alt = race("even slope", 0.01, 50)
    top, bottom = figure.axes
    labels = [line.get_label() for line in bottom.lines]
    assert labels == list(RUNNERS) and top.get_xlabel() == "weight 1"
    assert bottom.get_ylabel() == "step size / learning rate" and bottom.get_yscale() == "log"
    path, sizes = run("Adam of article 004", EVEN, 0.01, 50)
    np.testing.assert_allclose(bottom.lines[2].get_ydata(), sizes)
    assert "Adam has gone 0.50, largest step 1.00" in alt and "Adam of article 004" in alt
    assert f"has gone {np.abs(path[-1]).max():.2f}, largest step 6.57" in alt


def test_race_can_show_one_runner_in_its_own_colour():
    figure, alt = race("ravine", 0.03, 20, "SGD")
    assert [line.get_color() for line in figure.axes[1].lines] == [COLOURS[3]]
    assert "SGD is" in alt and "Adam" not in alt


def test_a_runner_that_diverges_stops_and_the_alt_text_says_so():
    path, sizes = run("SGD", SURFACES["ravine"], 0.2, 500)
    assert np.abs(path[-1]).max() >= EDGE and len(sizes) < 500
    assert "SGD has left the picture for good after" in race("ravine", 0.2, 500)[1]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("learning_rate", [1e-4, 1.0])
@pytest.mark.parametrize("steps", [1, 300])
def test_extreme_settings_draw(surface, learning_rate, steps):
    figure, alt = race(surface, learning_rate, steps)
    figure.canvas.draw()
    assert "nan" not in alt and "inf" not in alt


def test_step_sizes_show_the_traces_and_their_ends():
    figure, alt = step_sizes({"one": [1.0, 1.0, 1.0], "two": [3.0, 6.0, 2.0]})
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [3, 6, 2])
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "step size / learning rate"
    assert "two starts at 3.00, ends at 2.00, lies between 2.00 and 6.00" in alt


def test_sweep_draws_means_and_says_the_best():
    values = np.array([[0.2, 0.9], [0.4, 0.7]])
    figure, alt = sweep([0.1, 1.0], {"a": values, "b": values[:, ::-1]}, chance=0.1)
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.3, 0.8])
    assert ax.get_xscale() == "log" and ax.get_ylabel() == "test accuracy"
    assert "a from 0.30 at 0.1 to 0.80 at 1, best 0.80 at 1" in alt


def test_rate_scan_marks_the_suggestion():
    figure, alt = rate_scan([0.01, 0.1, 1.0], [2.0, 1.0, 3.0], 0.05)
    ax = figure.axes[0]
    assert list(ax.lines[1].get_xdata()) == [0.05, 0.05] and "nats" in ax.get_ylabel()
    assert "lowest at 0.1, suggestion 0.05" in alt


def test_rate_scan_needs_a_loss_for_each_rate():
    with pytest.raises(ValueError, match=r"rates.*losses"):
        rate_scan([0.1, 1.0], [1.0], 0.1)


def test_schedules_are_drawn_step_by_step():
    figure, alt = schedules({"fall": lambda step: 1 - step / 10}, 10)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 1 - np.arange(10) / 10)
    assert "fall starts at 1.00, is highest at step 0, ends at 0.10" in alt


def test_seeds_show_each_dot_and_the_mean():
    figure, alt = seeds({"plain": [0.8, 0.9], "dropout": [0.9, 1.0]}, title="a title")
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.8, 0.9])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["plain", "dropout"]
    assert alt == "Mean test accuracy: plain 0.850, dropout 0.950."
