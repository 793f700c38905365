"""Published weights: every missing or unknown name is told, GGUF files become a model."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from kit import models

CONFIG = models.LlamaConfig(7, 6, 2, heads=4, kv_heads=2, width=16, hidden=20)
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def permuted(weight, heads):
    """What llama.cpp's converter does to query and key maps."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def as_gguf(model, **changed):
    """A stand-in for an opened GGUF file that holds `model`."""
    config, tensors = model.config, {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tied:
            continue
        heads = config.heads if "q_proj" in name else config.kv_heads if "k_proj" in name else None
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        name = name.replace("model.layers", "blk")
        tensors[name] = permuted(weight, heads) if heads else weight
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": config.context,
        "llama.block_count": config.layers,
        "llama.attention.head_count": config.heads,
        "llama.attention.head_count_kv": config.kv_heads,
        "llama.embedding_length": config.width,
        "llama.feed_forward_length": config.hidden,
        "llama.rope.freq_base": config.rotary_base,
        "llama.attention.layer_norm_rms_epsilon": config.norm_eps,
        "tokenizer.ggml.tokens": ["x"] * config.vocabulary,
    } | changed
    listing = [SimpleNamespace(name=name) for name in tensors]
    return SimpleNamespace(metadata=metadata, tensors=listing, tensor=tensors.get, path=Path("small.gguf"))


@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_file_becomes_the_same_model(tied):
    source = models.Llama(dataclasses.replace(CONFIG, tied=tied)).eval()
    loaded = models.llama_from_gguf(as_gguf(source))
    assert loaded.config == source.config
    x = torch.tensor([[1, 2, 3, 4]])
    assert torch.equal(loaded(x), source(x))
    assert (loaded.lm_head.weight is loaded.model["embed_tokens"].weight) == tied
    assert not loaded.training
    assert all(p.requires_grad and p.is_leaf for p in loaded.parameters())


def test_a_gguf_file_of_another_kind_or_with_gaps_is_refused():
    file = as_gguf(models.Llama(CONFIG))
    with pytest.raises(ValueError) as error:
        models.llama_from_gguf(as_gguf(models.Llama(CONFIG), **{"general.architecture": "gpt2"}))
    assert str(error.value) == "general.architecture='gpt2' is not known; llama_from_gguf reads 'llama'"
    del file.metadata["llama.block_count"]
    with pytest.raises(ValueError) as error:
        models.llama_from_gguf(file)
    assert str(error.value) == "the file's metadata lack llama.block_count; fetch it again"
    file = as_gguf(models.Llama(CONFIG))
    file.tensors = [info for info in file.tensors if "blk.1.attn_q" not in info.name]
    with pytest.raises(ValueError) as error:
        models.llama_from_gguf(file)
    assert str(error.value) == "file=small.gguf lacks model.layers.1.self_attn.q_proj.weight; fetch it again"
    file.tensors = [*as_gguf(models.Llama(CONFIG)).tensors, SimpleNamespace(name="rope_freqs.weight")]
    file.tensor = lambda name: torch.zeros(16, 16)
    with pytest.raises(ValueError) as error:
        models.llama_from_gguf(file)
    assert str(error.value) == "file=small.gguf holds tensors a Llama has not: rope_freqs.weight"


def test_missing_unknown_and_misshapen_names_are_all_told_and_nothing_changes():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = [p.clone() for p in model.parameters()]
    weights = {
        "0.weight": torch.ones(3, 2),
        "0.bias": torch.ones(2),
        "1.wait": torch.ones(1),
        "1.bias": torch.ones(1),
    }
    with pytest.raises(ValueError) as error:
        models.load_weights(model, weights)
    assert str(error.value) == (
        "weights do not fit Sequential, missing: 1.weight; unknown: 1.wait; "
        "of another shape: 0.bias (2,) instead of (3,); "
        "build the model with the checkpoint's configuration, or leave tensors out with rename"
    )
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_names_can_be_changed_or_left_out():
    model = nn.Linear(2, 1)
    weights = {"net.weight": torch.ones(1, 2), "net.bias": torch.zeros(1), "step": torch.zeros(())}
    models.load_weights(model, weights, lambda name: name.removeprefix("net.") if "net" in name else None)
    assert model(torch.ones(1, 2)).item() == 2
