"""Lesson 09, frozen: five networks learn to continue Shakespeare, 2,000 steps, three seeds each.

    python notebooks/experiments/09_shakespeare.py

An LSTM, and two GPTs with two optimizers: GPT-2's form (learned positions, LayerNorm, GELU) and the
newer one (turned and normalized queries and keys, RMSNorm, gates), with AdamW and with Muon for the
matrices. All see the same number of characters: batches of 12 blocks of 64, from the first nine tenths
of the plays. The rates of the GPTs were chosen in the course's benchmark, on another cut of
Shakespeare. The loss is taken over the whole last tenth, in blocks that do not overlap, in nats per
character. Writes 09_shakespeare.parquet, one row a seed, network and evaluation, with a sample of 400
characters at the end, and its card 09_shakespeare.toml.
"""

import platform
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, generate, losses, models, optim
from kit.course.experiments import code_hash

SEEDS = [10, 11, 12]
CONFIGURATION = {"block": 64, "batch_size": 12, "steps": 2000, "warm_up": 100, "adamw": 0.004, "muon": 0.02}
LOOKS = (250, 500, 1000, 2000)
BLOCK, STEPS, WARM_UP = (CONFIGURATION[name] for name in ("block", "steps", "warm_up"))


def networks(vocabulary, seed):
    """Name -> untrained network; each has about 0.8 million weights."""
    sizes = {"heads": 4, "kv_heads": 4, "width": 128, "hidden": 336, "rotary_base": 1e4, "qk_norm": True}
    lstm = models.CharRNN, models.CharRNNConfig(vocabulary, 128, 384)
    gpt_2 = models.GPT, models.GPTConfig(vocabulary, BLOCK, 4, 4, 128, bias=False)
    newer = models.Llama, models.LlamaConfig(vocabulary, BLOCK, 4, **sizes)
    made = {"LSTM": lstm, "GPT-2's form": gpt_2, "GPT-2's form, Muon": gpt_2}
    made |= {"newer form": newer, "newer form, Muon": newer}
    return {k: kind(c, generator=torch.Generator().manual_seed(seed)) for k, (kind, c) in made.items()}


def optimizer(name, model):
    """AdamW, or Muon for the matrices."""
    rate = CONFIGURATION["adamw"]
    if "Muon" not in name:
        return optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.1)
    matrices, others = optim.split_for_muon(model)
    muon = CONFIGURATION["muon"]
    return optim.MuonWithAdamW(matrices, others, lr=muon, adamw_lr=rate, adamw_betas=(0.9, 0.95))


def logits_of(model, x):
    """A recurrent network also gives its state."""
    out = model(x)
    return out[0] if isinstance(out, tuple) else out


@torch.no_grad()
def validation_loss(model, text):
    """Nats per character over the whole text."""
    x, y = data.in_order(text, BLOCK)
    total = 0.0
    for a, b in zip(x.split(256), y.split(256)):
        total += losses.sequence_cross_entropy(logits_of(model, a), b).item() * b.numel()
    return total / y.numel()


def run(name, model, seed, texts, letters):
    """Train one network; a row at each look."""
    rule, rows, generator = optimizer(name, model), [], torch.Generator().manual_seed(seed)
    first = [group["lr"] for group in rule.param_groups]
    size = CONFIGURATION["batch_size"]
    blocks = data.TokenBlocks(texts[0], BLOCK, batch_size=size, steps=STEPS, generator=generator)
    began = time.process_time()
    for step, (x, y) in enumerate(blocks, 1):
        factor = min(1.0, step / WARM_UP) * min(1.0, (STEPS - step + 1) / (STEPS - WARM_UP))
        for group, rate in zip(rule.param_groups, first):
            group["lr"] = rate * factor
        loss = losses.sequence_cross_entropy(logits_of(model, x), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        if step in LOOKS:
            row = {"network": name, "seed": seed, "step": step, "loss": validation_loss(model, texts[1])}
            row |= {"weights": models.count_parameters(model), "seconds": time.process_time() - began}
            rows.append(row | {"sample": ""})
            print(row, flush=True)
    text, options = torch.tensor([letters.encode("\n")]), {"cache": False, "generator": generator}
    last = lambda tokens: logits_of(model, tokens[:, -BLOCK:])  # noqa: E731 - a model that sees one block
    text = generate.generate(last, text, 400, sampling=generate.Sampling(), **options)
    rows[-1]["sample"] = letters.decode(text[0])
    return rows


def main():
    """Run all, write result and card."""
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    plays = data.load("shakespeare").text
    letters = data.CharTokenizer.from_text(plays)
    ids = torch.tensor(letters.encode(plays))
    texts = ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) :]
    rows = []
    for seed in SEEDS:
        for name, model in networks(len(letters), seed).items():
            rows += run(name, model, seed, texts, letters)
            pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    settings = "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
