"""Convolutions equal torch.nn's: start, value, gradients, options, state_dict, messages."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
even_same = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-4, torch.bfloat16: 4e-2}
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
small = st.tuples(st.integers(0, 2), st.integers(0, 2))


def draw(*shape, dtype=torch.float32, seed=0):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x.to(dtype).requires_grad_()


def twins(name, *args, dtype=torch.float32, **options):
    torch.manual_seed(3)
    ours = getattr(layers, name)(*args, dtype=dtype, **options)
    torch.manual_seed(3)
    theirs = getattr(nn, name)(*args, dtype=dtype, **options)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for key, value in theirs.state_dict().items():  # the same draw
        close = 1e-2 if dtype == torch.bfloat16 else 1e-6
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=close, atol=close / 10)
    theirs.load_state_dict(ours.state_dict())
    assert repr(ours) == repr(theirs)
    return ours, theirs


def run(module, x):
    x = x.detach().clone().requires_grad_()
    y = module(x)
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y).to(y.dtype))
    return [y.detach(), x.grad, *(p.grad for p in module.parameters())]


def assert_same(ours, theirs, x, on):
    with layers.fused(on):
        got = run(ours, x)
    for a, b in zip(got, run(theirs, x), strict=True):
        limit = TOLERANCE[x.dtype] * max(1.0, float(b.abs().max()) if b.numel() else 0.0)
        torch.testing.assert_close(a, b, rtol=TOLERANCE[x.dtype], atol=limit)


@even_same
@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=60, deadline=None)
@given(
    batch=st.sampled_from([(), (0,), (1,), (3,)]),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
    kernel=pairs,
    stride=pairs,
    padding=st.one_of(small, st.sampled_from(["same", "valid"])),
    dilation=pairs,
    bias=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_conv2d_equals_torch(on, batch, channels, kernel, stride, padding, dilation, bias, dtype):
    inputs, outputs, groups = channels
    stride = 1 if padding == "same" else stride
    if dtype == torch.bfloat16:  # oneDNN reads unset memory for stride 2 or 3 with dilation 3 (torch 2.13)
        dilation = tuple(min(d, 2) for d in dilation)
    options = (kernel, stride, padding, dilation, groups, bias)
    ours, theirs = twins("Conv2d", inputs * groups, outputs * groups, *options, dtype=dtype)
    assert_same(ours, theirs, draw(*batch, inputs * groups, 7, 8, dtype=dtype), on)


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=60, deadline=None)
@given(
    batch=st.sampled_from([(), (0,), (1,), (3,)]),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
    kernel=pairs,
    stride=pairs,
    padding=small,
    output_padding=small,
    dilation=pairs,
    bias=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_conv_transpose2d_equals_torch(
    on, batch, channels, kernel, stride, padding, output_padding, dilation, bias, dtype
):
    inputs, outputs, groups = channels
    if dtype == torch.bfloat16:
        dilation = tuple(min(d, 2) for d in dilation)
    limits = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    output_padding = tuple(min(pair) for pair in zip(output_padding, limits, strict=True))
    options = (kernel, stride, padding, output_padding, groups, bias, dilation)
    ours, theirs = twins("ConvTranspose2d", inputs * groups, outputs * groups, *options, dtype=dtype)
    assert_same(ours, theirs, draw(*batch, inputs * groups, 5, 6, dtype=dtype), on)


@settings(max_examples=30, deadline=None)
@given(kernel=pairs, stride=pairs, padding=small, dilation=pairs)
def test_im2col_equals_unfold(kernel, stride, padding, dilation):
    x = draw(2, 3, 7, 8)
    expected = F.unfold(x, kernel, dilation, padding, stride)
    assert torch.equal(layers.im2col(x, kernel, stride, padding, dilation).reshape(expected.shape), expected)


@pytest.mark.parametrize("on", [True, False])
def test_a_kernel_set_by_hand_finds_edges(on):
    image = torch.zeros(1, 4, 6)
    image[..., 3:] = 1.0
    kernel = torch.tensor([[[[-1.0, 1.0]]]])
    with layers.fused(on):
        edges = layers.conv2d(image, kernel)
    assert edges.shape == (1, 4, 5)
    assert edges[0].sum(0).tolist() == [0, 0, 4, 0, 0]


@pytest.mark.parametrize("on", [True, False])
def test_transposed_convolution_is_the_gradient_of_convolution(on):
    x, y = draw(2, 4, 9, 8), draw(2, 6, 5, 4, seed=2)
    layer = layers.ConvTranspose2d(6, 4, 3, 2, 1, (0, 1), 2, bias=False)
    with layers.fused(on):
        layers.conv2d(x, layer.weight, None, 2, 1, 1, 2).backward(y)
        back = layer(y)
    torch.testing.assert_close(back, x.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on", [True, False])
def test_moving_the_image_moves_the_feature_map(on):
    x = F.pad(draw(1, 2, 4, 4), (4, 4, 4, 4))
    layer = layers.Conv2d(2, 3, 3, bias=False)
    with layers.fused(on):
        moved = layer(x.roll((1, 2), (-2, -1)))
        torch.testing.assert_close(moved, layer(x).roll((1, 2), (-2, -1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_weights_move_both_ways_and_a_generator_leaves_the_global_one_alone(name):
    before = torch.random.get_rng_state()
    ours = getattr(layers, name)(4, 2, 3, generator=torch.Generator().manual_seed(0))
    again = getattr(layers, name)(4, 2, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours.weight, again.weight) and torch.equal(ours.bias, again.bias)
    assert torch.equal(before, torch.random.get_rng_state())
    theirs = getattr(nn, name)(4, 2, 3)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)
    theirs.load_state_dict(again.state_dict())
    assert torch.equal(theirs.bias, again.bias)
    assert repr(copy.deepcopy(ours)) == repr(theirs)


@own_checks
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: layers.Conv2d(3, 4, 3)(torch.zeros(1, 4, 8, 8)),
            "x has shape (1, 4, 8, 8), Conv2d needs (B, in_channels=3, H, W); reshape x or change "
            "in_channels",
        ),
        (
            lambda: layers.ConvTranspose2d(3, 4, 3)(torch.zeros(8, 8)),
            "x has shape (8, 8), ConvTranspose2d needs (B, in_channels=3, H, W); reshape x or change "
            "in_channels",
        ),
        (
            lambda: layers.Conv2d(4, 6, 3, groups=4),
            "groups=4 does not divide out_channels=6; choose groups from 1, 2, 3, 6",
        ),
        (lambda: layers.Conv2d(4, 6, 0), "kernel_size=0 is out of range; give an int >= 1"),
        (
            lambda: layers.Conv2d(4, 6, (3, 3, 3)),
            "kernel_size=(3, 3, 3) has 3 numbers; give one, or (height, width)",
        ),
        (
            lambda: layers.Conv2d(4, 6, 3, padding="smae"),
            "padding='smae' is not known; did you mean 'same'? choose from same, valid",
        ),
        (
            lambda: layers.Conv2d(4, 6, 3, 2, padding="same"),
            "padding='same' with stride=2 has no one meaning; give padding as a number",
        ),
        (
            lambda: layers.ConvTranspose2d(4, 6, 3, 2, output_padding=2),
            "output_padding=2 is out of range; give an int >= 0 and <= 1",
        ),
        (
            lambda: layers.im2col(torch.zeros(1, 2, 4), 3),
            "x has 2 x 4 pixels with its padding, a patch needs 3 x 3; use a smaller kernel_size or more "
            "padding",
        ),
    ],
)
def test_errors_name_the_option(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


@own_checks
def test_sizes_are_whole_numbers():
    with pytest.raises(TypeError) as error:
        layers.Conv2d(3, 4, 2.5)
    assert str(error.value) == "kernel_size=2.5 is not a whole number; give an int >= 1"
