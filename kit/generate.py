"""Writing with a language model: choose a token, append it, ask again.

    Sampling  distribution          how a token is chosen from the logits
    stream  generate  beam_search   how a text is continued
    pieces                          how tokens become text while they arrive

Works with any model that maps tokens (B, T) to logits (B, T, V); one that also has
`cache()` and takes the cache as its second argument (`kit.models.GPT`, `Llama`) is asked
for new tokens only.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from kit import check
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; the defaults draw from the model's own distribution.

    Args:
        temperature: logits are divided by it; below 1 sharper, above 1 flatter, 0 takes the best token.
        top_k: only this many of the likeliest tokens stay; None keeps all.
        top_p: only the likeliest tokens that together reach this probability stay; 1 keeps all.
        repetition_penalty: positive logits of tokens already there are divided by it, negative
            ones multiplied; 1 changes nothing.

    Raises:
        TypeError, ValueError: a value is out of its range.

    Source: top-k: Fan et al. 2018, arXiv:1805.04833; top-p: Holtzman et al. 2020, arXiv:1904.09751;
        repetition penalty: Keskar et al. 2019, arXiv:1909.05858.
    Lesson: 09
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self):
        check.number("temperature", self.temperature, 0)
        if self.top_k is not None:
            check.integer("top_k", self.top_k, 1)
        check.number("top_p", self.top_p, above=0, high=1)
        check.number("repetition_penalty", self.repetition_penalty, above=0)


GREEDY = Sampling(temperature=0.0)


def distribution(
    logits: Float[Tensor, "B V"], sampling: Sampling, seen: Int[Tensor, "B T"] | None = None
) -> Float[Tensor, "B V"]:
    """The probabilities from which the next token is drawn.

    In this order: repetition penalty, temperature, top-k, top-p. Equal logits at the border of
    top-k all stay; the token that passes `top_p` stays.

    Args:
        logits: of the next token.
        sampling: the options.
        seen: tokens already there, for the repetition penalty.

    Raises:
        ValueError: NaN in the logits, or a logit of +inf.

    Lesson: 09
    """
    if not (logits < math.inf).all():
        raise ValueError("logits hold NaN or +inf; look at the model's weights and at its input")
    if seen is not None and sampling.repetition_penalty != 1:
        old = logits.gather(-1, seen)
        factor = torch.where(old > 0, 1 / sampling.repetition_penalty, sampling.repetition_penalty)
        logits = logits.scatter(-1, seen, old * factor)
    if sampling.temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    logits = logits / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        least = logits.topk(sampling.top_k).values[..., -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    probability = logits.softmax(-1)
    if sampling.top_p < 1:
        ordered, index = probability.sort(descending=True)
        before = ordered.cumsum(-1) - ordered  # probability of all likelier tokens
        dropped = (before >= sampling.top_p).scatter(-1, index, before >= sampling.top_p)
        probability = probability.masked_fill(dropped, 0.0)
        probability = probability / probability.sum(-1, keepdim=True)
    return probability


def stream(
    model: nn.Module | Callable,
    prompt: Int[Tensor, "B T"],
    max_new_tokens: int,
    *,
    sampling: Sampling = GREEDY,
    stop: int | None = None,
    cache: bool = True,
    generator: torch.Generator | None = None,
) -> Iterator[Int[Tensor, " B"]]:
    """Yield one new token per row at a time, until `max_new_tokens` or all rows stopped.

    When the model's context is full, the text is cut to its later half and read again, with
    the cache and without it, so both give the same tokens.

    Args:
        model: maps tokens (B, T) to logits (B, T, V); put it in eval mode first.
        prompt: the tokens to continue, at least one; rows of equal length.
        max_new_tokens: how many to add at most.
        sampling: how a token is chosen; the default takes the best one.
        stop: a row that produced this token produces it for ever, and ends.
        cache: keep keys and values of earlier tokens, if the model can.
        generator: source of the draws; None uses torch's global one.

    Raises:
        TypeError, ValueError: an empty prompt, one longer than the model's context, NaN logits.

    Lesson: 09
    """
    check.tensor("prompt", prompt, ndim=2, kind="integer")
    check.integer("max_new_tokens", max_new_tokens, 0)
    context = getattr(getattr(model, "config", None), "context", None)
    if prompt.shape[1] == 0 or (context is not None and prompt.shape[1] > context):
        raise ValueError(
            f"prompt has shape {tuple(prompt.shape)}, its length must be 1..{context or 'any'}; "
            "start a text without prompt with one start token, cut a longer one to its end"
        )
    return _stream(model, prompt, max_new_tokens, sampling, stop, cache, generator, context)


@torch.no_grad()
def _stream(model, prompt, max_new_tokens, sampling, stop, cache, generator, context):
    seen = window = prompt
    store = model.cache() if cache and hasattr(model, "cache") else None
    ended = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    for _ in range(max_new_tokens):
        if context is not None and window.shape[1] > context:
            window = window[:, -max(1, context // 2) :]
            store = model.cache() if store is not None else None
        if store is None:
            logits = model(window)[:, -1]
        else:
            logits = model(window[:, store.length :], store)[:, -1]
        chances = distribution(logits.float(), sampling, seen)
        token = (
            torch.multinomial(chances, 1, generator=generator)
            if sampling.temperature
            else chances.argmax(-1, True)
        )
        if stop is not None:
            token = token.masked_fill(ended[:, None], stop)
            ended |= token[:, 0] == stop
        yield token[:, 0]
        if ended.all() and stop is not None:
            return
        seen, window = torch.cat((seen, token), 1), torch.cat((window, token), 1)


def generate(
    model: nn.Module | Callable,
    prompt: Int[Tensor, "B T"],
    max_new_tokens: int,
    *,
    sampling: Sampling = GREEDY,
    stop: int | None = None,
    cache: bool = True,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "B S"]:
    """The prompt and its continuation; arguments and errors as for `stream`.

    Lesson: 09
    """
    new = stream(
        model, prompt, max_new_tokens, sampling=sampling, stop=stop, cache=cache, generator=generator
    )
    return torch.cat([prompt, *(token[:, None] for token in new)], 1)


@torch.no_grad()
def beam_search(
    model: nn.Module | Callable,
    prompt: Int[Tensor, "1 T"],
    max_new_tokens: int,
    *,
    beams: int = 4,
    stop: int | None = None,
    length_penalty: float = 1.0,
) -> tuple[Int[Tensor, " S"], float]:
    """The likeliest continuation that a search with `beams` open texts finds.

    Args:
        model: maps tokens (B, T) to logits (B, T, V), in eval mode.
        prompt: the tokens to continue, one row.
        max_new_tokens: how many to add at most; prompt and continuation must fit the context.
        beams: texts kept at each step; 1 is greedy.
        stop: a text that produced this token is finished.
        length_penalty: texts are compared by log-probability / (new tokens ** length_penalty).

    Returns:
        The tokens, prompt included, and the log-probability of the continuation (natural log).

    Raises:
        TypeError, ValueError: another shape of prompt, `beams` below 1, NaN logits.

    Source: Sutskever et al. 2014, arXiv:1409.3215, section 3.2; length: Wu et al. 2016, arXiv:1609.08144.
    Lesson: 09
    """
    check.tensor("prompt", prompt, ndim=2, kind="integer")
    check.integer("beams", beams, 1)
    check.integer("max_new_tokens", max_new_tokens, 1)
    if prompt.shape[0] != 1 or prompt.shape[1] == 0:
        raise ValueError(
            f"prompt has shape {tuple(prompt.shape)}, one row with a token is needed; search row by row"
        )
    open_texts, scores = prompt, torch.zeros(1, device=prompt.device)  # (K, T), (K,)
    finished: list[tuple[float, Tensor, float]] = []
    store = model.cache() if hasattr(model, "cache") else None
    for step in range(1, max_new_tokens + 1):
        logits = model(open_texts) if store is None else model(open_texts[:, store.length :], store)
        chances = logits[:, -1].float().log_softmax(-1)
        if chances.isnan().any():
            raise ValueError("logits hold NaN or +inf; look at the model's weights and at its input")
        total = scores[:, None] + chances  # (K, V)
        best = total.flatten().topk(min(2 * beams, total.numel()))  # half of them may be endings
        rows, tokens = best.indices // total.shape[1], best.indices % total.shape[1]
        ends = tokens == stop if stop is not None else torch.zeros_like(tokens, dtype=torch.bool)
        for i in (ends | (step == max_new_tokens)).nonzero()[:, 0].tolist():
            text = torch.cat((open_texts[rows[i]], tokens[i : i + 1]))
            finished.append((best.values[i].item() / step**length_penalty, text, best.values[i].item()))
        keep = (~ends).nonzero()[:beams, 0]
        if len(keep) == 0:
            break
        open_texts = torch.cat((open_texts[rows[keep]], tokens[keep, None]), 1)
        scores = best.values[keep]
        if store is not None:
            store.reorder(rows[keep])
    _, text, score = max(finished, key=lambda item: item[0])
    return text, score


def pieces(decode: Callable[[list[int]], str], tokens: Iterable[Int[Tensor, " 1"] | int]) -> Iterator[str]:
    """Text of tokens as they arrive; a character of several tokens comes when it is complete.

    For a cell: `for piece in pieces(tokenizer.decode, stream(...)): print(piece, end="", flush=True)`.

    Args:
        decode: list of ids -> text, with U+FFFD for bytes that are no character (yet).
        tokens: one row's tokens.

    Lesson: 09
    """
    ids: list[int] = []
    told = ""
    for token in tokens:
        ids.append(int(token))
        text = decode(ids)
        if not text.endswith("\ufffd"):
            yield text[len(told) :]
            told = text
    if len(text := decode(ids)) > len(told):
        yield text[len(told) :]
