"""Lesson 07, frozen: a character LSTM learns to write Tang quatrains, one seed.

    python notebooks/experiments/07_quatrains.py

Reads the training part of the split that the lesson draws too (configuration below); the test
part is used once, at the end. Writes the weights in half precision, 07_quatrains.safetensors,
and the card 07_quatrains.toml.
"""

import platform
import time
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import save_file

from kit import data, losses, optim
from kit.course.experiments import code_hash
from kit.models import CharRNN, CharRNNConfig

SEED = 0
CONFIGURATION = {
    "least_count": 10,
    "test_share": 0.05,
    "embedding": 64,
    "hidden": 256,
    "dropout": 0.3,
    "epochs": 14,
    "batch_size": 64,
    "learning_rate": 0.006,
}


def poems():
    """Poems without rare characters, as ids with start and end, and the tokenizer."""
    documents = data.load("quatrains").documents
    count = Counter("".join(documents))
    kept = [p for p in documents if min(count[c] for c in p) >= CONFIGURATION["least_count"]]
    tokenizer = data.CharTokenizer.from_text("".join(kept), special=("start", "end"))
    return [torch.tensor([tokenizer.start, *tokenizer.encode(p), tokenizer.end]) for p in kept], tokenizer


def batches(rows, generator):
    """Batches of poems of one length, in a new order."""
    groups = []
    for length in sorted({len(row) for row in rows}):
        same = torch.stack([row for row in rows if len(row) == length])
        same = same[torch.randperm(len(same), generator=generator)]
        groups += list(same.split(CONFIGURATION["batch_size"]))
    return [groups[i] for i in torch.randperm(len(groups), generator=generator).tolist()]


def loss_of(model, batch):
    """Mean cross-entropy of the next character, in nats."""
    logits, _ = model(batch[:, :-1])
    return losses.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def main():
    began = time.process_time()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rows, tokenizer = poems()
    split = data.random_split(len(rows), validation=0.0, test=CONFIGURATION["test_share"], seed=SEED)
    train, test = ([rows[i] for i in part.tolist()] for part in (split.train, split.test))
    sizes = {name: CONFIGURATION[name] for name in ("embedding", "hidden", "dropout")}
    config = CharRNNConfig(len(tokenizer), **sizes)
    generator = torch.Generator().manual_seed(SEED)
    model = CharRNN(config, generator=generator)
    optimizer = optim.AdamW(model.parameters(), lr=CONFIGURATION["learning_rate"], weight_decay=0.05)
    steps = CONFIGURATION["epochs"] * len(batches(train, torch.Generator().manual_seed(SEED)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, optim.then(optim.linear_warmup(50), 50, optim.cosine(steps - 50))
    )
    print(len(train), "poems,", len(tokenizer), "characters,", config.parameters, "parameters", flush=True)
    for epoch in range(CONFIGURATION["epochs"]):
        total = 0.0
        for count, batch in enumerate(batches(train, generator), 1):
            loss = loss_of(model.train(), batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
            if count % 50 == 0:
                print(epoch, count, round(total / count, 3), round(time.process_time() - began), flush=True)
    with torch.no_grad():
        parts = [(loss_of(model.eval(), b), b[:, 1:].numel()) for b in batches(test, generator)]
    held_out = sum(loss.item() * n for loss, n in parts) / sum(n for _, n in parts)
    here = Path(__file__)
    save_file(
        {n: w.half().contiguous() for n, w in model.state_dict().items()}, here.with_suffix(".safetensors")
    )
    minutes = (time.process_time() - began) / 60
    lines = [f"{name} = {value}" for name, value in CONFIGURATION.items()]
    here.with_suffix(".toml").write_text(
        f'seeds = [{SEED}]\nminutes = {minutes:.1f}\ndevice = "cpu ({platform.machine()}), 1 thread"\n'
        f'code_sha256 = "{code_hash(here)}"\nheld_out_nats = {held_out:.3f}\n\n[configuration]\n'
        + "\n".join(lines)
        + "\n",
        encoding="utf-8",
    )
    print("held out", held_out)


if __name__ == "__main__":
    main()
