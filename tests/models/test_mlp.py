"""The MLP: sizes, parameter counts, modes, and that it learns."""

import json
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers, losses, optim
from kit.models import MLP, MLPConfig, count_parameters
from kit.models.mlp import ACTIVATIONS, NORMALIZATIONS

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    activation=st.sampled_from(list(ACTIVATIONS)),
    dropout=st.sampled_from([0.0, 0.5]),
    normalization=st.sampled_from([None, *NORMALIZATIONS]),
    bias=st.booleans(),
)
def test_every_config_builds_with_the_predicted_parameters(sizes, activation, dropout, normalization, bias):
    config = MLPConfig(tuple(sizes), activation, dropout, normalization, bias)
    model = MLP(config)
    assert config.parameters == count_parameters(model)
    assert model(torch.ones(3, sizes[0])).shape == (3, sizes[-1])
    assert MLPConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_known_count():
    assert MLPConfig((64, 32, 10)).parameters == 64 * 32 + 32 + 32 * 10 + 10


def test_frozen_and_shared_parameters_are_counted_right():
    model = nn.Sequential(layers.Linear(2, 2), layers.Linear(2, 2))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    assert count_parameters(model) == 4 + 2
    assert count_parameters(model, trainable=False) == 4 + 4


@pytest.mark.parametrize("on", [True, False])
def test_equals_the_same_stack_of_torch(on):
    model = MLP(MLPConfig((5, 7, 3), "tanh", normalization="layer"))
    twin = nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 3))
    twin.load_state_dict(model.layers.state_dict())
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    with layers.fused(on):
        torch.testing.assert_close(model(x), twin(x), rtol=1e-5, atol=1e-6)


def test_the_same_generator_gives_the_same_model():
    one, two = (MLP(MLPConfig((3, 4, 2)), generator=torch.Generator().manual_seed(1)) for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_dropout_acts_while_training_only():
    model = MLP(MLPConfig((4, 50, 2), dropout=0.5), generator=torch.Generator().manual_seed(0))
    x = torch.ones(1, 4)
    assert torch.equal(model.eval()(x), model(x))
    torch.manual_seed(0)
    assert not torch.equal(model.train()(x), model(x))


def test_identity_activation_makes_a_linear_network():
    model = MLP(MLPConfig((3, 8, 8, 2), "identity"), generator=torch.Generator().manual_seed(0)).double()
    x, y = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(model(x + y) + model(0 * x), model(x) + model(y))


@pytest.mark.parametrize("on", [True, False])
def test_learns_xor_which_a_linear_model_cannot(on):
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = torch.tensor([0, 1, 1, 0])
    final = {}
    with layers.fused(on):
        for activation in ("tanh", "identity"):
            generator = torch.Generator().manual_seed(0)
            model = MLP(MLPConfig((2, 8, 2), activation), generator=generator)
            optimizer = optim.Adam(model.parameters(), lr=0.05)
            for _ in range(150):
                optimizer.zero_grad()
                loss = losses.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
            final[activation] = loss.item()
    assert final["tanh"] < 0.05
    assert final["identity"] > 0.68  # ln 2 = 0.693 is guessing


@own_checks
def test_bad_configs_are_named():
    for call, text in [
        (lambda: MLPConfig((4,)), "sizes=(4,) names no layer; give at least input and output, (64, 10)"),
        (lambda: MLPConfig((4, 0, 2)), "sizes[1]=0 is out of range; give an int >= 1"),
        (
            lambda: MLPConfig((4, 2), "rellu"),
            "activation='rellu' is not known; did you mean 'relu'? choose from relu, leaky_relu, elu, selu, "
            "sigmoid, tanh, gelu, silu, softplus, identity",
        ),
        (lambda: MLPConfig((4, 2), dropout=2.0), "dropout=2.0 is out of range; give a float >= 0 and <= 1"),
        (
            lambda: MLPConfig((4, 2), normalization="bach"),
            "normalization='bach' is not known; did you mean 'batch'? choose from batch, layer, rms",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
