"""Positions: the published tables, and rotations that know distances only."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import data, layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def test_sinusoidal_is_the_papers_formula():
    table = layers.sinusoidal(50, 6)
    for t in (0, 1, 7, 49):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_positions_are_added():
    x = torch.randn(2, 3, 4)
    fixed, learned = layers.SinusoidalPosition(4, 5), layers.LearnedPosition(4, 5)
    torch.testing.assert_close(fixed(x), x + layers.sinusoidal(3, 4))
    torch.testing.assert_close(learned(x), x + learned.embedding.weight[:3])
    assert not fixed.state_dict()
    assert fixed(x.bfloat16()).dtype == torch.bfloat16


@settings(max_examples=30, deadline=None)
@given(t=st.integers(0, 60), s=st.integers(0, 60), shift=st.integers(0, 30), base=st.sampled_from([1e4, 1e5]))
def test_turned_vectors_know_their_distance_only(t, s, shift, base):
    q, k = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(t), dtype=torch.float64)

    def product(a, b):
        angle = layers.rotary_angles(100, 8, base=base).double()
        turned = [
            layers.rotate(x, angle[i : i + 1].cos(), angle[i : i + 1].sin()) for x, i in ((q, a), (k, b))
        ]
        return (turned[0] * turned[1]).sum().item()

    assert product(t, s) == pytest.approx(product(t + shift, s + shift), abs=1e-4)


def test_turning_keeps_lengths_and_position_zero():
    rotary = layers.RotaryPosition(8, 16)
    x = torch.randn(2, 3, 16, 8)
    torch.testing.assert_close(rotary(x).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(rotary(x)[..., 0, :], x[..., 0, :])
    torch.testing.assert_close(rotary(x[..., 5:7, :], start=5), rotary(x)[..., 5:7, :])
    assert not rotary.state_dict()


def test_turning_equals_llamas():
    data.ensure_torchvision()  # transformers imports it
    from transformers.models.llama import modeling_llama as llama

    q, k = torch.randn(2, 1, 2, 7, 8)
    angle = torch.cat([layers.rotary_angles(7, 8)] * 2, -1)[None]
    expected = llama.apply_rotary_pos_emb(q, k, angle.cos(), angle.sin())
    rotary = layers.RotaryPosition(8, 7)
    torch.testing.assert_close(rotary(q), expected[0])
    torch.testing.assert_close(rotary(k), expected[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: layers.sinusoidal(3, 5),
            "width=5 is odd; features are turned in pairs, choose an even number",
        ),
        (lambda: layers.sinusoidal(-1, 4), "length=-1 is out of range; give an int >= 0"),
        (
            lambda: layers.SinusoidalPosition(4, 2)(torch.zeros(1, 3, 4)),
            "x has shape (1, 3, 4), it must be (..., T, 4) with T <= max_length=2; cut the sequence or raise "
            "max_length",
        ),
        (
            lambda: layers.RotaryPosition(4, 2)(torch.zeros(1, 2, 4), start=1),
            "start=1 and 2 tokens pass max_length=2; shorten the sequence or raise max_length",
        ),
        (
            lambda: layers.RotaryPosition(4, 2)(torch.zeros(1, 2, 6)),
            "x has shape (1, 2, 6), cos (2, 2) and sin (2, 2) must be (2, 3): one angle per token and "
            "pair of features",
        ),
    ],
)
@own_checks
def test_errors(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
