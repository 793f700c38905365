"""Figures of lesson 06 show what they are given; the widgets compute what they say."""

import numpy as np
import pytest
import torch

from kit import layers
from kit.plot import vision
from kit.plot.vision import STACKS, answers, field_lab, kernel_lab, receptive_field

SOBEL = {"w11": -1.0, "w13": 1.0, "w21": -2.0, "w23": 2.0, "w31": -1.0, "w33": 1.0}


@pytest.mark.parametrize(
    ("stack", "pixels"), [([], 1), ([(3, 1)] * 3, 7), ([(3, 2), (3, 1)], 7), (STACKS["ResNet-18"], 435)]
)
def test_receptive_field_is_the_published_one(stack, pixels):
    assert receptive_field(stack) == pixels


def test_receptive_field_is_where_the_gradient_is_not_zero():
    spec = STACKS["3x3, pooling after every third"][:7]
    network = torch.nn.Sequential(*(layers.Conv2d(1, 1, k, stride=s, bias=False) for k, s in spec))
    for weight in network.parameters():
        torch.nn.init.ones_(weight)
    x = torch.zeros(1, 1, 64, 64, requires_grad=True)
    y = network(x)
    y[0, 0, 5, 5].backward()
    assert int((x.grad[0, 0].sum(0) > 0).sum()) == receptive_field(spec)


def test_answers_are_those_of_the_kernel():
    flat, upright, lying = answers(torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None])
    assert flat == 0 and lying == 0
    # 38 places across, 9 edges of two places each, at which the answer is 4 in size
    assert upright == pytest.approx(9 * 2 * 4 / 38)
    assert answers(torch.full((1, 1, 3, 3), 1 / 9))[0] == pytest.approx(1)


def test_kernel_lab_shows_photo_kernel_and_map():
    figure, alt = kernel_lab("temple", strength=0.5, **SOBEL)
    photo, kernel, seen = (ax.images[0].get_array() for ax in figure.axes)
    np.testing.assert_allclose(kernel, [[-0.5, 0, 0.5], [-1, 0, 1], [-0.5, 0, 0.5]])
    weight = torch.tensor(np.asarray(kernel)).view(1, 1, 3, 3)
    np.testing.assert_allclose(seen, layers.conv2d(vision.grey("temple"), weight)[0, 0], atol=1e-5)
    assert photo.shape[0] <= 240
    assert "flat wall 0.00" in alt and "lying stripes 0.00" in alt
    assert figure.axes[1].texts[0].get_text() == "-0.5"


@pytest.mark.parametrize("named", vision.KERNELS)
@pytest.mark.parametrize("strength", [-2.0, 0.0, 2.0])
def test_kernel_lab_draws_at_the_ends_of_its_controls(named, strength):
    _, alt = kernel_lab("cat", named, strength, w22=4.0)
    assert named in alt and "photograph cat" in alt


def test_kernel_lab_names_an_unknown_kernel():
    with pytest.raises(ValueError, match="named='blurr' is not known; "):
        kernel_lab("cat", "blurr")


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("layer", [1, 18])
def test_field_lab_draws_the_square_it_names(stack, layer):
    figure, alt = field_lab(stack, layer)
    side = receptive_field(STACKS[stack][:layer])
    square = figure.axes[0].patches[0]
    assert (square.get_width(), square.get_height()) == (side, side)
    assert f"sees {side} x {side} of 240 x " in alt


def test_pictures_are_in_the_order_given():
    shown = {"a#1": torch.ones(4, 4), "b": -torch.ones(4, 4), "c": torch.zeros(3, 4, 4)}
    figure, alt = vision.pictures(shown, title="Three", columns=2)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["a", "b", "c"]
    assert figure.axes[1].images[0].get_clim() == (-1, 1)
    assert alt == "Three: a, b, c."


def test_slopes_and_depths_hold_their_data():
    figure, alt = vision.slopes({"plain": [8.0, 4.0, 1.0], "residual": [1.0, 1.0, 1.0]})
    assert list(figure.axes[0].lines[0].get_ydata()) == [8.0, 4.0, 1.0]
    assert figure.axes[0].get_yscale() == "log" and figure.axes[0].get_ylabel() == "gradient norm"
    assert "plain 8 at the first, 1 at the last" in alt
    figure, alt = vision.depths([8, 20], {"plain": np.array([[0.8, 0.6], [0.6, 0.2]])})
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.7, 0.4])
    assert figure.axes[0].get_xlabel() == "layers" and figure.axes[0].get_ylabel() == "test accuracy"
    assert alt == "Mean test accuracy for 8 to 20 layers: plain from 0.70 to 0.40."


def test_budgets_have_a_logarithmic_axis_of_labels():
    figure, alt = vision.budgets([2, 5, 10], {"probe": np.array([[0.5, 0.6, 0.7]])})
    assert figure.axes[0].get_xscale() == "log" and figure.axes[0].get_xlabel() == "labels a class"
    assert "probe from 0.50 to 0.70" in alt


def test_confusions_are_shares_of_their_row():
    figure, alt = vision.confusions(np.array([[9, 1], [10, 10]]), ["coat", "shirt"])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[90, 10], [50, 50]])
    assert alt == "Right least often: shirt, 50 %. Most frequent confusion: shirt called coat, 50 %."


def test_heat_says_where_it_is_hottest():
    values = torch.zeros(4, 4)
    values[3, 0] = 1
    figure, alt = vision.heat(torch.rand(3, 16, 16), {"cat": values})
    assert len(figure.axes) == 2 and figure.axes[1].get_title() == "cat"
    assert alt == "Where the evidence is. cat: hottest 0% from the left, 88% down."


def test_hits_mark_what_is_of_another_class():
    asked = (torch.rand(2, 4, 4), torch.tensor([0, 1]))
    found = {"pixels": (torch.rand(2, 2, 4, 4), torch.tensor([[0, 1], [0, 0]]))}
    figure, alt = vision.hits(asked, found, ["shirt", "coat"])
    assert alt == "Nearest pictures of 2 queries; of the asked class are 1 of 4 by pixels."
    assert figure.axes[2].title.get_color() == vision.COLOURS[1]
