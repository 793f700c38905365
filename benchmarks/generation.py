"""Writing 256 tokens: with the key-value cache and without, and beside transformers.

A 124M configuration with random weights always; the real SmolLM2-135M where it is fetched.
"""

import resource
import time
from collections.abc import Callable

import torch

from benchmarks.harness import Session, version
from kit import data, models
from kit.generate import generate

TOKENS = 256
PROMPT = torch.tensor([[504, 3575, 282, 4649, 314]])


def writing(model, tokens: int, *, cache: bool = True) -> Callable:
    """Prepare the writing of `tokens` tokens, best one each time."""
    return lambda: generate(model, PROMPT, tokens, cache=cache)


def measure(session: Session) -> None:
    """Ratios of times: cache against none, ours against the library's."""
    pairs, session.pairs = session.pairs, min(session.pairs, 3)  # minutes a pair without the cache
    gpt = models.GPT(models.GPT_PRESETS["gpt2"], generator=torch.Generator().manual_seed(0)).eval()
    cached(session, "124M configuration", gpt)
    if not data.available("smollm2_135m"):
        session.note("SmolLM2-135M", "not fetched: kit data get smollm2_135m")
        return
    began = time.perf_counter()
    ours = models.llama_from_gguf(data.load("smollm2_135m"))
    session.note("SmolLM2-135M", f"loaded in {time.perf_counter() - began:.1f} s (target < 10)")
    cached(session, "SmolLM2-135M", ours)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    session.note("memory", f"peak of this process {peak:.2f} GiB, both models together")
    if version("transformers") is None:
        session.note("transformers", "not installed")
        return
    session.pairs = pairs
    beside_transformers(session, ours)


def cached(session: Session, name: str, model) -> None:
    """The cache against none: the same tokens, and how many times faster."""
    fast, slow = (generate(model, PROMPT, TOKENS, cache=on) for on in (True, False))
    session.note(name, f"{TOKENS} tokens, cache and none agree: {torch.equal(fast, slow)}")
    result = session.compare(
        f"{name}, cache",
        lambda: writing(model, TOKENS),
        f"{name}, no cache",
        lambda: writing(model, TOKENS, cache=False),
        target=1 / 5,
    )
    session.note(
        "", f"{TOKENS / result.seconds:.1f} tokens/s, {1 / result.ratio:.1f} times faster with the cache"
    )


def beside_transformers(session: Session, ours) -> None:
    """The same weights in transformers' Llama, float32, its own cache and `generate`."""
    data.ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    c = ours.config
    config = LlamaConfig(
        vocab_size=c.vocabulary,
        hidden_size=c.width,
        intermediate_size=c.hidden,
        num_hidden_layers=c.layers,
        num_attention_heads=c.heads,
        num_key_value_heads=c.kv_heads,
        rms_norm_eps=c.norm_eps,
        rope_parameters={"rope_theta": c.rotary_base, "rope_type": "default"},
        tie_word_embeddings=True,
        max_position_embeddings=c.context,
    )
    with torch.device("meta"):
        theirs = LlamaForCausalLM(config)
    theirs.load_state_dict(dict(ours.state_dict()), assign=True)
    theirs.tie_weights()
    theirs.model.rotary_emb = type(theirs.model.rotary_emb)(config)
    theirs = theirs.eval()
    options = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 2}
    session.compare(
        "kit SmolLM2-135M",
        lambda: writing(ours, TOKENS),
        "transformers, same weights",
        lambda: lambda: theirs.generate(PROMPT, **options),
        target=1.0,
    )
