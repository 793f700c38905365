"""GPT and Llama: published counts and names, equal logits, no look into the future."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import data, layers, models

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
SMALL_GPT = models.GPTConfig(vocabulary=11, context=12, layers=2, heads=2, width=8)
SMALL_LLAMA = models.LlamaConfig(11, 12, 2, heads=4, kv_heads=2, width=16, hidden=20, rotary_base=1e4)
SMALL = {
    "gpt": lambda: models.GPT(SMALL_GPT, generator=torch.Generator().manual_seed(0)).double().eval(),
    "llama": lambda: models.Llama(SMALL_LLAMA, generator=torch.Generator().manual_seed(0)).double().eval(),
    "llama, normalized": lambda: (
        models.Llama(
            dataclasses.replace(SMALL_LLAMA, qk_norm=True, tied=False),
            generator=torch.Generator().manual_seed(0),
        )
        .double()
        .eval()
    ),
}
small = pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)


def tokens(B, T, seed=0):
    return torch.randint(0, 11, (B, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("presets", "name", "count"),
    [
        (models.GPT_PRESETS, "gpt2", 124_439_808),
        (models.GPT_PRESETS, "gpt2-medium", 354_823_168),
        (models.GPT_PRESETS, "gpt2-large", 774_030_080),
        (models.GPT_PRESETS, "gpt2-xl", 1_557_611_200),
        (models.LLAMA_PRESETS, "smollm2-135m", 134_515_008),
        (models.LLAMA_PRESETS, "smollm2-360m", 361_821_120),
        (models.LLAMA_PRESETS, "tinyllama-1.1b", 1_100_048_384),
    ],
)
def test_counts_are_the_published_ones(presets, name, count):
    config = presets[name]
    assert config.parameters == count
    with torch.device("meta"):
        model = (models.GPT if presets is models.GPT_PRESETS else models.Llama)(config)
    assert models.count_parameters(model) == count


@settings(max_examples=15, deadline=None)
@given(bias=st.booleans(), tied=st.booleans(), norm=st.booleans(), width=st.sampled_from([8, 16]))
def test_the_formula_counts_every_option(bias, tied, norm, width):
    gpt = models.GPTConfig(7, 5, 2, 2, width, bias=bias)
    assert gpt.parameters == models.count_parameters(models.GPT(gpt))
    llama = models.LlamaConfig(7, 5, 2, 4, 2, width, 12, tied=tied, qk_norm=norm)
    assert llama.parameters == models.count_parameters(models.Llama(llama))


@small
@pytest.mark.parametrize("on", [True, False])
def test_a_changed_future_changes_no_earlier_logit(make, on):
    model, x = make(), tokens(2, 8)
    changed = x.clone()
    changed[:, 5:] = (x[:, 5:] + 3) % 11
    with layers.fused(on):
        before, after = model(x), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5:], after[:, 5:])


@small
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_reading_in_parts_with_a_cache_gives_the_same_logits(make, cuts):
    model, x = make(), tokens(2, 12)
    whole, cache, at = model(x), model.cache(), 0
    for cut in cuts:
        part = x[:, at : min(12, at + cut)]
        if part.shape[1] == 0:
            break
        got = model(part, cache)
        torch.testing.assert_close(got, whole[:, at : at + part.shape[1]], rtol=1e-12, atol=1e-12)
        at += part.shape[1]
    assert cache.length == at


@small
def test_kernels_and_formulas_give_the_same_gradients(make):
    def gradients(on):
        model = make()
        with layers.fused(on):
            model(tokens(2, 6)).square().mean().backward()
        return [p.grad for p in model.parameters()]

    for a, b in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@small
def test_every_weight_learns(make):
    model = make()
    model(tokens(3, 12)).logsumexp(-1).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_gpt2_equals_transformers_and_weights_move_both_ways():
    data.ensure_torchvision()
    from transformers import GPT2Config, GPT2LMHeadModel

    theirs = GPT2LMHeadModel(
        GPT2Config(vocab_size=11, n_positions=12, n_embd=8, n_layer=2, n_head=2, initializer_range=0.3)
    ).eval()
    ours = models.load_gpt2(models.GPT(SMALL_GPT), theirs.state_dict()).eval()
    x = tokens(3, 12)
    torch.testing.assert_close(ours(x), theirs(x).logits, rtol=1e-4, atol=1e-5)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    older = {
        n.removeprefix("transformer."): w for n, w in theirs.state_dict().items() if n != "lm_head.weight"
    }
    older["h.0.attn.bias"] = torch.ones(1, 1, 12, 12)
    again = models.load_gpt2(models.GPT(SMALL_GPT), older).eval()
    assert torch.equal(again(x), ours(x))
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    theirs.load_state_dict({n: w.T if n.endswith(turned) else w for n, w in ours.state_dict().items()})
    assert again.lm_head.weight is again.transformer["wte"].weight


@pytest.mark.parametrize("tied", [True, False])
def test_llama_equals_transformers(tied):
    data.ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 11, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 12}
    sizes |= {"rms_norm_eps": 1e-5, "initializer_range": 0.3, "tie_word_embeddings": tied}
    theirs = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    ours = models.load_llama(models.Llama(dataclasses.replace(SMALL_LLAMA, tied=tied)), theirs.state_dict())
    x = tokens(3, 12)
    torch.testing.assert_close(ours(x), theirs(x).logits, rtol=1e-4, atol=1e-5)
    theirs.load_state_dict(ours.state_dict())


def test_normalized_queries_and_keys_equal_qwens():
    data.ensure_torchvision()
    from transformers import Qwen3Config, Qwen3ForCausalLM

    sizes = {
        "vocab_size": 11,
        "hidden_size": 16,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "head_dim": 4,
    }
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 12}
    theirs = Qwen3ForCausalLM(Qwen3Config(**sizes, rms_norm_eps=1e-5, tie_word_embeddings=True)).eval()
    ours = models.Llama(dataclasses.replace(SMALL_LLAMA, qk_norm=True))
    models.load_llama(ours, theirs.state_dict())
    x = tokens(3, 12)
    torch.testing.assert_close(ours(x), theirs(x).logits, rtol=1e-4, atol=1e-5)


def test_the_first_loss_is_that_of_a_uniform_guess():
    model = models.GPT(models.GPTConfig(100, 16, 2, 2, 32), generator=torch.Generator().manual_seed(0))
    x = torch.randint(0, 100, (8, 16), generator=torch.Generator().manual_seed(1))
    loss = torch.nn.functional.cross_entropy(model(x).flatten(0, 1), x.roll(-1, 1).flatten())
    assert abs(loss.item() - torch.tensor(100.0).log().item()) < 0.1


def test_a_config_survives_json():
    for config in (SMALL_GPT, SMALL_LLAMA):
        assert type(config)(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@small
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (torch.tensor([[0, 11]]), ValueError, "indices has values from 0 to 11, they must lie in 0..10; "),
        (
            torch.zeros(1, 13, dtype=torch.long),
            ValueError,
            "tokens has length 13, after 0 cached ones that passes ",
        ),
        (
            torch.zeros(1, 0, dtype=torch.long),
            ValueError,
            "tokens has shape (1, 0), it holds no token; give at ",
        ),
        (
            torch.zeros(3, dtype=torch.long),
            ValueError,
            "tokens has shape (3,), 2 dimensions are needed; reshape it",
        ),
        (
            torch.zeros(1, 3),
            TypeError,
            "tokens has dtype torch.float32, whole numbers are needed; use tokens.long",
        ),
    ],
)
@own_checks
def test_wrong_tokens(make, given, kind, message):
    with pytest.raises(kind) as error:
        make()(given)
    assert str(error.value).startswith(message)


@own_checks
def test_wrong_sizes():
    with pytest.raises(ValueError) as error:
        models.GPTConfig(heads=5)
    assert str(error.value).startswith("heads=5 does not divide width=768; choose heads from 1, 2, 3, 4, 6")
    with pytest.raises(ValueError) as error:
        models.LlamaConfig(kv_heads=2)
    assert str(error.value) == "kv_heads=2 does not divide heads=9; choose kv_heads from 1, 3, 9"
    with pytest.raises(ValueError) as error:
        models.GPTConfig(context=0)
    assert str(error.value) == "context=0 is out of range; give an int >= 1"
