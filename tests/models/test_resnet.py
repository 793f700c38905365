"""ResNet: torchvision's names, numbers and logits; the small and the plain variant."""

import json
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers
from kit.data import ensure_torchvision
from kit.models import RESNET_PRESETS, ResNet, ResNetConfig, count_parameters

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def torchvision_model(name):
    ensure_torchvision()
    import torchvision

    return getattr(torchvision.models, name)()


@pytest.mark.parametrize(("name", "count"), [("resnet18", 11_689_512), ("resnet34", 21_797_672)])
def test_presets_are_torchvisions(name, count):
    ours, theirs = ResNet(RESNET_PRESETS[name]), torchvision_model(name)
    assert RESNET_PRESETS[name].parameters == count_parameters(ours) == count_parameters(theirs) == count
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        if a.ndim == 4 and a.numel() > 10_000:  # the same distribution
            assert a.std().item() == pytest.approx(b.std().item(), rel=0.03)


@torch.no_grad()
@pytest.mark.parametrize("on", [True, False])
def test_logits_equal_torchvisions_on_random_weights(on):
    ours, theirs = ResNet(RESNET_PRESETS["resnet18"]), torchvision_model("resnet18")
    for name, value in theirs.state_dict().items():  # statistics as after training, not 0 and 1
        if name.endswith(("running_mean", "running_var", "bn1.weight", "bn2.bias")):
            value.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(2, 3, 65, 70, generator=torch.Generator().manual_seed(0))
    with layers.fused(on):
        got = ours.eval()(x)
    torch.testing.assert_close(got, theirs.eval()(x), rtol=1e-4, atol=1e-4)


def test_gradients_equal_torchvisions_while_training():
    ours, theirs = ResNet(RESNET_PRESETS["resnet18"]).double(), torchvision_model("resnet18").double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 33, 33, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for model in (ours, theirs):
        model(x).square().sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.bn1.running_var, theirs.bn1.running_var)


@settings(max_examples=20, deadline=None)
@given(
    stages=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 6)), min_size=1, max_size=3),
    stem=st.sampled_from(["imagenet", "small"]),
    shortcut=st.booleans(),
)
def test_every_config_builds_with_the_predicted_parameters(stages, stem, shortcut):
    blocks, widths = zip(*stages, strict=True)
    config = ResNetConfig(blocks, widths, stem, channels=2, classes=3, shortcut=shortcut)
    model = ResNet(config, generator=torch.Generator().manual_seed(0))
    assert config.parameters == count_parameters(model)
    assert model.features(torch.rand(2, 2, 16, 16)).shape == (2, widths[-1])
    assert ResNetConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_the_small_one_reads_grey_images_of_28_pixels():
    config = RESNET_PRESETS["small"]
    model = ResNet(config)
    assert config.parameters == count_parameters(model) == 77_754
    x = torch.rand(2, 1, 28, 28)
    assert model.feature_map(x).shape == (2, 64, 7, 7)
    assert model(x).shape == (2, 10)


def test_with_shortcuts_the_gradient_reaches_the_first_layer_of_a_deep_network():
    sizes = {}
    for shortcut in (True, False):
        config = ResNetConfig((24,), (4,), "small", 1, 2, shortcut)
        model = ResNet(config, generator=torch.Generator().manual_seed(0)).eval()
        for module in model.modules():  # small weights: each block shrinks what passes it
            if isinstance(module, layers.Conv2d):
                module.weight.data.mul_(0.1)
        model(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))).sum().backward()
        sizes[shortcut] = model.conv1.weight.grad.norm().item()
    assert sizes[True] > 1e-3
    assert sizes[False] < 1e-12


def test_the_same_generator_gives_the_same_model_and_leaves_the_global_one_alone():
    before = torch.random.get_rng_state()
    one, two = (ResNet(RESNET_PRESETS["small"], generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@own_checks
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ResNetConfig((1, 1), (8,)),
            "len(blocks)=2, len(widths)=1 differ; give one entry of each per sample",
        ),
        (lambda: ResNetConfig((), ()), "blocks is empty; give at least one item"),
        (
            lambda: ResNetConfig(stem="smal"),
            "stem='smal' is not known; did you mean 'small'? choose from imagenet, small",
        ),
        (
            lambda: ResNet(RESNET_PRESETS["small"])(torch.zeros(2, 3, 28, 28)),
            "x has shape (2, 3, 28, 28), Conv2d needs (B, in_channels=1, H, W); reshape x or "
            "change in_channels",
        ),
    ],
)
def test_errors_name_the_option(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
