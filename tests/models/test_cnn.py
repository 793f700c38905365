"""The CNN: sizes, counts, the article's network, modes, and that it learns what a picture shows."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers, losses, optim
from kit.models import CNN, CNN_PRESETS, CNNConfig, count_parameters

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


@settings(max_examples=30, deadline=None)
@given(
    image=st.tuples(st.integers(1, 3), st.integers(18, 21), st.integers(18, 21)),
    channels=st.lists(
        st.one_of(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=2)), max_size=2
    ),
    kernel=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
    pooling=st.integers(1, 2),
    hidden=st.lists(st.integers(1, 6), max_size=2),
    extras=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_every_config_builds_what_it_predicts(image, channels, kernel, padding, pooling, hidden, extras):
    options = {"batch_norm": extras, "dropout": 0.5 * extras}
    config = CNNConfig(image, channels, kernel, padding, pooling, hidden, 3, **options)
    model = CNN(config)
    assert config.parameters == count_parameters(model)
    x = torch.rand(2, *image)
    assert model.features(x).shape == (2, *config.feature_map)
    assert model(x).shape == (2, 3)
    assert CNNConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_the_articles_network_has_its_counts():
    config = CNN_PRESETS["article"]
    assert config.parameters == count_parameters(CNN(config)) == 693_962
    assert config.feature_map == (32, 13, 13)
    assert math.prod(config.feature_map) == 5_408


@pytest.mark.parametrize("on", [True, False])
def test_equals_the_same_stack_of_torch(on):
    model = CNN(CNN_PRESETS["article"], generator=torch.Generator().manual_seed(0))
    stack = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    stack += nn.Sequential(nn.Linear(5408, 128), nn.ReLU(), nn.Linear(128, 10))
    stack.load_state_dict(dict(zip(stack.state_dict(), model.state_dict().values(), strict=True)))
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with layers.fused(on):
        torch.testing.assert_close(model(x), stack(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CNN_PRESETS)
def test_presets_are_reproducible_and_leave_the_global_generator_alone(name):
    before = torch.random.get_rng_state()
    one, two = (CNN(CNN_PRESETS[name], generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    x = torch.rand(1, *CNN_PRESETS[name].image)
    assert torch.equal(one.eval()(x), two.eval()(x))


def test_dropout_and_batch_norm_act_while_training_only():
    model = CNN(CNN_PRESETS["vgg_small"], generator=torch.Generator().manual_seed(0))
    x = torch.rand(2, 1, 28, 28)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_learns_the_direction_of_a_bar_wherever_it_is():
    generator = torch.Generator().manual_seed(0)
    place = torch.randint(8, (256,), generator=generator)
    upright = torch.arange(256) % 2 == 1
    x = torch.zeros(256, 1, 8, 8)
    for i in range(256):
        x[i, 0, :, place[i]] = upright[i].float()
        x[i, 0, place[i]] += (~upright[i]).float()
    y = upright.long()
    model = CNN(CNNConfig((1, 8, 8), (4,), classes=2), generator=generator)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        losses.cross_entropy(model(x[:192]), y[:192]).backward()
        optimizer.step()
    assert (model(x[192:]).argmax(1) == y[192:]).float().mean() > 0.95


@own_checks
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: CNNConfig((28, 28), (8,)),
            "image=(28, 28) is not (channels, height, width); give three numbers",
        ),
        (lambda: CNNConfig((1, 28, 28), (8, (8, 0))), "channels=0 is out of range; give an int >= 1"),
        (
            lambda: CNNConfig((1, 8, 8), (4, 4, 4, 4)),
            "image=(1, 8, 8) is too small for 4 stages, no pixel is left; use fewer stages, a smaller "
            "kernel or padding='same'",
        ),
        (
            lambda: CNNConfig((1, 8, 8), (4,), padding="full"),
            "padding='full' is not known; choose from same, valid",
        ),
        (
            lambda: CNN(CNN_PRESETS["digits"])(torch.zeros(2, 1, 8, 9)),
            "x has shape (2, 1, 8, 9), its images must be (1, 8, 8); resize them or change config.image",
        ),
    ],
)
def test_errors_name_the_option(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
