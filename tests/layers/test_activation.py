"""Activations equal torch.nn's, as kernel and as formula, in value and gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

PAIRS = {
    "relu": (layers.ReLU(), nn.ReLU()),
    "relu_inplace": (layers.ReLU(inplace=True), nn.ReLU(inplace=True)),
    "leaky_relu": (layers.LeakyReLU(0.1), nn.LeakyReLU(0.1)),
    "leaky_relu_inplace": (layers.LeakyReLU(0.1, True), nn.LeakyReLU(0.1, True)),
    "elu": (layers.ELU(), nn.ELU()),
    "elu_alpha_inplace": (layers.ELU(1.7, True), nn.ELU(1.7, True)),
    "selu": (layers.SELU(), nn.SELU()),
    "selu_inplace": (layers.SELU(inplace=True), nn.SELU(inplace=True)),
    "sigmoid": (layers.Sigmoid(), nn.Sigmoid()),
    "tanh": (layers.Tanh(), nn.Tanh()),
    "gelu": (layers.GELU(), nn.GELU()),
    "gelu_tanh": (layers.GELU(approximate="tanh"), nn.GELU(approximate="tanh")),
    "silu": (layers.SiLU(), nn.SiLU()),
    "silu_inplace": (layers.SiLU(inplace=True), nn.SiLU(inplace=True)),
    "softplus": (layers.Softplus(), nn.Softplus()),
    "softplus_beta": (layers.Softplus(2.0, 5.0), nn.Softplus(2.0, 5.0)),
    "softmax": (layers.Softmax(-1), nn.Softmax(-1)),
    "softmax_first": (layers.Softmax(0), nn.Softmax(0)),
    "log_softmax": (layers.LogSoftmax(-1), nn.LogSoftmax(-1)),
}
TOLERANCE = {torch.float64: 1e-13, torch.float32: 2e-6, torch.bfloat16: 4e-2}


def value_and_gradient(module, x, out=None):
    x = x.clone().requires_grad_()
    y = module(x.clone())  # a clone: an in-place layer may not write into a leaf
    out = torch.ones_like(y) if out is None else out
    (gradient,) = torch.autograd.grad(y, x, out)
    return y.detach(), gradient


def assert_same(ours, theirs, x, on, tolerance):
    out = torch.randn(x.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(x.dtype)
    with layers.fused(on):
        got = value_and_gradient(ours, x, out)
    for a, b in zip(got, value_and_gradient(theirs, x, out), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=12, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    scale=st.sampled_from([0.1, 1.0, 20.0]),
    dtype=st.sampled_from(list(TOLERANCE)),
    seed=st.integers(0, 99),
)
def test_equals_torch_on_random_inputs(name, on, shape, scale, dtype, seed):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(scale).to(dtype)
    ours, theirs = PAIRS[name]
    assert_same(ours, theirs, x, on, TOLERANCE[dtype] * max(1, scale))


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_equals_torch_on_extreme_inputs(name, on):
    x = torch.tensor([0.0, -0.0, 1000.0, -1000.0, 1e-30, -1e-30, 88.0, -88.0], dtype=torch.float64)
    assert_same(*PAIRS[name], x, on, 1e-12)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("name", [n for n in PAIRS if "softmax" not in n])
def test_infinity_and_nan_go_where_torch_sends_them(name, on):
    x = torch.tensor([float("inf"), -float("inf"), float("nan")], dtype=torch.float64)
    ours, theirs = PAIRS[name]
    with layers.fused(on):
        y = ours(x.clone())
    torch.testing.assert_close(y, theirs(x.clone()), equal_nan=True)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("name", [n for n in PAIRS if n != "softmax_first"])
def test_an_empty_batch_passes_through(name, on):
    with layers.fused(on):
        assert PAIRS[name][0](torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("name", [n for n in PAIRS if "inplace" in n])
@pytest.mark.parametrize("on", [True, False])
def test_inplace_writes_into_its_input(name, on):
    x = torch.tensor([-1.0, 2.0])
    with layers.fused(on):
        y = PAIRS[name][0](x)
    assert y.data_ptr() == x.data_ptr()
    assert x[0] != -1


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 5),
    dim=st.integers(-2, 1),
    keepdim=st.booleans(),
    scale=st.sampled_from([1.0, 1000.0]),
)
def test_logsumexp_equals_torch(on, rows, columns, dim, keepdim, scale):
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * scale
    x.requires_grad_()
    with layers.fused(on):
        y = layers.logsumexp(x, dim, keepdim)
    expected = torch.logsumexp(x, dim, keepdim)
    torch.testing.assert_close(y, expected, rtol=1e-13, atol=1e-13)
    gradient, wanted = (torch.autograd.grad(v.sum(), x)[0] for v in (y, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("function", ["logsumexp", "softmax", "log_softmax"])
def test_softmax_family_treats_infinities_as_torch(function, on):
    inf = float("inf")
    x = torch.tensor([[0.0, -inf, 1.0], [-inf, -inf, -inf], [inf, 0.0, 1.0]])
    with layers.fused(on):
        y = getattr(layers, function)(x)
    torch.testing.assert_close(y, getattr(torch, function)(x, -1), equal_nan=True)


@pytest.mark.parametrize("on", [True, False])
def test_softmax_of_huge_logits_is_a_distribution(on):
    x = torch.tensor([[1000.0, -1000.0, 999.0]])
    with layers.fused(on):
        p = layers.softmax(x)
    assert p.sum().item() == pytest.approx(1, abs=1e-6)
    assert p[0, 0].item() == pytest.approx(0.731059, abs=1e-6)


def test_known_values():
    assert layers.tanh(torch.tensor(-1.0)).item() == pytest.approx(-0.761594, abs=1e-6)
    assert layers.sigmoid(torch.tensor(0.0)).item() == 0.5
    assert layers.softplus(torch.tensor(0.0)).item() == pytest.approx(0.693147, abs=1e-6)


def test_unknown_gelu_approximation_is_named():
    message = "approximate='tahn' is not known; did you mean 'tanh'? choose from none, tanh"
    with pytest.raises(ValueError) as error:
        layers.GELU("tahn")
    assert str(error.value) == message
    with pytest.raises(ValueError) as error:
        layers.gelu(torch.ones(1), "tahn")
    assert str(error.value) == message


@own_checks
@pytest.mark.parametrize("kind", [layers.Softmax, layers.LogSoftmax])
def test_softmax_needs_a_whole_dimension(kind):
    with pytest.raises(TypeError) as error:
        kind(None)
    assert str(error.value) == "dim=None is not a whole number; give an int"


@pytest.mark.parametrize("name", [n for n in PAIRS if not n.startswith("softplus")])
def test_representation_is_torchs(name):
    ours, theirs = PAIRS[name]
    assert repr(ours) == repr(theirs)
