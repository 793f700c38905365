"""EfficientNet-lite0: the published names and count; with the published weights it sees what is there."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kit import data, layers
from kit.models import EfficientNet, EfficientNetConfig, count_parameters, load_efficientnet
from kit.models.efficientnet import InvertedBottleneck, pad_same


@pytest.fixture(scope="module")
def weights():
    if not data.available("efficientnet_lite0"):
        pytest.skip("the weights are not fetched; run: kit data get efficientnet_lite0")
    return torch.load(data.path("efficientnet_lite0"), weights_only=True)


@pytest.fixture(scope="module")
def trained(weights):
    return load_efficientnet(EfficientNet(), weights).eval()


def published(name):
    """Our name -> the checkpoint's: each part of the path that is not a number has an underscore."""
    *owners, leaf = name.split(".")
    return ".".join([part if part.isdigit() else f"_{part}" for part in owners] + [leaf])


def test_the_count_is_the_published_one():
    model = EfficientNet(generator=torch.Generator().manual_seed(0))
    assert model.config.parameters == count_parameters(model) == 4_652_008
    ten = EfficientNetConfig(classes=10, dropout=0.0)
    assert ten.parameters == count_parameters(EfficientNet(ten)) == 4_652_008 - 990 * 1281


def test_published_names_load_and_a_missing_one_is_told():
    model, other = EfficientNet(), EfficientNet()
    state = {published(name): tensor for name, tensor in other.state_dict().items()}
    assert "_blocks.1._expand_conv.weight" in state
    load_efficientnet(model, state)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    del state["_fc.bias"]
    with pytest.raises(ValueError, match=r"weights do not fit EfficientNet, missing: fc\.bias; "):
        load_efficientnet(model, state)


def test_the_checkpoints_names_are_these(weights):
    assert {published(name) for name in EfficientNet().state_dict()} == set(weights)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (8, 5, 2), (9, 5, 1), (4, 1, 1)]
)
def test_padding_gives_tensorflows_size_with_the_odd_row_last(size, kernel, stride):
    x = torch.ones(1, 1, size, size)
    padded = pad_same(x, kernel, stride)
    assert F.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride).shape[-1] == math.ceil(
        size / stride
    )
    before = int((padded[0, 0].sum(1) == 0).long().argmin())
    assert before == (padded.shape[-1] - size) // 2


@pytest.mark.parametrize("on", [True, False])
def test_a_block_equals_the_same_stack_of_torch(on):
    block = InvertedBottleneck(4, 4, 3, 1, 6).eval()
    stack = nn.Sequential(
        nn.Conv2d(4, 24, 1, bias=False),
        nn.BatchNorm2d(24, 1e-3),
        nn.ReLU6(),
        nn.Conv2d(24, 24, 3, padding=1, groups=24, bias=False),
        nn.BatchNorm2d(24, 1e-3),
        nn.ReLU6(),
        nn.Conv2d(24, 4, 1, bias=False),
        nn.BatchNorm2d(4, 1e-3),
    ).eval()
    stack.load_state_dict(dict(zip(stack.state_dict(), block.state_dict().values(), strict=True)))
    x = torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))
    with layers.fused(on):
        torch.testing.assert_close(block(x), x + stack(x), rtol=1e-5, atol=1e-5)


def test_features_are_those_the_last_layer_reads(trained):
    x = torch.rand(1, 3, 96, 100, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = trained.features(x)
        assert features.shape == (1, 1280)
        assert trained.feature_map(x).shape == (1, 1280, 3, 4)
        torch.testing.assert_close(trained.fc(features), trained(x))


#: Classes of ImageNet-1k.
PALACE, BELL_COTE, DAISY = 698, 442, 985


@torch.no_grad()
@pytest.mark.parametrize(("name", "expected"), [("china.jpg", {PALACE, BELL_COTE}), ("flower.jpg", {DAISY})])
@pytest.mark.parametrize("on", [True, False])
def test_photographs_are_recognized(trained, name, expected, on):
    from sklearn.datasets import load_sample_image

    image = torch.tensor(load_sample_image(name)).permute(2, 0, 1)[None] / 255  # (1, 3, H, W)
    height, width = image.shape[-2:]
    side = (width - height) // 2
    square = F.interpolate(image[..., side : side + height], (224, 224), mode="bilinear", antialias=True)
    with layers.fused(on):
        best = trained(square)[0].topk(len(expected)).indices
    assert set(best.tolist()) == expected
