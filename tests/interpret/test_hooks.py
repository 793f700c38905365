"""Hooks look into any module, change what they are told to, and leave nothing behind."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from kit import interpret, layers
from kit.models import GPT, GPTConfig, Llama, LlamaConfig

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


class Pair(NamedTuple):
    state: torch.Tensor
    note: str


class Odd(nn.Module):
    """Returns a named tuple, and runs one of its parts twice."""

    def __init__(self):
        super().__init__()
        self.inner, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return Pair(self.inner(self.inner(x).relu_()), "done")


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.odd, self.head = Odd(), nn.Linear(4, 2)

    def forward(self, x, *, scale=1.0):
        return {"logits": scale * self.head(self.odd(x).state)}


@pytest.fixture
def outer(seeded):
    return Outer()


@pytest.fixture
def gpt(seeded):
    return GPT(GPTConfig(vocabulary=11, context=8, layers=2, heads=2, width=8), generator=seeded).eval()


TOKENS = torch.tensor([[1, 2, 3, 4, 5]])


def hooks_of(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_the_cache_holds_what_modules_return(outer):
    x = torch.randn(3, 4)
    output, cache = interpret.run_with_cache(outer, x, scale=2.0)
    assert list(cache) == ["odd.inner", "odd.inner:1", "odd", "head"]
    assert torch.equal(cache["odd.inner"], outer.odd.inner(x))  # not touched by the relu_ that follows
    assert torch.equal(cache["odd"].state, cache["odd.inner:1"])
    assert isinstance(cache["odd"], Pair)
    torch.testing.assert_close(output["logits"], 2 * cache["head"])
    assert not cache["head"].requires_grad
    assert hooks_of(outer) == 0


def test_names_and_patterns_choose(gpt):
    _, cache = interpret.run_with_cache(gpt, TOKENS, names="transformer.h.*.mlp")
    assert list(cache) == ["transformer.h.0.mlp", "transformer.h.1.mlp"]
    _, cache = interpret.run_with_cache(gpt, TOKENS, names=["lm_head", "transformer.h.1"])
    assert set(cache) == {"lm_head", "transformer.h.1"}


def test_hooks_replace_or_only_look(outer):
    x, seen = torch.randn(3, 4), []
    same = interpret.run_with_hooks(outer, x, hooks={"head": lambda out: seen.append(out.shape)})
    assert seen == [(3, 2)]
    assert torch.equal(same["logits"], outer(x)["logits"])
    none = interpret.run_with_hooks(outer, x, hooks={"head": torch.zeros_like})
    assert not none["logits"].any()


def test_hooks_are_gone_after_an_error(outer):
    with pytest.raises(ZeroDivisionError):
        interpret.run_with_hooks(outer, torch.randn(3, 4), hooks={"head": lambda out: 1 / 0})
    assert hooks_of(outer) == 0


def test_patching_everything_at_one_place_gives_the_other_run(gpt):
    other = torch.tensor([[1, 2, 7, 4, 5]])
    clean, cache = interpret.run_with_cache(gpt, other)
    with torch.no_grad():
        patched = interpret.patch(gpt, TOKENS, name="transformer.h.1", cache=cache)
        torch.testing.assert_close(patched, clean)
        one = interpret.patch(gpt, TOKENS, name="transformer.h.1", cache=cache, positions=2)
        torch.testing.assert_close(one[:, 2], clean[:, 2])
        torch.testing.assert_close(one[:, [0, 1, 3, 4]], gpt(TOKENS)[:, [0, 1, 3, 4]])


def test_patching_reaches_into_tuples(outer):
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    clean, cache = interpret.run_with_cache(outer, a)
    patched = interpret.patch(outer, b, name="odd", cache=cache)
    torch.testing.assert_close(patched["logits"], clean["logits"])


def test_patching_effects_find_the_token_that_differs(gpt):
    clean, corrupted = torch.tensor([[1, 2, 7, 4, 5]]), TOKENS

    def metric(logits):
        return logits[0, -1, 3] - logits[0, -1, 6]

    names = ["transformer.wte", "transformer.h.0", "transformer.h.1"]
    effects = interpret.patching_effects(
        gpt, (clean,), (corrupted,), names=names, metric=metric, positions=range(5)
    )
    assert effects.shape == (3, 5)
    torch.testing.assert_close(effects[0], torch.tensor([0.0, 0, 1, 0, 0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(effects[2], torch.tensor([0.0, 0, 0, 0, 1]), atol=1e-4, rtol=0)
    whole = interpret.patching_effects(gpt, (clean,), (corrupted,), names=names[1:], metric=metric)
    torch.testing.assert_close(whole, torch.ones(2, 1), atol=1e-4, rtol=0)


def test_ablating_a_head_is_zeroing_its_columns(gpt, seeded):
    name = "transformer.h.0.attn.c_proj"
    ablated = interpret.ablate_heads(gpt, TOKENS, heads={name: [1]}, num_heads=2)
    projection = gpt.get_submodule(name)
    kept = projection.weight.data.clone()
    projection.weight.data[:, 4:] = 0
    torch.testing.assert_close(ablated, gpt(TOKENS))
    projection.weight.data = kept
    assert not torch.allclose(ablated, gpt(TOKENS))
    llama = Llama(LlamaConfig(11, 8, 1, 2, 1, 8, 16), generator=seeded)
    out = interpret.ablate_heads(
        llama, TOKENS, heads={"model.layers.0.self_attn.o_proj": [0, 1]}, num_heads=2
    )
    hook = {"model.layers.0.self_attn": torch.zeros_like}
    torch.testing.assert_close(out, interpret.run_with_hooks(llama, TOKENS, hooks=hook))


def test_heads_of_torchs_attention_can_be_ablated_after_a_swap(seeded):
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with pytest.raises(ValueError) as error:
        interpret.ablate_heads(encoder, torch.randn(1, 3, 8), heads={"self_attn.out_proj": [0]}, num_heads=2)
    assert str(error.value) == (
        "module 'self_attn.out_proj' did not run as a module of its own; choose one that is called, or make "
        "torch's parts visible: layers.swap"
    )
    encoder = layers.swap(nn.Sequential(encoder), to="kit").eval()
    out = interpret.ablate_heads(
        encoder, torch.randn(1, 3, 8), heads={"0.self_attn.out_proj": [0]}, num_heads=2
    )
    assert out.shape == (1, 3, 8)


@own_checks
def test_bad_names_are_named(outer, gpt):
    x = torch.randn(3, 4)
    cache = {"head": torch.zeros(2, 2), "odd": "text"}
    for call, kind, text in [
        (
            lambda: interpret.run_with_cache(outer, x, names="odd.iner"),
            ValueError,
            "name='odd.iner' is not known; did you mean 'odd.inner'? "
            "choose from , odd, odd.inner, odd.unused, head",
        ),
        (
            lambda: interpret.run_with_hooks(outer, x, hooks={"odd.unused": print}),
            ValueError,
            "module 'odd.unused' did not run as a module of its own; choose one that is called, or make "
            "torch's parts visible: layers.swap",
        ),
        (
            lambda: interpret.patch(outer, x, name="odd.inner", cache=cache),
            ValueError,
            "name='odd.inner' is not known; choose from head, odd",
        ),
        (
            lambda: interpret.patch(outer, x, name="head", cache=cache),
            ValueError,
            "the output of this run has shape (3, 2) and of the cached one (2, 2); "
            "they must be the same, reshape one of them",
        ),
        (
            lambda: interpret.patch(outer, x, name="odd", cache=cache),
            ValueError,
            "the module returns 'text', which holds no tensor; choose another module",
        ),
        (
            lambda: interpret.run_with_cache(torch.sin, x),
            TypeError,
            "model=<built-in method sin of type object at",
        ),
        (
            lambda: interpret.GradCAM(outer, nn.Linear(2, 2)),
            ValueError,
            "Linear is not a part of the model; give one of its modules",
        ),
        (
            lambda: interpret.ablate_heads(gpt, TOKENS, heads={"lm_head": [2]}, num_heads=2),
            ValueError,
            "heads=2 is out of range; give an int >= 0 and <= 1",
        ),
        (
            lambda: interpret.ablate_heads(gpt, TOKENS, heads={"lm_head": [2]}, num_heads=3),
            ValueError,
            "num_heads=3 does not divide the input's width=8; choose num_heads from 1, 2, 4, 8",
        ),
        (
            lambda: interpret.patching_effects(
                gpt, (TOKENS,), (TOKENS,), names=["lm_head"], metric=lambda _: 1
            ),
            ValueError,
            "metric=1 on both runs; choose inputs on which they differ",
        ),
    ]:
        with pytest.raises(kind) as error:
            call()
        assert str(error.value).startswith(text) if kind is TypeError else str(error.value) == text


def test_a_module_that_runs_twice_is_patched_run_by_run(seeded):
    act = nn.Tanh()
    model = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    clean, cache = interpret.run_with_cache(model, a)
    assert torch.equal(interpret.patch(model, b, name="1", cache=cache), clean)
    del cache["1:1"]
    with pytest.raises(ValueError, match=r"^name='1:1' is not known; "):
        interpret.patch(model, b, name="1", cache=cache)
    assert hooks_of(model) == 0


def test_patching_effects_take_single_tensors_and_names(gpt):
    clean = torch.tensor([[1, 2, 7, 4, 5]])
    options = {"metric": lambda logits: logits[0, -1, 3]}
    a = interpret.patching_effects(gpt, clean, TOKENS, names="transformer.h.0", **options)
    b = interpret.patching_effects(gpt, (clean,), (TOKENS,), names=["transformer.h.0"], **options)
    assert torch.equal(a, b)
    assert a.shape == (1, 1)
    with pytest.raises(TypeError) as error:
        interpret.patching_effects(gpt, clean, TOKENS, names="lm_head", metric=lambda logits: logits[0, -1])
    assert str(error.value) == "metric(output)=Tensor(11,) of torch.float32 is not a number; give a float"


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x):
        self.conv(x)
        raise ZeroDivisionError


def test_nothing_is_left_behind_after_an_error_in_the_model():
    model, x = Fails(), torch.zeros(1, 1, 4, 4)
    for call in (
        lambda: interpret.run_with_cache(model, x),
        lambda: interpret.GradCAM(model, "conv").attribute(x),
        lambda: interpret.ablate_heads(model, x, heads={"conv": [0]}, num_heads=2),
        lambda: interpret.LRP(model).attribute(x),
        lambda: interpret.DeepLift(model).attribute(x),
        lambda: interpret.attention_maps(model, x),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
        assert hooks_of(model) == 0
        assert not torch.overrides._get_current_function_mode_stack()
        assert torch.is_grad_enabled()
        assert all(p.requires_grad for p in model.parameters())
