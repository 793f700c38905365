"""Figures of lesson 21 show what they are given; the widget's stain can be found, and only by looking."""

import numpy as np
import pytest
import torch

from kit.plot.interpretation import METHODS, bars, curves, maps, stain_lab, stained_digits, table_of_effects


def stained():
    """Digit and pixel, read off the pictures: constant where set, never as bright elsewhere."""
    _, x, y = stained_digits()
    found = [(d, p) for d in range(10) for p in range(64) if (x[y == d, p] == 0.5).all()]
    assert len(found) == 1
    return found[0]


def test_one_digit_is_stained_and_the_network_believes_it():
    model, x, y = stained_digits()
    digit, pixel = stained()
    others = x[y != digit].clone()
    others[:, pixel] = 0.5
    assert (model(x).argmax(1) == y).float().mean() > 0.97
    before, after = (model(z)[:, digit].mean() for z in (x[y != digit], others))
    assert after > before + 1  # the stain alone raises the digit's score


@pytest.mark.parametrize("method", ["input times gradient", "integrated gradients", "ablation"])
def test_the_lab_shows_the_stain_at_its_digit_only(method):
    digit, pixel = stained()
    figure, alt = stain_lab(method, digit, 50)
    assert int(np.asarray(figure.axes[0].images[0].get_array()).argmax()) == pixel
    assert f"row {pixel // 8}, column {pixel % 8}" in alt
    for other in set(range(10)) - {digit}:
        values = np.asarray(stain_lab(method, other, 50)[0].axes[0].images[0].get_array()).ravel()
        assert abs(values[pixel]) < 0.02 * np.abs(values).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pictures", [1, 100])
def test_the_lab_draws_at_the_ends_of_its_controls(method, pictures):
    for digit in (0, 9):
        figure, alt = stain_lab(method, digit, pictures)
        assert f"{method}, digit {digit}" in alt
        assert figure.axes[0].get_xlabel() == "column" and figure.axes[0].get_ylabel() == "row"
        signed = "for the answer (against: below 0)"
        assert figure.axes[1].get_ylabel() == ("size of the gradient" if method == "saliency" else signed)


def test_the_lab_names_an_unknown_method():
    with pytest.raises(ValueError, match="method='salience' is not known; "):
        stain_lab("salience")


def test_bars_keep_order_sign_and_values():
    figure, alt = bars({"a": 2.0, "b": -1.5}, xlabel="points")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [2.0, -1.5]
    assert figure.axes[0].get_xlabel() == "points" and "b -1.5" in alt


def test_maps_are_scaled_one_by_one_and_say_where_the_peak_is():
    first = torch.zeros(2, 3)
    first[1, 2] = 4
    figure, alt = maps({"one": first, "two": -first}, columns=2)
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(-4, 4)] * 2
    assert "one: strongest in row 1, column 2" in alt


def test_curves_hold_their_data_and_ends():
    figure, alt = curves(
        [0, 1, 2], {"a": [3.0, 2, 1], "b": [0.0, 0, 0]}, xlabel="share", ylabel="score", log=True
    )
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [3, 2, 1])
    assert "a from 3 to 1" in alt and figure.axes[0].get_yscale() == "symlog"


def test_table_of_effects_writes_every_share():
    effects = torch.tensor([[0.0, 1.0], [0.75, -0.1], [0.2, 0.3]])
    figure, alt = table_of_effects(effects, ["0", "5", "9"], ["France", "is"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.00", "1.00", "0.75", "-0.10", "0.20", "0.30"]
    assert "block 0: is; block 5: France; block 9: is" in alt
    assert figure.axes[1].get_ylabel() == "share of the answer"


def test_an_all_zero_map_is_drawn():
    figure, _ = maps({"nothing": torch.zeros(2, 2)}, columns=1)
    assert figure.axes[0].images[0].get_clim() == (-1, 1)
