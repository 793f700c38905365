"""The figures of lesson 17 show the attack they name, and the numbers they are given."""

import numpy as np
import pytest
import torch
from torch import nn

from kit.plot import robustness
from kit.robust import CORRUPTIONS, CorruptionReport

CURVES = {"plain": [1.0, 0.5, 0.1], "robust": [0.9, 0.8, 0.6]}


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval() for name in CURVES}


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(5)


@pytest.mark.parametrize("attack", robustness.ATTACKS)
@pytest.mark.parametrize("levels", [0.0, 2.0, 16.0])
def test_the_change_is_the_difference_and_within_epsilon(networks, pictures, attack, levels):
    figure, alt = robustness.attack_lab(networks, CURVES, *pictures, digit=4, levels=levels, attack=attack)
    before, change, after = (np.asarray(ax.images[0].get_array()) for ax in figure.axes[:3])
    np.testing.assert_allclose(after, before + change, atol=1e-6)
    assert np.abs(change).max() <= levels / 16 + 1e-6
    assert after.min() >= 0 and after.max() <= 1
    assert alt.startswith(f"A 4 after {attack} of {levels:g} grey levels against plain: plain reads ")


def test_the_attack_uses_the_network_that_is_named(networks, pictures):
    changes = []
    for name in networks:
        figure, alt = robustness.attack_lab(networks, CURVES, *pictures, attack="FGSM", against=name)
        changes.append(np.asarray(figure.axes[1].images[0].get_array()))
        assert f"against {name}" in alt
    assert not np.allclose(*changes)


def test_what_is_read_is_what_the_networks_say(networks, pictures):
    figure, alt = robustness.attack_lab(networks, CURVES, *pictures, digit=2, levels=3.0)
    after = torch.as_tensor(np.asarray(figure.axes[2].images[0].get_array()))[None, None]
    for name, model in networks.items():
        assert f"{name} reads {int(model(after).argmax())} (" in alt
        assert f"{name}: {int(model(after).argmax())} (" in figure.axes[2].get_title()


def test_curves_stand_beside_the_picture(networks, pictures):
    figure, _ = robustness.attack_lab(networks, CURVES, *pictures, levels=1.5)
    ax = figure.axes[3]
    assert list(ax.lines[1].get_ydata()) == CURVES["robust"]
    assert list(ax.lines[2].get_xdata()) == [1.5, 1.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("PGD, grey levels of 16", "test accuracy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attack": "CW"}, "attack='CW' is not known; choose from random signs, FGSM, PGD"),
        (
            {"against": "plane"},
            "against='plane' is not known; did you mean 'plain'? choose from plain, robust",
        ),
        ({"digit": 5}, "digit=5 is out of range; give an int >= 0 and <= 4"),
    ],
)
def test_mistakes_are_named(networks, pictures, options, message):
    with pytest.raises(ValueError) as error:
        robustness.attack_lab(networks, CURVES, *pictures, **options)
    assert str(error.value) == message


def test_suite_shows_the_mean_of_the_severities():
    rows = dict.fromkeys(CORRUPTIONS, (0.9, 0.8, 0.7, 0.6, 0.5)) | {"fog": (0.1,) * 5}
    figure, alt = robustness.suite({"clean": CorruptionReport(0.95, rows, 100)})
    table = np.asarray(figure.axes[0].images[0].get_array())
    assert table.shape == (1, 12)
    assert table[0, list(CORRUPTIONS).index("fog")] == pytest.approx(0.1)
    assert table[0, 0] == pytest.approx(0.7)
    assert figure.axes[0].get_xticklabels()[0].get_text() == "gaussian noise"
    assert alt == "Mean accuracy over twelve corruptions: clean 0.65, lowest fog."


def test_days_show_distances_above_and_accuracies_below():
    figure, alt = robustness.days({"ink": [0.1, 0.3, 2.0]}, {"faded": [0.9, 0.8, 0.4]}, change=3)
    top, bottom = figure.axes
    assert list(top.lines[0].get_ydata()) == [0.1, 0.3, 2.0]
    assert list(bottom.lines[0].get_ydata()) == [0.9, 0.8, 0.4]
    assert (bottom.get_xlabel(), bottom.get_ylabel()) == ("day", "accuracy")
    assert alt == (
        "Means over days before and after day 3: ink 0.20 before, 2.00 after; faded 0.85 before, 0.40 after."
    )
