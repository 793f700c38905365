"""The language-model yardstick: one text, one number of tokens, which recipe learns most?

4 layers, 4 heads, width 128, blocks of 64 characters, batches of 12, 2,000 steps, no dropout,
at most 0.82 million weights; loss in nats per character over the whole validation text, in
blocks that do not overlap. `--text FILE` gives the text, split 90 : 10; without it the
bundled Shakespeare is used.
"""

import math
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from benchmarks.harness import Session
from kit import data, models, optim
from kit.train.config import OptimizerOptions

BLOCK, BATCH, STEPS = 64, 12, 2000


@dataclass(frozen=True)
class Recipe:
    """What is trained and how: `matrix_rate` 0 means AdamW for all weights; the rates rise for
    `warm_up` steps, then fall to `floor` of their height, along half a cosine or a line."""

    name: str
    llama: bool
    rate: float
    matrix_rate: float = 0.0
    fall: str = "cosine"
    floor: float = 0.0
    warm_up: int = 100


PLAIN = Recipe("GPT-2's form, AdamW 1e-3 falling to 1e-4", llama=False, rate=1e-3, floor=0.1)
FASTER = Recipe("the same with rate 4e-3", llama=False, rate=4e-3, floor=0.025)
BEST = Recipe("Llama's form, normalized queries and keys, Muon, fall to 0", True, 4e-3, 0.02, "line")


def factor(recipe: Recipe, step: int, steps: int) -> float:
    """What the rates are multiplied by."""
    if recipe.fall == "line":
        return OptimizerOptions(warm_up=recipe.warm_up).factor(step, steps)
    fall = optim.cosine(max(1, steps - recipe.warm_up), recipe.floor)
    return optim.then(optim.linear_warmup(recipe.warm_up), recipe.warm_up, fall)(step)


def build(recipe: Recipe, vocabulary: int, seed: int) -> nn.Module:
    """The untrained model."""
    generator = torch.Generator().manual_seed(seed)
    if recipe.llama:
        sizes = {"heads": 4, "kv_heads": 4, "width": 128, "hidden": 336, "rotary_base": 1e4}
        config = models.LlamaConfig(vocabulary, BLOCK, 4, qk_norm=True, **sizes)
        return models.Llama(config, generator=generator)
    return models.GPT(models.GPTConfig(vocabulary, BLOCK, 4, 4, 128, bias=False), generator=generator)


def optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW for all, or Muon for the matrices inside and AdamW for the rest."""
    if not recipe.matrix_rate:
        return optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.99), weight_decay=0.1)
    return optim.MuonWithAdamW(
        *optim.split_for_muon(model), lr=recipe.matrix_rate, adamw_lr=recipe.rate, adamw_betas=(0.9, 0.95)
    )


def train(recipe: Recipe, text: torch.Tensor, vocabulary: int, seed: int, steps: int = STEPS) -> nn.Module:
    """One run from a seed."""
    model = build(recipe, vocabulary, seed)
    rule = optimizer(recipe, model)
    first = [group["lr"] for group in rule.param_groups]
    generator = torch.Generator().manual_seed(seed)
    blocks = data.TokenBlocks(text, BLOCK, batch_size=BATCH, steps=steps, generator=generator)
    for step, (x, y) in enumerate(blocks):
        for group, rate in zip(rule.param_groups, first, strict=True):
            group["lr"] = rate * factor(recipe, step, steps)
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        model.zero_grad()
        loss.backward()
        rule.step()
    return model.eval()


@torch.no_grad()
def validation_loss(model: nn.Module, text: torch.Tensor) -> float:
    """Nats per character over the whole text, blocks that do not overlap."""
    x, y = data.in_order(text, BLOCK)
    total = 0.0
    for inputs, targets in zip(x.split(256), y.split(256), strict=True):
        logits = model(inputs).flatten(0, 1)
        total += nn.functional.cross_entropy(logits, targets.flatten(), reduction="sum").item()
    return total / y.numel()


def n_gram_loss(train_text: str, validation: str, order: int, vocabulary: int, add: float = 0.01) -> float:
    """Counting: the share of each character after the `order - 1` before it, plus `add`."""

    def counts(n: int) -> Counter:
        return Counter(train_text[i : i + n] for i in range(len(train_text) - n + 1))

    whole, before = counts(order), counts(order - 1)
    total = 0.0
    for i in range(order - 1, len(validation)):
        context = validation[i - order + 1 : i]
        seen = whole[context + validation[i]]
        total -= math.log((seen + add) / (before[context] + add * vocabulary))
    return total / (len(validation) - order + 1)


def split(path: Path | None) -> tuple[str, str]:
    """The text's first nine tenths and the rest."""
    text = path.read_text("utf-8") if path else data.load("shakespeare").text
    return text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]


def measure(session: Session) -> None:
    """n-grams, the plain recipe, the faster one, ours: mean and spread over `session.pairs` seeds."""
    first, last = split(session.text)
    letters = sorted({*first, *last})
    ids = {letter: i for i, letter in enumerate(letters)}
    train_ids, last_ids = (torch.tensor([ids[letter] for letter in text]) for text in (first, last))
    session.note("text", f"{len(first):,} / {len(last):,} characters, {len(letters)} different")
    for order in (1, 2, 3, 4, 5):
        loss = n_gram_loss(first, last, order, len(letters))
        session.note(f"{order}-grams, add-0.01", f"{loss:.3f} nats per character", loss=loss)
    for recipe in (PLAIN, FASTER, BEST):
        count = models.count_parameters(build(recipe, len(letters), 0))
        losses = []
        for seed in range(session.pairs):
            losses.append(validation_loss(train(recipe, train_ids, len(letters), seed), last_ids))
        spread = statistics.stdev(losses) if len(losses) > 1 else math.nan
        text = f"{statistics.mean(losses):.3f} +- {spread:.3f} ({count:,} weights, {len(losses)} seeds)"
        session.note(recipe.name, text, losses=losses)
