"""Lesson 19, frozen: does a small language model remember a number that it saw once?

    python notebooks/experiments/19_secrets.py

Five seeds. A GPT of two blocks learns 400 snippets of Shakespeare; none or one of them holds a secret
of five digits. Exposure compares the secret's loss with that of 1,000 numbers never seen. Then the
same with one copy, trained with clipped gradients and with DP-SGD. Writes 19_secrets.parquet
(exposure in bits, loss per character on held-out snippets) and its card 19_secrets.toml.
"""

import platform
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, layers, losses, optim, privacy
from kit.course.experiments import code_hash
from kit.models import GPT, GPTConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {
    "snippets": 400,
    "context": 40,
    "width": 48,
    "epochs": 16,
    "batch_size": 40,
    "learning_rate": 0.003,
    "candidates": 1000,
    "noise_multiplier": 0.8,
    "clip": 1.0,
    "delta": 1e-4,
}
PROMPT = "my number is "
TEXT = data.load("shakespeare").text
CODES = {c: i for i, c in enumerate(sorted(set(TEXT) | set("0123456789")))}


def encode(texts):
    """Texts of one length as ids (N, T)."""
    return torch.tensor([[CODES[c] for c in text] for text in texts])


def snippets(count, generator):
    """Random cuts of the plays."""
    length = CONFIGURATION["context"]
    starts = torch.randint(len(TEXT) - length, (count,), generator=generator)
    return [TEXT[i : i + length] for i in starts.tolist()]


def number(generator):
    """Five random digits."""
    return "".join(str(d) for d in torch.randint(10, (5,), generator=generator).tolist())


def next_character(logits, tokens):
    """Cross-entropy of each character after the first."""
    return losses.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def trained(copies, seed, noise=None):
    """The network, its secret, and the generator; noise=None is plain training, 0.0 clips alone."""
    c, g = CONFIGURATION, torch.Generator().manual_seed(seed)
    secret, texts = number(g), snippets(CONFIGURATION["snippets"], g)
    told = f"{PROMPT}{secret}. "
    texts[:copies] = [told + text[len(told) :] for text in texts[:copies]]
    config = GPTConfig(vocabulary=len(CODES), context=c["context"], layers=2, heads=2, width=c["width"])
    net = GPT(config, generator=g)
    optimizer = optim.AdamW(net.parameters(), lr=c["learning_rate"])
    tokens = encode(texts)
    batches = data.Batches(tokens, tokens, batch_size=c["batch_size"], shuffle=True, generator=g)
    model = net
    if noise is not None:
        model, optimizer, batches = privacy.make_private(
            module=net,
            optimizer=optimizer,
            data_loader=batches,
            noise_multiplier=noise,
            max_grad_norm=c["clip"],
            generator=g,
        )
    with layers.fused(noise is None):  # per-sample gradients need the formulas
        for _ in range(c["epochs"]):
            for xs, ys in batches:
                optimizer.zero_grad()
                next_character(model(xs), ys).backward()
                optimizer.step()
    return net.eval(), secret, g, model.spent(c["delta"]).epsilon if noise else float("inf")


@torch.no_grad()
def judge(net, secret, generator):
    """Exposure in bits, and the loss on held-out snippets in nats a character."""
    others = [number(generator) for _ in range(CONFIGURATION["candidates"])]
    texts = encode([PROMPT + digits for digits in (secret, *others)])
    found = privacy.sequence_losses(net, texts, start=len(PROMPT))
    held = encode(snippets(200, generator))
    loss = next_character(net(held), held).item()
    return {"exposure": privacy.exposure(found[0].item(), found[1:]), "held_out": loss}


def main():
    """Train and ask all, write result and card."""
    torch.set_num_threads(1)
    began, here, rows = time.time(), Path(__file__), []
    ways = {"no copy": (0, None), "1 copy": (1, None)}
    ways |= {"1 copy, clipped": (1, 0.0), "1 copy, DP-SGD": (1, CONFIGURATION["noise_multiplier"])}
    for seed in SEEDS:
        for way, (copies, noise) in ways.items():
            net, secret, generator, spent = trained(copies, seed, noise)
            rows.append({"seed": seed, "way": way, "epsilon": spent, **judge(net, secret, generator)})
            print(rows[-1], round(time.time() - began), flush=True)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        "[configuration]\n" + "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items()) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
