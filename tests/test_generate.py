"""Generation: each option against transformers, the cache against none, beams against all texts."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import data, models
from kit.generate import Sampling, beam_search, distribution, generate, pieces, stream

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def model(context=12, kind=models.GPT):
    generator = torch.Generator().manual_seed(0)
    if kind is models.GPT:
        made = models.GPT(models.GPTConfig(11, context, 2, 2, 16), generator=generator)
    else:
        made = models.Llama(models.LlamaConfig(11, context, 2, 4, 2, 16, 20), generator=generator)
    with torch.no_grad():
        for parameter in made.parameters():  # a fresh model is too sure of nothing: make it opinionated
            if parameter.ndim == 2:
                parameter *= 12
    return made.eval()


kinds = pytest.mark.parametrize("kind", [models.GPT, models.Llama])


@settings(max_examples=60, deadline=None)
@given(
    temperature=st.sampled_from([0.3, 1.0, 2.0]),
    top_k=st.sampled_from([None, 1, 3, 20]),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    penalty=st.sampled_from([1.0, 1.3, 2.0]),
    seed=st.integers(0, 999),
)
def test_distribution_equals_transformers(temperature, top_k, top_p, penalty, seed):
    data.ensure_torchvision()
    from transformers import generation as library

    g = torch.Generator().manual_seed(seed)
    logits, seen = torch.randn(3, 9, generator=g) * 3, torch.randint(0, 9, (3, 4), generator=g)
    got = distribution(logits, Sampling(temperature, top_k, top_p, penalty), seen)
    steps = [library.RepetitionPenaltyLogitsProcessor(penalty)] if penalty != 1 else []
    steps += [library.TemperatureLogitsWarper(temperature)]
    steps += [library.TopKLogitsWarper(top_k)] if top_k else []
    steps += [library.TopPLogitsWarper(top_p)] if top_p < 1 else []
    expected = logits.clone()
    for step in steps:
        expected = step(seen, expected)
    torch.testing.assert_close(got, expected.softmax(-1), rtol=1e-5, atol=1e-6)


def test_temperature_zero_is_certain_and_top_p_keeps_the_best():
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    assert distribution(logits, Sampling(temperature=0)).tolist() == [[0, 1, 0]]
    assert distribution(logits, Sampling(top_p=0.01)).tolist() == [[0, 1, 0]]
    assert distribution(torch.tensor([[0.0, -torch.inf]]), Sampling()).tolist() == [[1, 0]]


@kinds
def test_greedy_takes_the_best_token_each_time(kind):
    m, prompt = model(kind=kind), torch.tensor([[1, 2], [3, 4]])
    text = generate(m, prompt, 6)
    assert text.shape == (2, 8)
    assert torch.equal(text[:, :2], prompt)
    for t in range(2, 8):
        assert torch.equal(text[:, t], m(text[:, :t])[:, -1].argmax(-1))


@kinds
@settings(max_examples=10, deadline=None)
@given(
    length=st.integers(1, 12),
    new=st.integers(0, 30),
    temperature=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 9),
)
def test_the_cache_changes_no_token_even_beyond_the_context(kind, length, new, temperature, seed):
    m = model(kind=kind)
    prompt = torch.randint(0, 11, (2, length), generator=torch.Generator().manual_seed(seed))
    options = {"sampling": Sampling(temperature)}
    with_cache = generate(m, prompt, new, generator=torch.Generator().manual_seed(seed), **options)
    without = generate(m, prompt, new, generator=torch.Generator().manual_seed(seed), cache=False, **options)
    assert torch.equal(with_cache, without)
    assert with_cache.shape == (2, length + new)


def test_draws_follow_the_distribution():
    table = torch.tensor([0.5, 0.3, 0.2]).log().expand(4000, 1, 3)
    drawn = generate(
        lambda tokens: table,
        torch.zeros(4000, 1, dtype=torch.long),
        1,
        sampling=Sampling(),
        generator=torch.Generator().manual_seed(0),
    )[:, 1]
    share = torch.bincount(drawn, minlength=3) / 4000
    torch.testing.assert_close(share, torch.tensor([0.5, 0.3, 0.2]), atol=0.03, rtol=0)


def test_a_row_that_stopped_stays_stopped_and_all_stopped_ends():
    def scripted(tokens):  # row 0 writes 7 at once, row 1 writes 5 and then 7
        logits = torch.zeros(2, tokens.shape[1], 9)
        logits[0, -1, 7] = 9
        logits[1, -1, 7 if tokens[1, -1] == 5 else 5] = 9
        return logits

    text = generate(scripted, torch.tensor([[1], [2]]), 10, stop=7)
    assert text.tolist() == [[1, 7, 7], [2, 5, 7]]


def test_a_stream_yields_while_it_computes():
    calls = []

    def counted(tokens):
        calls.append(tokens.shape[1])
        return torch.zeros(1, tokens.shape[1], 3)

    tokens = stream(counted, torch.tensor([[0]]), 100)
    next(tokens), next(tokens)
    assert calls == [1, 2]


@pytest.mark.parametrize("kind", [models.GPT, models.Llama])
@pytest.mark.parametrize("stop", [None, 3])
def test_wide_beams_find_the_likeliest_of_all_texts(kind, stop):
    m, prompt = model(kind=kind), torch.tensor([[1, 2]])
    text, score = beam_search(m, prompt, 3, beams=121, stop=stop, length_penalty=0.0)

    def log_probability(new):
        chances = m(torch.tensor([[1, 2, *new]])).log_softmax(-1)[0]
        return sum(chances[1 + i, token].item() for i, token in enumerate(new))

    texts = set()
    for new in itertools.product(range(11), repeat=3):
        texts.add(new[: new.index(stop) + 1] if stop in new else new)
    best = max(texts, key=log_probability)
    assert text.tolist() == [1, 2, *best]
    assert score == pytest.approx(log_probability(best), abs=1e-4)


def test_one_beam_is_greedy_and_more_beams_are_never_worse():
    m, prompt = model(), torch.tensor([[4]])
    assert torch.equal(beam_search(m, prompt, 8, beams=1)[0], generate(m, prompt, 8)[0])
    assert beam_search(m, prompt, 8, beams=4)[1] >= beam_search(m, prompt, 8, beams=1)[1] - 1e-5


def test_pieces_wait_for_whole_characters():
    raw = "a你🙂b".encode()
    got = list(pieces(lambda ids: bytes(ids).decode("utf-8", "replace"), list(raw)))
    assert got == ["a", "你", "🙂", "b"]
    cut = list(pieces(lambda ids: bytes(ids).decode("utf-8", "replace"), list(raw[:3])))
    assert cut == ["a", "\ufffd"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: generate(m, torch.zeros(1, 0, dtype=torch.long), 1),
            "prompt has shape (1, 0), its length must be ",
        ),
        (
            lambda m: generate(m, torch.zeros(1, 13, dtype=torch.long), 1),
            "prompt has shape (1, 13), its length must be 1..12; start a text without prompt with one start "
            "token, cut a longer one to its end",
        ),
        (
            lambda m: generate(m, torch.zeros(3, dtype=torch.long), 1),
            "prompt has shape (3,), 2 dimensions are needed",
        ),
        (
            lambda m: generate(m, torch.tensor([[11]]), 1),
            "indices has values from 11 to 11, they must lie in 0..10; ",
        ),
        (
            lambda m: generate(m, torch.tensor([[1]]), -1),
            "max_new_tokens=-1 is out of range; give an int >= 0",
        ),
        (lambda m: Sampling(temperature=-1), "temperature=-1 is out of range; give a float >= 0"),
        (lambda m: Sampling(top_k=0), "top_k=0 is out of range; give an int >= 1"),
        (lambda m: Sampling(top_p=0), "top_p=0 is out of range; give a float > 0 and <= 1"),
        (lambda m: Sampling(repetition_penalty=0), "repetition_penalty=0 is out of range; give a float > 0"),
        (
            lambda m: generate(lambda x: torch.full((1, 1, 3), torch.nan), torch.tensor([[1]]), 1),
            "logits hold NaN or +inf; look at the model's weights and at its input",
        ),
        (
            lambda m: beam_search(m, torch.zeros(2, 1, dtype=torch.long), 1),
            "prompt has shape (2, 1), one row with a ",
        ),
        (
            lambda m: beam_search(m, torch.tensor([[1]]), 2, beams=0),
            "beams=0 is out of range; give an int >= 1",
        ),
    ],
)
@own_checks
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call(model())
    assert str(error.value).startswith(message)
