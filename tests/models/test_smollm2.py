"""The real SmolLM2-135M in our code computes what the reference implementation computes."""

import pytest
import torch

from kit import data, models
from kit.generate import generate

#: "The capital of France is", and " Paris" in SmolLM2's vocabulary.
PROMPT, PARIS = [504, 3575, 282, 4649, 314], 7042


@pytest.fixture(scope="module")
def file():
    if not data.available("smollm2_135m"):
        pytest.skip("SmolLM2 is not fetched; run: kit data get smollm2_135m")
    return data.load("smollm2_135m")


@pytest.fixture(scope="module")
def ours(file):
    return models.llama_from_gguf(file)


@pytest.fixture(scope="module")
def theirs(ours):
    data.ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        rms_norm_eps=ours.config.norm_eps,
        rope_parameters={"rope_theta": 100_000.0, "rope_type": "default"},
        tie_word_embeddings=True,
        max_position_embeddings=8192,
    )
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.load_state_dict(dict(ours.state_dict()), assign=True)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # its table was on the meta device
    return model.eval()


def test_sizes_are_the_published_ones(ours):
    assert models.count_parameters(ours) == 134_515_008
    preset = models.LLAMA_PRESETS["smollm2-135m"]
    assert ours.config.norm_eps == pytest.approx(preset.norm_eps)
    assert (ours.config.layers, ours.config.kv_heads, ours.config.hidden) == (30, 3, 1536)
    assert ours.config.rotary_base == preset.rotary_base


@torch.no_grad()
def test_logits_are_those_of_the_reference(ours, theirs):
    x = torch.tensor(
        [PROMPT, torch.randint(0, 49_152, (5,), generator=torch.Generator().manual_seed(0)).tolist()]
    )
    assert (ours(x) - theirs(x).logits).abs().max() < 1e-3


@torch.no_grad()
def test_the_capital_of_france_is_paris(ours, file):
    x = torch.tensor([PROMPT])
    tokens = file.metadata["tokenizer.ggml.tokens"]
    assert "".join(tokens[i] for i in PROMPT).replace("Ġ", " ") == "The capital of France is"
    assert generate(ours, x, 1)[0, -1].item() == PARIS
    assert tokens[PARIS] == "ĠParis"


@torch.no_grad()
def test_with_and_without_cache_the_same_tokens(ours):
    x = torch.tensor([PROMPT])
    assert torch.equal(generate(ours, x, 12), generate(ours, x, 12, cache=False))
