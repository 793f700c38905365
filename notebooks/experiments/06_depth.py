"""Lesson 06, frozen: plain and residual networks of 8 to 32 layers, two learning rates, five seeds.

    python notebooks/experiments/06_depth.py

The set-up of the lesson at every depth: 2,000 Fashion-MNIST pictures, shrunk to 14 x 14, three epochs.
Writes 06_depth.parquet, one row a run, and its card 06_depth.toml.
"""

import platform
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, layers, losses, optim, train
from kit.course.experiments import code_hash
from kit.models import ResNet, ResNetConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {
    "blocks_a_stage": [1, 2, 3, 5],  # 6 n + 2 layers
    "widths": [8, 16, 32],
    "pictures": 2000,
    "epochs": 3,
    "batch_size": 64,
    "learning_rates": [0.001, 0.01],
}


def run(blocks, shortcut, rate, seed, fashion):
    """Train one network on its seed's own pictures."""
    shrink, generator = layers.AvgPool2d(2), torch.Generator().manual_seed(seed)
    rows = fashion.train[torch.randperm(len(fashion.train), generator=generator)[: CONFIGURATION["pictures"]]]
    (x, y), (x_test, y_test) = fashion.part(rows), fashion.part(fashion.test)
    x, x_test = shrink(x), shrink(x_test)
    config = ResNetConfig([blocks] * 3, CONFIGURATION["widths"], "small", 1, 10, shortcut)
    model = ResNet(config, generator=generator)
    losses.cross_entropy(model(x[:64]), y[:64]).backward()
    slope = model.layer1[0].conv1.weight.grad.norm().item()
    batches = data.Batches(x, y, batch_size=CONFIGURATION["batch_size"], shuffle=True, generator=generator)
    optimizer = optim.AdamW(model.parameters(), lr=rate)
    train.Trainer(model, losses.cross_entropy, optimizer).fit(batches, epochs=CONFIGURATION["epochs"])
    scores = [
        train.evaluate(model, [part], metrics={"accuracy": train.accuracy})["accuracy"]
        for part in ((x, y), (x_test, y_test))
    ]
    return {"training": scores[0], "test": scores[1], "first_gradient": slope}


def main():
    """Run all, write result and card."""
    torch.set_num_threads(1)
    began, here, rows, fashion = time.time(), Path(__file__), [], data.load("fashion_mnist")
    for seed in SEEDS:
        for blocks in CONFIGURATION["blocks_a_stage"]:
            for shortcut in (True, False):
                for rate in CONFIGURATION["learning_rates"]:
                    row = {"network": "residual" if shortcut else "plain", "layers": 6 * blocks + 2}
                    row |= {"rate": rate, "seed": seed} | run(blocks, shortcut, rate, seed, fashion)
                    rows.append(row)
                    print(row, flush=True)
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
