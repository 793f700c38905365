"""The residual block equals torchvision's BasicBlock; without its shortcut it is the plain one."""

import pytest
import torch
from torch import nn

from kit import layers
from kit.data import ensure_torchvision


def basic_block(inputs, outputs, stride):
    ensure_torchvision()
    from torchvision.models.resnet import BasicBlock

    downsample = None
    if stride != 1 or inputs != outputs:
        convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
    return BasicBlock(inputs, outputs, stride, downsample)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(4, 4, 1), (4, 6, 1), (4, 4, 2), (3, 5, 2)])
def test_equals_torchvisions_block(on, inputs, outputs, stride):
    ours = layers.ResidualBlock(inputs, outputs, stride).double()
    theirs = basic_block(inputs, outputs, stride).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, inputs, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for mode in (True, False):
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        with layers.fused(on):
            got = ours.train(mode)(a)
            got.square().sum().backward()
        expected = theirs.train(mode)(b)
        expected.square().sum().backward()
        torch.testing.assert_close(got, expected)
        torch.testing.assert_close(a.grad, b.grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_a_block_whose_convolutions_give_zero_passes_its_input_only_with_the_shortcut():
    x = torch.rand(2, 4, 5, 5)
    for shortcut in (True, False):
        block = layers.ResidualBlock(4, 4, shortcut=shortcut).eval()
        nn.init.zeros_(block.conv2.weight)
        assert torch.equal(block(x), x if shortcut else torch.zeros_like(x))


def test_the_plain_block_has_no_third_convolution():
    plain = layers.ResidualBlock(4, 6, 2, shortcut=False)
    assert plain.downsample is None
    assert plain(torch.zeros(2, 4, 5, 5)).shape == (2, 6, 3, 3)


def test_the_same_generator_gives_the_same_block():
    one, two = (layers.ResidualBlock(2, 3, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
