"""Lesson 20, frozen: what fairness costs on Adult, by the place where it is asked for.

    python notebooks/experiments/20_adult.py          # needs: kit data get adult (22 MB)

The official split; one small network a seed, which does not see gender or race. Before training: rows
weighted anew; during it: a penalty or an adversary; after it: a threshold for each gender. Thresholds
and the scale of the features come from the training part alone, all other settings stand below.
Writes 20_adult.parquet, one row a seed and method with scores of the test part, and its card 20_adult.toml.
"""

import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from kit import data, fairness, losses, metrics, optim, train
from kit.course.experiments import code_hash
from kit.models import MLP, MLPConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {
    "hidden": 64,
    "dropout": 0.2,
    "epochs": 8,
    "learning_rate": 0.002,
    "batch_size": 256,
    "penalty": 15.0,
    "adversary": 1.0,
    "tolerance": 0.005,
}


class Loss(nn.Module):
    """Cross-entropy with the rows' weights, and what is added to it."""

    def __init__(self, extra=None):
        super().__init__()
        self.extra = extra

    def forward(self, logits, targets):
        y, group, weight = targets.T
        plain = losses.bce_with_logits(logits[:, 0], y, weight=weight)
        return plain if self.extra is None else plain + self.extra(logits[:, 0], group.long())


def network(x, targets, extra, seed):
    """P(income above 50,000) for every row of x, by a network trained on the first rows."""
    generator, epochs = torch.Generator().manual_seed(seed), CONFIGURATION["epochs"]
    config = MLPConfig((x.shape[1], CONFIGURATION["hidden"], 1), dropout=CONFIGURATION["dropout"])
    model, loss = MLP(config, generator=generator), Loss(extra)
    batches = data.Batches(
        x[: len(targets)], targets, batch_size=CONFIGURATION["batch_size"], shuffle=True, generator=generator
    )
    weights = [*model.parameters(), *loss.parameters()]
    optimizer = optim.AdamW(weights, lr=CONFIGURATION["learning_rate"])
    cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, optim.cosine(epochs * len(batches)))
    schedule = train.LearningRateSchedule(cosine, every="step")
    torch.manual_seed(seed)  # dropout
    train.Trainer(model, loss, optimizer, callbacks=[schedule]).fit(batches, epochs=epochs)
    with torch.no_grad():
        return model(x)[:, 0].sigmoid().numpy()


def penalty(logits, group):
    """The gap of the mean probabilities."""
    return CONFIGURATION["penalty"] * fairness.demographic_parity_penalty(logits.sigmoid(), group)


def adversary(seed):
    """One hidden layer that guesses the gender from the score."""
    guess = MLP(MLPConfig((1, 16, 2)), generator=torch.Generator().manual_seed(100 + seed))
    return fairness.AdversarialLoss(guess, strength=CONFIGURATION["adversary"])


def judge(y, decided, gender):
    """Scores of decisions; a difference is the largest minus the smallest rate of the two genders."""
    frame = fairness.MetricFrame(
        metrics=fairness.selection_rate, y_true=y, y_pred=decided, sensitive_features=gender
    )
    return {
        "accuracy": metrics.accuracy_score(y, decided),
        "demographic_parity_difference": frame.difference(),
        "equalized_odds_difference": fairness.equalized_odds_difference(
            y, decided, sensitive_features=gender
        ),
        "selected_women": frame.by_group["Female"],
        "selected_men": frame.by_group["Male"],
    }


def main():
    """Run all, write result and card."""
    torch.set_num_threads(1)
    began, here, people = time.time(), Path(__file__), data.load("adult")
    order = torch.cat([people.train, people.test])
    table, n = people.encode(without=("gender", "race")), len(people.train)
    x = data.Standardizer.fit(table.x[people.train])(table.x[order]).clamp(-6, 6)
    y, gender = people.y[order], people["gender"][order]
    group, ones = torch.from_numpy(gender == "Male").float(), torch.ones(n)
    weight = torch.from_numpy(fairness.reweighing(y[:n], sensitive_features=gender[:n])).float()
    targets = torch.stack([y.float()[:n], group[:n], ones], dim=1)
    weighted = torch.stack([y.float()[:n], group[:n], weight], dim=1)
    rows = []
    for seed in SEEDS:
        score = network(x, targets, None, seed)
        decided = {
            "nothing": score > 0.5,
            "before: reweighing": network(x, weighted, None, seed) > 0.5,
            "during: penalty": network(x, targets, penalty, seed) > 0.5,
            "during: adversary": network(x, targets, adversary(seed), seed) > 0.5,
        }
        for name, options in {
            "after: thresholds, equal selection": {},
            "after: thresholds, selection within the tolerance": {"tolerance": CONFIGURATION["tolerance"]},
            "after: thresholds, equalized odds": {"constraints": "equalized_odds"},
        }.items():
            chosen = fairness.ThresholdOptimizer(**options)
            chosen.fit(score[:n], y[:n], sensitive_features=gender[:n])
            decided[name] = chosen.predict(score, sensitive_features=gender, seed=seed)
        for name, decisions in decided.items():
            found = judge(y[n:].numpy(), np.asarray(decisions[n:], dtype=np.int64), gender[n:])
            rows.append({"method": name, "seed": seed, **found})
            print(seed, name, found, flush=True)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        "[configuration]\n" + "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items()) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
