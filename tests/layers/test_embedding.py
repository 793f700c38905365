"""Embedding equals torch.nn.Embedding, with and without padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    padding=st.sampled_from([None, 0, 3, -1]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    kind=st.sampled_from([torch.int64, torch.int32]),
)
def test_equals_torch(on, shape, padding, dtype, kind):
    ours = layers.Embedding(5, 3, padding, dtype=dtype)
    theirs = nn.Embedding(5, 3, padding, dtype=dtype)
    theirs.load_state_dict(ours.state_dict())
    indices = torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(2), dtype=kind)
    with layers.fused(on):
        got = ours(indices)
    expected = theirs(indices)
    assert torch.equal(got, expected)
    factor = torch.arange(got.numel()).view_as(got).to(dtype)
    (got * factor).sum().backward()
    (expected * factor).sum().backward()
    tolerance = 0.1 if dtype == torch.bfloat16 else 1e-6
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("padding", [None, 1, -2])
def test_starts_with_torchs_draw(padding):
    torch.manual_seed(5)
    ours = layers.Embedding(6, 4, padding)
    torch.manual_seed(5)
    theirs = nn.Embedding(6, 4, padding)
    assert torch.equal(ours.weight, theirs.weight)
    assert ours.padding_idx == theirs.padding_idx
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("on", [True, False])
def test_the_padding_row_never_learns(on):
    layer = layers.Embedding(4, 2, padding_idx=0, generator=torch.Generator().manual_seed(0))
    with layers.fused(on):
        layer(torch.tensor([[0, 1], [0, 2]])).sum().backward()
    assert layer.weight[0].abs().sum() == 0
    assert layer.weight.grad.sum(1).tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(("indices", "span"), [([0, 4], "0 to 4"), ([-1, 2], "-1 to 2")])
def test_unknown_indices_are_named(on, indices, span):
    with layers.fused(on), pytest.raises(ValueError) as error:
        layers.Embedding(4, 2)(torch.tensor(indices))
    assert str(error.value) == (
        f"indices has values from {span}, they must lie in 0..3; "
        "raise num_embeddings or map unknown indices to one of their own"
    )


@own_checks
def test_indices_are_whole_numbers():
    with pytest.raises(TypeError) as error:
        layers.Embedding(4, 2)(torch.ones(2))
    assert str(error.value) == "indices has dtype torch.float32, whole numbers are needed; use indices.long()"


def test_arguments_are_checked():
    with pytest.raises(ValueError) as error:
        layers.Embedding(4, 2, padding_idx=4)
    assert str(error.value) == "padding_idx=4 is out of range; give an int >= -4 and <= 3"
    with pytest.raises(ValueError) as error:
        layers.Embedding(0, 2)
    assert str(error.value) == "num_embeddings=0 is out of range; give an int >= 1"
