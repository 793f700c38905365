"""Dropout: torch's mask, its expected value, and its two modes."""

import pytest
import torch
from torch import nn

from kit import layers


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("inplace", [False, True])
def test_equals_torch_from_the_same_state(on, p, inplace):
    x = torch.randn(50, 20, generator=torch.Generator().manual_seed(0), requires_grad=True)
    results = []
    for layer in (layers.Dropout(p, inplace), nn.Dropout(p, inplace)):
        torch.manual_seed(3)
        with layers.fused(on):
            y = layer(x.clone())
        results.append((y, *torch.autograd.grad((y * y).sum(), x)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("on", [True, False])
def test_evaluation_changes_nothing(on):
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    with layers.fused(on):
        assert torch.equal(layers.Dropout(0.9).eval()(x), x)
        assert torch.equal(layers.dropout(x, 0.9, training=False), x)


def test_keeps_the_expected_value_and_drops_the_stated_share():
    y = layers.dropout(torch.ones(100_000), 0.25, generator=torch.Generator().manual_seed(0))
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert y.max().item() == pytest.approx(4 / 3)


def test_a_generator_leaves_the_global_one_alone():
    before = torch.random.get_rng_state()
    masks = [layers.dropout(torch.ones(99), generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*masks)
    assert torch.equal(before, torch.random.get_rng_state())


def test_probability_is_checked():
    with pytest.raises(ValueError) as error:
        layers.Dropout(1.5)
    assert str(error.value) == "p=1.5 is out of range; give a float >= 0 and <= 1"
    with pytest.raises(ValueError) as error:
        layers.dropout(torch.ones(2), -0.1)
    assert str(error.value) == "p=-0.1 is out of range; give a float >= 0 and <= 1"


def test_representation_and_empty_state():
    assert layers.Dropout(0.2).state_dict() == {}
    assert layers.dropout(torch.empty(0, 3)).shape == (0, 3)
