"""Attention maps of kit's, torch's and transformers' models; the rollout's formula."""

import pytest
import torch
from torch import nn

from kit import interpret, layers
from kit.data.torchvision_ops import ensure_torchvision
from kit.models import GPT, GPTConfig, Llama, LlamaConfig

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
TOKENS = torch.tensor([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_maps_of_kits_decoders_are_causal_and_sum_to_one(seeded, kind, fused):
    model = (
        GPT(GPTConfig(11, 8, 3, 2, 8), generator=seeded)
        if kind == "gpt"
        else Llama(LlamaConfig(11, 8, 3, 4, 2, 8, 16), generator=seeded)
    )
    with layers.fused(fused):
        maps = interpret.attention_maps(model, TOKENS)
    assert [tuple(m.shape) for m in maps] == [(2, 2 if kind == "gpt" else 4, 5, 5)] * 3
    for weights in maps:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        assert not weights.triu(1).any()
        assert (weights.tril() > 0).sum() == weights[..., 0, 0].numel() * 15


def test_maps_of_torchs_attention_leave_its_output_alone(seeded):
    x = torch.randn(2, 5, 8)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    _, weights = attention(x, x, x, average_attn_weights=False)
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    for wanted in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        (seen,) = interpret.attention_maps(lambda x, wanted=wanted: attention(x, x, x, **wanted)[0], x)
        torch.testing.assert_close(seen, weights)
    outs = []
    assert len(interpret.attention_maps(lambda x: outs.append(encoder(x)), x)) == 1
    torch.testing.assert_close(outs[0], encoder(x))


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_maps_equal_those_transformers_returns(seeded, implementation):
    transformers = pytest.importorskip("transformers")
    ensure_torchvision()  # which transformers imports
    config = transformers.BertConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    config._attn_implementation = "eager"
    model = transformers.BertModel(config).eval()
    expected = model(TOKENS, output_attentions=True).attentions
    model.set_attn_implementation(implementation)
    maps = interpret.attention_maps(model, TOKENS)
    assert len(maps) == 2
    for a, b in zip(maps, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_rollout_is_the_product_of_half_mixed_maps(seeded):
    maps = [torch.rand(2, 3, 4, 4).softmax(-1) for _ in range(3)]
    made = interpret.attention_rollout(maps)
    expected = torch.eye(4).expand(2, 4, 4)
    for weights in maps:
        expected = (0.5 * weights.mean(1) + 0.5 * torch.eye(4)) @ expected
    torch.testing.assert_close(made, expected)
    torch.testing.assert_close(made.sum(-1), torch.ones(2, 4))


def test_attention_is_not_importance(seeded):
    """All weight rests on a token whose value is zero: a map full of it, an effect of none."""
    x = torch.tensor([[[0.0, 0.0, 9.0], [1.0, 2.0, 0.0]]])  # (1, 2, 3), the last feature attracts

    def forward(x):
        q = k = x[:, None] * torch.tensor([0.0, 0.0, 1.0]) + torch.tensor([0.0, 0.0, 5.0])
        v = x[:, None] * torch.tensor([1.0, 1.0, 0.0])
        return torch.nn.functional.scaled_dot_product_attention(q, k, v).sum((1, 2, 3))

    (weights,) = interpret.attention_maps(forward, x)
    assert weights[0, 0, :, 0].min() > 0.99
    ablated = interpret.FeatureAblation(forward).attribute(
        x, feature_mask=torch.tensor([[[0, 0, 2], [1, 1, 3]]])
    )
    assert ablated.values[0, 0, 0] == 0


@own_checks
def test_what_has_no_attention_is_refused():
    for call, text in [
        (
            lambda: interpret.attention_maps(nn.Linear(2, 2), torch.ones(1, 2)),
            "maps is empty, no attention was seen; give softmax(scores) of your own to rollout",
        ),
        (lambda: interpret.attention_rollout([]), "maps is empty; give at least one item"),
        (
            lambda: interpret.attention_rollout([torch.ones(1, 2, 3, 4)]),
            "maps[0] has shape (1, 2, 3, 4), its last dimension must be 3; reshape it",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


def test_maps_of_a_single_head_and_of_a_single_sample(seeded):
    q, k = torch.randn(2, 6, 8), torch.randn(2, 3, 8)
    (weights,) = interpret.attention_maps(nn.functional.scaled_dot_product_attention, q, k, k)
    torch.testing.assert_close(weights, (q @ k.transpose(1, 2) / 8**0.5).softmax(-1)[:, None])
    attention = nn.MultiheadAttention(8, 2).eval()
    (weights,) = interpret.attention_maps(lambda x: attention(x, x, x)[0], q[0])
    assert weights.shape == (1, 2, 6, 6)
