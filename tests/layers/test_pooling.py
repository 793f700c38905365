"""Pooling equals torch.nn's in value and gradient; the masked mean does not see its padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 6e-2}
BATCHES = st.sampled_from([(), (0,), (1,), (3,)])
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def run(module, x):
    x = x.clone().requires_grad_()
    y = module(x)
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y).to(y.dtype))
    return y.detach(), x.grad


def assert_same(ours, theirs, x, on):
    assert repr(ours) == repr(theirs)
    with layers.fused(on):
        got = run(ours, x)
    for a, b in zip(got, run(theirs, x), strict=True):
        torch.testing.assert_close(a, b, rtol=TOLERANCE[x.dtype], atol=TOLERANCE[x.dtype])


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=50, deadline=None)
@given(
    batch=BATCHES,
    kernel=st.one_of(st.integers(1, 3), pairs),
    stride=st.one_of(st.none(), st.integers(1, 3), pairs),
    padding=st.booleans(),
    dilation=st.integers(1, 2),
    ties=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_max_pool_equals_torch_with_ties_too(on, batch, kernel, stride, padding, dilation, ties, dtype):
    edges = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    options = (kernel, stride, edges if padding else 0, dilation)
    x = draw(*batch, 2, 6, 7, dtype=dtype)
    assert_same(layers.MaxPool2d(*options), nn.MaxPool2d(*options), x.round() if ties else x, on)


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=50, deadline=None)
@given(
    batch=BATCHES,
    kernel=st.one_of(st.integers(1, 3), pairs),
    stride=st.one_of(st.none(), st.integers(1, 3), pairs),
    padding=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_average_pool_equals_torch(on, batch, kernel, stride, padding, dtype):
    edges = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    options = (kernel, stride, edges if padding else 0)
    assert_same(layers.AvgPool2d(*options), nn.AvgPool2d(*options), draw(*batch, 2, 6, 7, dtype=dtype), on)


sizes = st.one_of(st.none(), st.integers(1, 9))


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=50, deadline=None)
@given(
    batch=BATCHES,
    size=st.one_of(st.integers(1, 9), st.tuples(sizes, sizes)),
    image=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_adaptive_pool_equals_torch_for_any_size(on, batch, size, image, dtype):
    x = draw(*batch, 2, *image, dtype=dtype)
    assert_same(layers.AdaptiveAvgPool2d(size), nn.AdaptiveAvgPool2d(size), x, on)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    value=st.sampled_from([0.0, 1e30, float("inf"), float("nan")]),
)
def test_the_masked_mean_is_the_mean_of_what_is_real(lengths, value):
    x = draw(len(lengths), 6, 3, dtype=torch.float64)
    padding = torch.arange(6) >= torch.tensor(lengths)[:, None]
    dirty = torch.where(padding[..., None], value, x).requires_grad_()
    got = layers.masked_mean(dirty, padding)
    for row, length in enumerate(lengths):
        expected = x[row, :length].mean(0) if length else torch.zeros(3, dtype=torch.float64)
        torch.testing.assert_close(got[row], expected)
    got.sum().backward()
    assert (dirty.grad[padding] == 0).all()
    assert torch.isfinite(dirty.grad).all()


def test_padding_may_stand_anywhere():
    x = torch.tensor([[1.0], [5.0], [3.0]])
    assert layers.masked_mean(x, torch.tensor([False, True, False])).tolist() == [2.0]


@own_checks
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.MaxPool2d(0), "stride=0 is out of range; give an int >= 1"),
        (lambda: layers.MaxPool2d(3, padding=2), "padding=2 is out of range; give an int >= 0 and <= 1"),
        (lambda: layers.MaxPool2d(3, dilation=0), "dilation=0 is out of range; give an int >= 1"),
        (
            lambda: layers.AvgPool2d((2, 2, 2)),
            "stride=(2, 2, 2) has 3 numbers; give one, or (height, width)",
        ),
        (lambda: layers.AdaptiveAvgPool2d((None, 0)), "output_size=0 is out of range; give an int >= 1"),
        (
            lambda: layers.masked_mean(torch.zeros(2, 3, 4), torch.zeros(3, 2).bool()),
            "padding has shape (3, 2) and x[..., 0] (2, 3); they must be the same, reshape one of them",
        ),
    ],
)
def test_errors_name_the_option(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
