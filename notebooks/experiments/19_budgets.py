"""Lesson 19, frozen: what a privacy budget costs in accuracy, and what it takes from an attacker.

    python notebooks/experiments/19_budgets.py            (or: ... 19_budgets.py tune)

Five seeds. Each draws 750 of the first 1,500 pictures of digits as members, the other 750 are
outsiders; a tenth of all labels is wrong, as by a careless clerk. One network is trained until it
knows its members by heart, one with early stopping, others by DP-SGD at several budgets. Accuracy is
that on the outsiders, by their right labels; the attack is the likelihood ratio of one loss
threshold. Learning rates, clip norm and steps were chosen with `tune` by the accuracy on the last
297 pictures, which no reported number uses. Writes 19_budgets.parquet and its card 19_budgets.toml.
"""

import math
import platform
import sys
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, losses, optim, privacy
from kit.course.experiments import code_hash
from kit.models import MLP, MLPConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {
    "budgets": [0.25, 0.5, 1.0, 2.0, 4.0, 8.0],
    "delta": 1e-4,
    "members": 750,
    "wrong_labels": 0.1,
    "hidden": 32,
    "clip": 0.5,
    "steps": 60,
    "batch_size": 250,
    "learning_rate": 4.0,
    "epochs_by_heart": 60,
    "epochs_early": 5,
}
DIGITS = data.load("digits")
PIXELS = DIGITS.x / 16  # (1797, 64)


def careless(seed):
    """Rows of the members and of the outsiders, which labels are wrong, and the labels."""
    g, n = torch.Generator().manual_seed(seed), CONFIGURATION["members"]
    order = torch.randperm(2 * n, generator=g)
    wrong = torch.rand(len(PIXELS), generator=g) < CONFIGURATION["wrong_labels"]
    shift = torch.randint(1, 10, DIGITS.y.shape, generator=g)
    return order[:n], order[n:], wrong, torch.where(wrong, (DIGITS.y + shift) % 10, DIGITS.y)


def plain(seed, x, y, epochs, batch_size=50):
    """The network after some epochs of Adam, without any privacy."""
    g = torch.Generator().manual_seed(seed)
    net = MLP(MLPConfig((64, 128, 10), activation="tanh"), generator=g)
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    batches = data.Batches(x, y, batch_size=batch_size, shuffle=True, generator=g)
    for _ in range(epochs):
        for xs, ys in batches:
            optimizer.zero_grad()
            losses.cross_entropy(net(xs), ys).backward()
            optimizer.step()
    return net


def private(seed, x, y, budget, **changed):
    """The network after DP-SGD, its noise multiplier and what it spent; infinity for no noise."""
    c, g = CONFIGURATION | changed, torch.Generator().manual_seed(seed)
    net = MLP(MLPConfig((64, c["hidden"], 10), activation="tanh"), generator=g)
    optimizer = optim.SGD(net.parameters(), lr=c["learning_rate"])
    batches = data.Batches(x, y, batch_size=c["batch_size"], shuffle=True, generator=g)
    wanted = {"target_delta": c["delta"], "sample_rate": c["batch_size"] / len(x), "steps": c["steps"]}
    noise = 0.0
    if math.isfinite(budget):
        noise = privacy.get_noise_multiplier(target_epsilon=budget, **wanted)
    model, optimizer, batches = privacy.make_private(
        module=net,
        optimizer=optimizer,
        data_loader=batches,
        noise_multiplier=noise,
        max_grad_norm=c["clip"],
        generator=g,
    )
    for _ in range(c["steps"] // len(batches)):
        for xs, ys in batches:
            optimizer.zero_grad()
            losses.cross_entropy(model(xs), ys).backward()
            optimizer.step()
    return net, noise, model.spent(c["delta"]).epsilon


@torch.no_grad()
def judge(net, seed):
    """Accuracy on the outsiders, and the attack on all records and on those with a wrong label."""
    members, outsiders, wrong, labels = careless(seed)
    scores = privacy.logit_confidence(net(PIXELS), labels)
    right = net(PIXELS[outsiders]).argmax(1) == DIGITS.y[outsiders]
    every = privacy.membership_inference(
        scores[members], scores[outsiders], delta=CONFIGURATION["delta"], seed=seed
    )
    odd = privacy.membership_inference(
        scores[members[wrong[members]]],
        scores[outsiders[wrong[outsiders]]],
        delta=CONFIGURATION["delta"],
        seed=seed,
    )
    return {
        "accuracy": right.float().mean().item(),
        "auc": every.auc,
        "auc_wrong": odd.auc,
        "epsilon_lower": max(every.epsilon_lower, odd.epsilon_lower),
    }


@torch.no_grad()
def tune():
    """Accuracy on the last 297 pictures, for the settings above and others; seeds 200 to 202."""
    late = slice(1500, None)
    rates = {"learning_rate": (2.0, 4.0, 8.0), "clip": (0.25, 0.5, 1.0), "steps": (30, 60, 120)}
    for name, values in rates.items():
        for value in values:
            scores = []
            for seed in (200, 201, 202):
                members, _, _, labels = careless(seed)
                with torch.enable_grad():
                    net, _, _ = private(seed, PIXELS[members], labels[members], 2.0, **{name: value})
                scores.append((net(PIXELS[late]).argmax(1) == DIGITS.y[late]).float().mean().item())
            print(name, value, round(sum(scores) / 3, 3))
    for epochs in (1, 2, 3, 5, 10, 60):
        scores = []
        for seed in (200, 201, 202):
            members, _, _, labels = careless(seed)
            with torch.enable_grad():
                net = plain(seed, PIXELS[members], labels[members], epochs)
            scores.append((net(PIXELS[late]).argmax(1) == DIGITS.y[late]).float().mean().item())
        print("epochs", epochs, round(sum(scores) / 3, 3))


def main():
    """Train and attack all, write result and card."""
    torch.set_num_threads(1)
    began, here, rows = time.time(), Path(__file__), []
    for seed in SEEDS:
        members, _, _, labels = careless(seed)
        x, y = PIXELS[members], labels[members]
        for name in ("by heart", "early"):
            net = plain(seed, x, y, CONFIGURATION["epochs_" + name.replace(" ", "_")])
            rows.append({"seed": seed, "network": name, "budget": math.inf, **judge(net, seed)})
        for budget in (*CONFIGURATION["budgets"], math.inf):
            net, noise, spent = private(seed, x, y, budget)
            found = {"noise": noise, "spent": spent, **judge(net, seed)}
            rows.append({"seed": seed, "network": "DP-SGD", "budget": budget, **found})
        print(seed, round(time.time() - began), flush=True)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        "[configuration]\n" + "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items()) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    tune() if "tune" in sys.argv else main()
