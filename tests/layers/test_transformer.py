"""Transformer blocks equal torch's, and masks leak nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import data, layers

OPTIONS = st.fixed_dictionaries(
    {
        "activation": st.sampled_from(["relu", "gelu"]),
        "batch_first": st.booleans(),
        "norm_first": st.booleans(),
        "bias": st.booleans(),
        "layer_norm_eps": st.sampled_from([1e-5, 1e-2]),
    }
)
CAUSAL = ~layers.causal_mask(4)
PADDING = torch.tensor([[False] * 4, [False, False, True, True]])


def twins(name, options):
    torch.manual_seed(0)
    ours = getattr(layers, name)(8, 2, 12, 0.0, dtype=torch.float64, **options)
    torch.manual_seed(0)
    theirs = getattr(nn, name)(8, 2, 12, 0.0, dtype=torch.float64, **options)
    assert list(ours.state_dict()) != [] and set(ours.state_dict()) == set(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(ours, theirs, a, b, *inputs):
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    a.square().sum().backward()
    b.square().sum().backward()
    theirs = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=1e-10, atol=1e-10)


def sequence(first, seed=0, length=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*((2, length) if first else (length, 2)), 8, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=25, deadline=None)
@given(options=OPTIONS, mask=st.booleans(), padding=st.booleans())
def test_encoder_layer_equals_torchs(on, options, mask, padding):
    ours, theirs = twins("TransformerEncoderLayer", options)
    x = sequence(options["batch_first"])
    masks = {"src_mask": CAUSAL if mask else None, "src_key_padding_mask": PADDING if padding else None}
    with layers.fused(on):
        got = ours(x, **masks)
    compare(ours, theirs, got, theirs(x, **masks))


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=25, deadline=None)
@given(options=OPTIONS, causal=st.booleans(), padding=st.booleans())
def test_decoder_layer_equals_torchs(on, options, causal, padding):
    ours, theirs = twins("TransformerDecoderLayer", options)
    x, memory = sequence(options["batch_first"]), sequence(options["batch_first"], 1, 4)
    masks = {
        "tgt_mask": CAUSAL if causal else None,
        "tgt_is_causal": causal,
        "memory_key_padding_mask": PADDING if padding else None,
        "tgt_key_padding_mask": PADDING if padding else None,
    }
    with layers.fused(on):
        got = ours(x, memory, **masks)
    compare(ours, theirs, got, theirs(x, memory, **masks))


def test_stacks_equal_torchs():
    torch.manual_seed(0)
    options = {"batch_first": True, "norm_first": True, "dropout": 0.0, "dim_feedforward": 12}
    ours = layers.TransformerEncoder(layers.TransformerEncoderLayer(8, 2, **options), 3, layers.LayerNorm(8))
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, **options), 3, nn.LayerNorm(8), enable_nested_tensor=False
    )
    theirs.load_state_dict(ours.state_dict())
    x, memory = sequence(True).float(), sequence(True, 1).float()
    torch.testing.assert_close(ours(x, CAUSAL, PADDING), theirs(x, CAUSAL, PADDING))
    ours = layers.TransformerDecoder(layers.TransformerDecoderLayer(8, 2, **options), 2)
    theirs = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **options), 2)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x, memory, CAUSAL), theirs(x, memory, CAUSAL))
    first, second = ours.layers
    assert first.linear1.weight is not second.linear1.weight


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_changed_future_changes_no_earlier_output(norm_first):
    block = layers.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=norm_first)
    x = sequence(True).float()
    changed = x.clone()
    changed[:, 2:] += 5
    assert torch.equal(block(x, CAUSAL)[:, :2], block(changed, CAUSAL)[:, :2])
    assert not torch.equal(block(x)[:, :2], block(changed)[:, :2])


def test_dropout_is_on_while_training_only():
    block = layers.TransformerEncoderLayer(8, 2, 12, 0.5, batch_first=True)
    x = sequence(True).float()
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def test_swiglu_equals_llamas_net():
    data.ensure_torchvision()  # transformers imports it
    from transformers.models.llama import modeling_llama as llama

    config = llama.LlamaConfig(hidden_size=6, intermediate_size=10, num_attention_heads=2)
    theirs, ours = llama.LlamaMLP(config), layers.SwiGLU(6, 10)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 6)
    torch.testing.assert_close(ours(x), theirs(x))


def test_errors():
    with pytest.raises(ValueError) as error:
        layers.TransformerEncoderLayer(8, 2, activation="gelo")
    assert str(error.value) == "activation='gelo' is not known; did you mean 'gelu'? choose from relu, gelu"
    with pytest.raises(ValueError) as error:
        layers.TransformerEncoderLayer(8, 2)(torch.zeros(3, 1, 8), is_causal=True)
    assert str(error.value) == (
        "a causal src_mask is promised but None is given; pass src_mask=~kit.layers.causal_mask(T)"
    )
    with pytest.raises(ValueError) as error:
        layers.TransformerEncoder(nn.Identity(), 0)
    assert str(error.value) == "num_layers=0 is out of range; give an int >= 1"
