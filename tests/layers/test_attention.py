"""Attention equals PyTorch's, with every mask, and masked positions have no influence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 2e-2}


def draw(*shape, seed=0, dtype=torch.float32, scale=1.0):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    return x.to(dtype).requires_grad_()


def compare(ours, theirs, inputs_ours, inputs_theirs, tolerance):
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=False)
    factor = torch.linspace(-1, 1, ours.numel(), dtype=torch.float64).view_as(ours).to(ours.dtype)
    (ours * factor).sum().backward()
    (theirs * factor).sum().backward()
    for a, b in zip(inputs_ours, inputs_theirs, strict=True):
        size = max(1.0, float(b.grad.abs().max()))
        torch.testing.assert_close(a.grad, b.grad, rtol=tolerance * 5, atol=tolerance * 10 * size)


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(1, 5)),
    group=st.integers(1, 3),
    mask=st.sampled_from([None, "bool", "float", "causal"]),
    scale=st.sampled_from([None, 0.3]),
    size=st.sampled_from([1.0, 30.0]),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_equals_torchs_function(on, sizes, group, mask, scale, size, dtype):
    B, H, T, S = sizes
    size = 1.0 if dtype == torch.bfloat16 else size  # rounding grows with the square of the scores
    shapes = ((B, H * group, T, 4), (B, H, S, 4), (B, H, S, 4))
    ours = [draw(*shape, seed=i, dtype=dtype, scale=size) for i, shape in enumerate(shapes)]
    theirs = [x.detach().clone().requires_grad_() for x in ours]
    given_mask = None
    if mask == "bool":  # some rows may see nothing: their output is zero on both sides
        given_mask = torch.rand(T, S, generator=torch.Generator().manual_seed(9)) < 0.6
    if mask == "float":
        given_mask = torch.randn(B, 1, T, S, generator=torch.Generator().manual_seed(9)).to(dtype)
    options = {"attn_mask": given_mask, "is_causal": mask == "causal", "scale": scale, "enable_gqa": True}
    with layers.fused(on):
        got = layers.scaled_dot_product_attention(*ours, **options)
    expected = F.scaled_dot_product_attention(*theirs, **options)
    compare(got, expected, ours, theirs, TOLERANCE[dtype] * size**2)


def test_two_dimensions_are_enough():
    q, k, v = (draw(3, 4, seed=i) for i in range(3))
    for on in (True, False):
        with layers.fused(on):
            got = layers.scaled_dot_product_attention(q, k, v)
        torch.testing.assert_close(got, F.scaled_dot_product_attention(q, k, v))


def test_dropout_removes_weights_and_keeps_their_mean():
    q, k, v = torch.zeros(1, 1, 200, 2), torch.zeros(1, 1, 50, 2), torch.ones(1, 1, 50, 2)
    torch.manual_seed(0)
    with layers.fused(False):
        out = layers.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    assert out.std() > 0.05
    assert abs(out.mean() - 1) < 0.05


def test_scores_of_a_thousand_do_not_overflow():
    q, k, v = draw(2, 3, 8, seed=1, scale=1000), draw(2, 5, 8, seed=2, scale=1000), draw(2, 5, 8, seed=3)
    weights = layers.attention_weights(q, k)
    assert torch.isfinite(weights).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3))
    with layers.fused(False):
        torch.testing.assert_close(
            layers.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v)
        )


@settings(max_examples=30, deadline=None)
@given(T=st.integers(2, 6), changed=st.integers(1, 5), on=st.booleans(), seed=st.integers(0, 99))
def test_the_causal_mask_leaks_nothing_of_the_future(T, changed, on, seed):
    changed = min(changed, T - 1)
    q, k, v = (draw(1, 2, T, 4, seed=seed + i).detach() for i in range(3))
    k2, v2 = k.clone(), v.clone()
    k2[:, :, changed:] += 7.0
    v2[:, :, changed:] = math.pi
    with layers.fused(on):
        before = layers.scaled_dot_product_attention(q, k, v, is_causal=True)
        after = layers.scaled_dot_product_attention(q, k2, v2, is_causal=True)
    assert torch.equal(before[:, :, :changed], after[:, :, :changed])
    assert not torch.equal(before[:, :, changed:], after[:, :, changed:])


def test_causal_mask_of_fewer_queries_is_the_lower_part():
    assert torch.equal(layers.causal_mask(4), torch.ones(4, 4).tril().bool())
    assert torch.equal(layers.causal_mask(2, 5), layers.causal_mask(5)[-2:])
    assert layers.causal_mask(0).shape == (0, 0)
    with pytest.raises(ValueError) as error:
        layers.causal_mask(3, 2)
    assert str(error.value) == "keys=2 is out of range; give an int >= 3"


def pair(**options):
    torch.manual_seed(3)
    ours = layers.MultiheadAttention(12, 3, **options)
    torch.manual_seed(3)
    theirs = nn.MultiheadAttention(12, 3, **options)
    return ours, theirs


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    first=st.booleans(),
    bias=st.booleans(),
    cross=st.booleans(),
    need=st.booleans(),
    average=st.booleans(),
    mask=st.sampled_from([None, "bool", "float", "per head"]),
    padding=st.sampled_from([None, "bool", "float"]),
)
def test_equals_torchs_module(on, first, bias, cross, need, average, mask, padding):
    ours, theirs = pair(batch_first=first, bias=bias, dtype=torch.float64)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-15, atol=1e-15)  # the same draw
    B, T, S = 2, 4, 5 if cross else 4
    shapes = ((B, T, 12), (B, S, 12)) if first else ((T, B, 12), (S, B, 12))
    x, y = (draw(*shape, seed=i, dtype=torch.float64) for i, shape in enumerate(shapes))
    x2, y2 = x.detach().clone().requires_grad_(), y.detach().clone().requires_grad_()
    masks = {}
    if mask:
        shape = (B * 3, T, S) if mask == "per head" else (T, S)
        forbidden = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.3
        forbidden[..., 0] = False  # torch returns NaN for a row without a key
        masks["attn_mask"] = forbidden if mask != "float" else forbidden.double() * -2.0
    if padding:
        absent = torch.zeros(B, S, dtype=torch.bool)
        absent[1, -2:] = True
        floats = torch.zeros(B, S, dtype=torch.float64).masked_fill(absent, -math.inf)
        masks["key_padding_mask"] = absent if padding == "bool" else floats
    if len({m.dtype for m in masks.values()}) > 1:
        masks = {name: m for name, m in masks.items() if name == "attn_mask"}  # torch warns about a mixture
    options = {**masks, "need_weights": need, "average_attn_weights": average}
    other, other2 = (y, y2) if cross else (x, x2)
    with layers.fused(on):
        got, weights = ours(x, other, other, **options)
    expected, expected_weights = theirs(x2, other2, other2, **options)
    if need:
        torch.testing.assert_close(weights, expected_weights, rtol=1e-12, atol=1e-12)
    else:
        assert weights is None
    inputs = ([x, y], [x2, y2]) if cross else ([x], [x2])
    compare(got, expected, *inputs, 1e-12)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-11)


def test_state_dicts_load_both_ways():
    ours, theirs = layers.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2)
    theirs.load_state_dict(ours.state_dict())
    other = layers.MultiheadAttention(8, 2)
    other.load_state_dict(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), other.parameters(), strict=True))
    assert sum(p.numel() for p in layers.MultiheadAttention(64, 4).parameters()) == 16_640


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("on", [True, False])
def test_padding_has_no_influence(on, need):
    attention = layers.MultiheadAttention(8, 2, batch_first=True)
    x = draw(2, 5, 8).detach()
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    changed = x.clone()
    changed[1, 3:] = 1e3
    with layers.fused(on):
        before = attention(x[:, :3], x, x, padding, need_weights=need)[0]
        after = attention(x[:, :3], changed, changed, padding, need_weights=need)[0]
    assert torch.equal(before, after)


def test_without_positions_a_shuffled_input_gives_the_shuffled_output():
    attention = layers.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    x = draw(1, 6, 8, dtype=torch.float64)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    shuffled = attention(x[:, order], x[:, order], x[:, order])[0]
    assert (attention(x, x, x)[0][:, order] - shuffled).abs().max() < 1e-15


def test_dropout_acts_on_the_weights_while_training_only():
    attention = layers.MultiheadAttention(4, 1, dropout=0.5, batch_first=True)
    x = draw(1, 30, 4)
    torch.manual_seed(0)
    weights = attention(x, x, x)[1]
    assert 0.3 < (weights == 0).float().mean() < 0.7
    attention.eval()
    assert (attention(x, x, x)[1] > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda q: layers.scaled_dot_product_attention(q, q, q, torch.ones(3, 3).bool(), is_causal=True),
            "attn_mask and is_causal=True are both given; choose one",
        ),
        (
            lambda q: layers.scaled_dot_product_attention(q, q, q, torch.ones(2, 3).bool()),
            "attn_mask has shape (2, 3), it must broadcast to (1, 2, 3, 3); give one value per query and key",
        ),
        (
            lambda q: layers.scaled_dot_product_attention(q, q[..., :2], q),
            "query (1, 2, 3, 4), key (1, 2, 3, 2) and value (1, 2, 3, 4) do not fit; "
            "query and key share the last size, key and value all but the last",
        ),
        (
            lambda q: layers.scaled_dot_product_attention(q, q[:, :1], q[:, :1]),
            "query has 2 heads and key 1; they must be equal, or with enable_gqa=True the first a multiple "
            "of the second",
        ),
        (
            lambda q: layers.scaled_dot_product_attention(q, q, q, dropout_p=1.5),
            "dropout_p=1.5 is out of range; give a float >= 0 and <= 1",
        ),
    ],
)
@pytest.mark.parametrize("on", [True, False])
@own_checks
def test_the_functions_errors(on, call, message):
    with layers.fused(on), pytest.raises(ValueError) as error:
        call(torch.zeros(1, 2, 3, 4))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, x: layers.MultiheadAttention(8, 3), "num_heads=3 does not divide embed_dim=8; "),
        (
            lambda a, x: a(x, x, x, torch.zeros(2, 4).bool()),
            "key_padding_mask has shape (2, 4), it must be (B, S) ",
        ),
        (
            lambda a, x: a(x, x, x, attn_mask=torch.zeros(2, 4).bool()),
            "attn_mask has shape (2, 4), it must be (T, S)",
        ),
        (lambda a, x: a(x, x, x, is_causal=True), "is_causal=True without attn_mask; give the mask too, "),
        (lambda a, x: a(x[0], x, x), "query has shape (3, 8), 3 dimensions are needed; reshape it"),
        (
            lambda a, x: a(x, x[..., :4], x),
            "key has shape (2, 3, 4), its last dimension must be 8; reshape it",
        ),
    ],
)
@own_checks
def test_the_modules_errors(call, message):
    with pytest.raises(ValueError) as error:
        call(layers.MultiheadAttention(8, 2, batch_first=True), torch.zeros(2, 3, 8))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("split", [0, 1, 3, 4])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_causal_attention_with_earlier_keys_gives_the_rows_of_the_whole(on, split, heads):
    q, k, v = draw(2, 4, 5, 4, seed=1), draw(2, heads, 5, 4, seed=2), draw(2, heads, 5, 4, seed=3)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    with layers.fused(on):
        got = layers.causal_attention(q[:, :, split:], k, v)
    torch.testing.assert_close(got, expected[:, :, split:])
