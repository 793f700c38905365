"""Lesson 09, frozen: how many labels does pre-training save? Chinese reviews, five seeds.

    python notebooks/experiments/09_label_budget.py

One small BERT learns to fill gaps in the training reviews, without their labels. Then, for each seed
and number of labels, three classifiers are trained on the same labelled reviews: from scratch, from
the pre-trained weights, and a linear layer on frozen features. A seed draws the labelled reviews, the
batches and all new weights; pre-training was done once, so the intervals do not hold its luck. How many
steps a method takes at a budget is chosen for each method alone, on another fifth of the reviews and
with other draws. Writes 09_label_budget.parquet, one row a seed, method and budget;
09_label_budget.safetensors, the pre-trained weights (half precision) and the loss of pre-training; and
the card 09_label_budget.toml.
"""

import dataclasses
import platform
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file

from kit import data, layers, losses, models, optim
from kit.course.experiments import code_hash

SEEDS = [30, 31, 32, 33, 34]
CHOOSING = [40, 41]  # draws on which the number of steps is chosen
CONFIGURATION = {
    "length": 48,
    "least_count": 10,
    "width": 64,
    "layers": 2,
    "heads": 4,
    "share_masked": 0.15,
    "pretraining_steps": 3000,
    "pretraining_batch": 64,
    "muon": 0.02,
    "adamw": 0.004,
    "budgets": [50, 150, 500, 1500, 5000],
    "steps": [120, 150, 200, 300, 400],
    "factors": [0.4, 1, 2.5],
    "batch": 32,
    "rate": 0.001,
    "head_rate": 0.003,
    "dropout": 0.1,
    "tried": 1500,
    "spent": 1500,
}
LENGTH, WIDTH = CONFIGURATION["length"], CONFIGURATION["width"]


def reviews():
    """Tokens (N, T), labels (N,), rows for training, choosing and testing, the tokenizer.

    Of the last part, the first 1,500 reviews judged an earlier version of this experiment, which had
    not chosen the steps for each method: they are spent, and left out.
    """
    texts = data.load("shop_reviews").without_duplicates()
    first = data.stratified_split(texts.labels, validation=0, test=0.2, seed=0)
    split = data.stratified_split(texts.labels[first.train], validation=0, test=0.2, seed=1)
    train, test = first.train[split.train], first.train[split.test][CONFIGURATION["spent"] :]
    counts = Counter("".join(texts.texts[i] for i in train.tolist()))
    frequent = sorted(c for c, n in counts.items() if n >= CONFIGURATION["least_count"])
    letters = data.CharTokenizer(frequent, ("pad", "unknown", "mask", "start"))
    ids = [[letters.start, *letters.encode(text, special=False)][:LENGTH] for text in texts.texts]
    tried = first.test[: CONFIGURATION["tried"]]
    return data.pad_batch(ids, letters.pad)[0], texts.labels, (train, tried, test), letters


def masked(tokens, letters, generator):
    """Inputs with 80/10/10 gaps, and which positions must be guessed."""
    chance = torch.rand(tokens.shape, generator=generator)
    chosen = (chance < CONFIGURATION["share_masked"]) & (tokens > letters.start)
    dice = torch.rand(tokens.shape, generator=generator)
    anything = torch.randint(letters.start + 1, len(letters), tokens.shape, generator=generator)
    inputs = torch.where(chosen & (dice < 0.8), letters.mask, tokens)
    return torch.where(chosen & (dice >= 0.9), anything, inputs), chosen


def gap_loss(model, inputs, chosen, tokens):
    """Mean loss over the chosen positions; the head is asked only there."""
    hidden, head = model.bert(inputs, inputs == 0)[chosen], model.cls["predictions"]
    hidden = head["transform"]["LayerNorm"](layers.gelu(head["transform"]["dense"](hidden)))
    return losses.cross_entropy(head["decoder"](hidden), tokens[chosen])


def pretrain(tokens, unseen, letters):
    """A BertForMaskedLM, and its loss on `unseen` every 250 steps."""
    generator = torch.Generator().manual_seed(0)
    sizes = (CONFIGURATION["layers"], CONFIGURATION["heads"], WIDTH, 4 * WIDTH)
    config = models.BertConfig(len(letters), LENGTH, *sizes, token_types=1, dropout=0.0)
    model = models.BertForMaskedLM(config, generator=generator)
    matrices, others = optim.split_for_muon(model, heads=["cls.predictions.decoder"])
    muon, adamw, steps = (CONFIGURATION[k] for k in ("muon", "adamw", "pretraining_steps"))
    rule = optim.MuonWithAdamW(matrices, others, lr=muon, adamw_lr=adamw, adamw_betas=(0.9, 0.95))
    schedule = optim.then(optim.linear_warmup(100), 100, lambda s: 1 - s / (steps - 100))
    schedule = torch.optim.lr_scheduler.LambdaLR(rule, schedule)
    gaps, curve = masked(unseen, letters, torch.Generator().manual_seed(1)), []
    for step in range(1, steps + 1):
        rows = torch.randint(len(tokens), (CONFIGURATION["pretraining_batch"],), generator=generator)
        loss = gap_loss(model, *masked(tokens[rows], letters, generator), tokens[rows])
        rule.zero_grad()
        loss.backward()
        rule.step()
        schedule.step()
        if step % 250 == 0:
            with torch.no_grad():
                curve.append(gap_loss(model, *gaps, unseen).item())
            print(step, curve[-1], flush=True)
    return model, curve


