"""Linear equals torch.nn.Linear: start, value, gradient, state_dict, messages."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 5e-2}


def twins(*args, **kwargs):
    ours, theirs = layers.Linear(*args, **kwargs), nn.Linear(*args, **kwargs)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(module, x):
    x = x.clone().requires_grad_()
    module.zero_grad()
    y = module(x)
    (y * torch.arange(y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=25, deadline=None)
@given(
    batch=st.lists(st.integers(0, 4), max_size=3),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    bias=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_equals_torch(on, batch, sizes, bias, dtype):
    ours, theirs = twins(*sizes, bias, dtype=dtype)
    x = torch.randn(*batch, sizes[0], generator=torch.Generator().manual_seed(1)).to(dtype)
    with layers.fused(on):
        got = gradients(ours, x)
    for a, b in zip(got, gradients(theirs, x), strict=True):
        torch.testing.assert_close(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("bias", [True, False])
def test_starts_with_torchs_draw(bias):
    torch.manual_seed(5)
    ours = layers.Linear(7, 3, bias)
    torch.manual_seed(5)
    theirs = nn.Linear(7, 3, bias)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-6, atol=1e-7)


def test_a_generator_leaves_the_global_one_alone():
    before = torch.random.get_rng_state()
    one, two = (layers.Linear(4, 2, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one.weight, two.weight)
    assert torch.equal(one.bias, two.bias)
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_move_both_ways():
    ours, theirs = layers.Linear(4, 2), nn.Linear(4, 2)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)
    other = layers.Linear(4, 2)
    theirs.load_state_dict(other.state_dict())
    assert torch.equal(other.bias, theirs.bias)
    assert repr(ours) == repr(theirs)


def test_is_not_torchs_layer():
    assert not isinstance(layers.Linear(1, 1), nn.Linear)


@own_checks
@pytest.mark.parametrize("on", [True, False])
def test_wrong_last_dimension_is_named(on):
    with layers.fused(on), pytest.raises(ValueError) as error:
        layers.Linear(4, 2)(torch.ones(3, 5))
    assert str(error.value) == (
        "x has shape (3, 5), its last dimension must be in_features=4; reshape x or change in_features"
    )
    with pytest.raises(ValueError, match=r"x has shape \(\), its last dimension must be in_features=4"):
        layers.Linear(4, 2)(torch.tensor(1.0))


@own_checks
def test_sizes_are_checked():
    with pytest.raises(TypeError) as error:
        layers.Linear(4.0, 2)
    assert str(error.value) == "in_features=4.0 is not a whole number; give an int >= 0"
    with pytest.raises(ValueError) as error:
        layers.Linear(4, -2)
    assert str(error.value) == "out_features=-2 is out of range; give an int >= 0"
