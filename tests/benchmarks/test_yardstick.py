"""The yardstick measures what it says: n-gram losses by hand, losses of known models, recipes that learn."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks import yardstick
from benchmarks.plain_gpt import PlainGPT
from kit import models


def test_n_gram_loss_by_hand():
    # "ab" three times; the four "a" are followed by "b" or by the end: (3 + 0.01) / (4 + 0.02)
    expected = -math.log(3.01 / 4.02)
    assert yardstick.n_gram_loss("abababa", "ab", 2, 2) == pytest.approx(expected)


def test_a_uniform_guess_costs_the_logarithm_of_the_vocabulary():
    class Uniform(nn.Module):
        def forward(self, tokens):
            return torch.zeros(*tokens.shape, 11)

    text = torch.randint(0, 11, (1000,))
    assert yardstick.validation_loss(Uniform(), text) == pytest.approx(math.log(11), abs=1e-5)


@pytest.mark.parametrize("recipe", [yardstick.PLAIN, yardstick.FASTER, yardstick.BEST], ids=lambda r: r.name)
def test_every_recipe_stays_within_the_weights_and_learns(recipe):
    assert models.count_parameters(yardstick.build(recipe, 65, 0)) <= 820_000
    text = (torch.arange(3000) % 5).long()  # a text one can learn by heart
    recipe = replace(recipe, warm_up=min(5, recipe.warm_up))
    model = yardstick.train(recipe, text, 65, seed=0, steps=25)
    assert yardstick.validation_loss(model, text) < 2.5  # log 65 is 4.17


def test_the_plain_peer_has_the_same_weights_and_logits():
    config = models.GPTConfig(65, 16, 2, 2, 8)
    ours, plain = models.GPT(config).eval(), PlainGPT(config).eval()
    assert models.count_parameters(ours) == models.count_parameters(plain)
    renamed = dict(zip(plain.state_dict(), order(ours, plain), strict=True))
    plain.load_state_dict(renamed)
    x = torch.randint(0, 65, (2, 16))
    torch.testing.assert_close(ours(x), plain(x))


def order(ours, plain):
    """Our weights in the order of the peer's names."""
    names = {
        "token": "transformer.wte",
        "position": "transformer.wpe",
        "norm": "transformer.ln_f",
        "head": "lm_head",
    }
    parts = {"norm_1": "ln_1", "norm_2": "ln_2", "qkv": "attn.c_attn", "out": "attn.c_proj"}
    parts |= {"up": "mlp.c_fc", "down": "mlp.c_proj"}
    for name in plain.state_dict():
        head, *rest = name.split(".")
        if head == "blocks":
            yield ours.state_dict()[f"transformer.h.{rest[0]}.{parts[rest[1]]}.{rest[2]}"]
        else:
            yield ours.state_dict()[f"{names[head]}.{rest[0]}"]
