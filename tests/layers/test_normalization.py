"""Normalizations equal torch.nn's: value, gradients, running statistics, state_dict, messages."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5, torch.bfloat16: 8e-2}


def twins(name, *args, **kwargs):
    ours, theirs = getattr(layers, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def run(module, x):
    x = x.clone().requires_grad_()
    y = module(x)
    factor = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y).to(y.dtype)
    y.backward(factor)
    gradients = [p.grad for p in module.parameters()]
    module.zero_grad()
    return [y.detach(), x.grad, *gradients]


def assert_same(ours, theirs, x, on, tolerance):
    with layers.fused(on):
        got = run(ours, x)
    for a, b in zip(got, run(theirs, x), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=30, deadline=None)
@given(
    rank=st.sampled_from([2, 3, 4]),
    batch=st.integers(2, 5),
    channels=st.integers(1, 4),
    momentum=st.sampled_from([0.1, 0.7, None]),
    affine=st.booleans(),
    track=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_batch_norm_equals_torch_in_training_and_evaluation(
    on, rank, batch, channels, momentum, affine, track, dtype
):
    name = "BatchNorm2d" if rank == 4 else "BatchNorm1d"
    ours, theirs = twins(name, channels, 1e-3, momentum, affine, track, dtype=dtype)
    generator = torch.Generator().manual_seed(batch)
    shape = (batch, channels, *(3, 2)[: rank - 2])
    for _ in range(3):
        x = torch.randn(shape, generator=generator, dtype=torch.float64).mul(3).add(1).to(dtype)
        assert_same(ours.train(), theirs.train(), x, on, TOLERANCE[dtype])
    assert_same(ours.eval(), theirs.eval(), x, on, TOLERANCE[dtype])


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=30, deadline=None)
@given(
    batch=st.lists(st.integers(0, 4), max_size=2),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=2),
    affine=st.booleans(),
    bias=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_layer_norm_equals_torch(on, batch, shape, affine, bias, dtype):
    ours, theirs = twins("LayerNorm", shape, 1e-2, affine, bias, dtype=dtype)
    x = torch.randn(*batch, *shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert_same(ours, theirs, x, on, TOLERANCE[dtype])


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=30, deadline=None)
@given(
    batch=st.lists(st.integers(0, 4), max_size=2),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=2),
    eps=st.sampled_from([None, 1e-6]),
    affine=st.booleans(),
    scale=st.sampled_from([1.0, 1e-3]),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_rms_norm_equals_torch(on, batch, shape, eps, affine, scale, dtype):
    ours, theirs = twins("RMSNorm", shape, eps, affine, dtype=dtype)
    x = torch.randn(*batch, *shape, generator=torch.Generator().manual_seed(1)).mul(scale).to(dtype)
    assert_same(ours, theirs, x, on, TOLERANCE[dtype] / scale)


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "LayerNorm", "RMSNorm"])
def test_weights_and_buffers_move_both_ways(name):
    ours, theirs = getattr(layers, name)(3), getattr(nn, name)(3)
    assert {k: v.tolist() for k, v in ours.state_dict().items()} == {
        k: v.tolist() for k, v in theirs.state_dict().items()
    }
    assert ours.load_state_dict(theirs.state_dict(), strict=True).missing_keys == []
    assert theirs.load_state_dict(ours.state_dict(), strict=True).missing_keys == []
    for parameter in ours.parameters():
        nn.init.constant_(parameter, 5)
    ours.reset_parameters()
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value)


def test_old_batch_norm_state_without_a_count_loads():
    state = {"weight": torch.ones(2), "bias": torch.zeros(2), "running_mean": torch.ones(2)}
    state["running_var"] = torch.ones(2)
    layer = layers.BatchNorm1d(2)
    layer.load_state_dict(state)
    assert layer.num_batches_tracked == 0
    assert layer.running_mean.tolist() == [1, 1]


def test_evaluation_of_one_sample_and_of_none_works():
    layer = layers.BatchNorm1d(3).eval()
    for on in (True, False):
        with layers.fused(on):
            assert layer(torch.ones(1, 3)).shape == (1, 3)
            assert layer(torch.ones(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("on", [True, False])
def test_normalized_output_has_mean_zero_and_variance_one(on):
    x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)) * 7 + 3
    with layers.fused(on):
        y = layers.BatchNorm1d(5)(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(5), atol=1e-6, rtol=0)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(5), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "size", "shape", "message"),
    [
        ("BatchNorm1d", 3, (3,), "x has shape (3,), BatchNorm1d needs (B, C) or (B, C, T); reshape x"),
        ("BatchNorm2d", 3, (2, 3), "x has shape (2, 3), BatchNorm2d needs (B, C, H, W); reshape x"),
        (
            "BatchNorm1d",
            3,
            (2, 4),
            "x has shape (2, 4), its dimension 1 must be num_features=3; reshape x or change num_features",
        ),
        (
            "BatchNorm1d",
            3,
            (1, 3),
            "x has shape (1, 3), one value per channel has no variance; "
            "use a larger batch, or .eval() outside training",
        ),
        (
            "LayerNorm",
            (2, 3),
            (2, 4),
            "x has shape (2, 4), its last dimensions must be normalized_shape=(2, 3); "
            "reshape x or change normalized_shape",
        ),
        (
            "RMSNorm",
            3,
            (2, 4),
            "x has shape (2, 4), its last dimensions must be normalized_shape=(3,); "
            "reshape x or change normalized_shape",
        ),
    ],
)
def test_wrong_shapes_are_named(name, size, shape, message):
    with pytest.raises(ValueError) as error:
        getattr(layers, name)(size)(torch.ones(shape))
    assert str(error.value) == message


@own_checks
def test_arguments_are_checked():
    for call, message in [
        (lambda: layers.BatchNorm1d(-1), "num_features=-1 is out of range; give an int >= 0"),
        (lambda: layers.BatchNorm1d(2, momentum=2), "momentum=2 is out of range; give a float >= 0 and <= 1"),
        (lambda: layers.LayerNorm(2, eps=-1.0), "eps=-1.0 is out of range; give a float >= 0"),
        (lambda: layers.RMSNorm(2, eps=-1.0), "eps=-1.0 is out of range; give a float >= 0"),
        (lambda: layers.LayerNorm(()), "normalized_shape is empty; give at least one item"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


def test_representation_tells_the_options():
    assert repr(layers.BatchNorm2d(3)) == (
        "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    )
    assert repr(layers.RMSNorm(3)) == repr(nn.RMSNorm(3))


@pytest.mark.parametrize("on", [True, False])
def test_batch_norm_without_bias_scales_only(on):
    layer = layers.BatchNorm1d(2, bias=False)
    assert "bias" not in layer.state_dict()
    x = torch.tensor([[1.0, 5.0], [3.0, 1.0]])
    with layers.fused(on):
        torch.testing.assert_close(layer(x), torch.tensor([[-1.0, 1.0], [1.0, -1.0]]), atol=1e-4, rtol=0)