class Classifier(torch.nn.Module):
    """A BERT, the mean of its hidden states, standardised, and a linear layer."""

    def __init__(self, bert, classes=2):
        super().__init__()
        self.bert = bert
        self.norm = layers.BatchNorm1d(WIDTH, affine=False)
        self.dropout = layers.Dropout(0.3)
        self.linear = layers.Linear(WIDTH, classes)
        torch.nn.init.zeros_(self.linear.weight)

    def forward(self, tokens):
        """Logits (B, K)."""
        padding = tokens == 0
        return self.linear(self.dropout(self.norm(layers.masked_mean(self.bert(tokens, padding), padding))))


def fitted(model, tokens, labels, steps, seed):
    """Train what is not frozen; the rates rise for a tenth of the steps, then fall to 0."""
    generator = torch.Generator().manual_seed(seed)
    body = [p for p in model.bert.parameters() if p.requires_grad]
    rates = [(body, CONFIGURATION["rate"]), (model.linear.parameters(), CONFIGURATION["head_rate"])]
    groups = [{"params": list(weights), "lr": rate} for weights, rate in rates]
    rule = optim.AdamW([group for group in groups if group["params"]], weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.LambdaLR(rule, optim.one_cycle(steps, warmup=0.1))
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(tokens), (CONFIGURATION["batch"],), generator=generator)
        loss = losses.cross_entropy(model(tokens[rows]), labels[rows])
        rule.zero_grad()
        loss.backward()
        rule.step()
        cycle.step()
    return model.eval()


@torch.no_grad()
def accuracy(model, tokens, labels):
    """Share of right answers."""
    answers = torch.cat([model(part).argmax(1) for part in tokens.split(500)])
    return (answers == labels).double().mean().item()


def start(method, pretrained, seed):
    """A classifier to be trained: fresh or pre-trained weights, all of them or the last layer alone."""
    dropout = 0.0 if method == "linear probe" else CONFIGURATION["dropout"]
    config = dataclasses.replace(pretrained.config, dropout=dropout)
    torch.manual_seed(seed)  # of the last layer's weights and of dropout
    bert = models.Bert(config, generator=torch.Generator().manual_seed(seed))
    if method != "from scratch":
        bert.load_state_dict(pretrained.state_dict())
    bert.requires_grad_(method != "linear probe")
    return Classifier(bert)


def score(pretrained, method, tokens, labels, rows, judged, steps, seed):
    """Train one classifier on the labels of `rows`; its accuracy on `judged`."""
    classifier = fitted(start(method, pretrained, seed), tokens[rows], labels[rows], steps, seed)
    return accuracy(classifier, tokens[judged], labels[judged])


def main():
    """Pre-train, choose the steps, run all seeds and budgets, write result and card."""
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    tokens, labels, (train, tried, test), letters = reviews()
    model, curve = pretrain(tokens[train], tokens[tried[:1000]], letters)
    half = {name: weight.half() for name, weight in model.bert.state_dict().items()}
    head = {f"cls.{name}": weight.half() for name, weight in model.cls.state_dict().items()}
    head.pop("cls.predictions.decoder.weight")  # it is the embedding
    save_file(half | head | {"curve": torch.tensor(curve)}, str(here.with_suffix(".safetensors")))
    orders = {
        seed: train[torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))]
        for seed in SEEDS + CHOOSING
    }
    rows = []
    for budget, usual in zip(CONFIGURATION["budgets"], CONFIGURATION["steps"]):
        for method in ("fine-tuned", "from scratch", "linear probe"):

            def run(seed, steps, judged, budget=budget, method=method):
                return score(model.bert, method, tokens, labels, orders[seed][:budget], judged, steps, seed)

            options = [int(factor * usual) for factor in CONFIGURATION["factors"]]
            steps = max(options, key=lambda n: sum(run(seed, n, tried) for seed in CHOOSING))
            for seed in SEEDS:
                result = run(seed, steps, test)
                rows.append(
                    {"method": method, "labels": budget, "seed": seed, "steps": steps, "accuracy": result}
                )
        table = pd.DataFrame(rows)
        table.to_parquet(here.with_suffix(".parquet"))
        print(table.groupby(["labels", "method"])[["steps", "accuracy"]].mean(), flush=True)
    settings = "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
