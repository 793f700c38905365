"""Lesson 08, frozen: a Transformer translates interface strings, with and without positions, six seeds.

    python notebooks/experiments/08_translation.py

The same set-up as in the lesson, only wider and longer (configuration below). Every seed draws
a new split and new weights; the test part is used once. Writes 08_translation.parquet, one row a
seed and method, and its card 08_translation.toml.
"""

import platform
import re
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, losses, metrics, optim, train
from kit.course.experiments import code_hash
from kit.generate import generate
from kit.models import Seq2SeqConfig, Seq2SeqTransformer

SEEDS = [0, 1, 2, 3, 4, 5]
CONFIGURATION = {
    "width": 128,
    "layers": 2,
    "heads": 4,
    "epochs": 24,
    "batch_size": 32,
    "learning_rate": 0.003,
    "longest_source": 8,
    "longest_target": 16,
}
PAD, UNKNOWN = 0, 1
ROLES = ("pad", "unknown", "start", "end")


def words(text):
    """Lower-case words and signs."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def pairs():
    """Short pairs, each text once on either side whatever its case and punctuation."""
    corpus, kept, seen = data.load("interface_strings"), [], set()
    for source, target in zip(corpus.source, corpus.target):
        keys = {re.sub(r"\W+", " ", source.lower()).strip(), re.sub(r"\W+", "", target.lower())}
        short = len(words(source)) <= CONFIGURATION["longest_source"]
        if short and len(target) <= CONFIGURATION["longest_target"] and not keys & seen:
            kept.append((source, target))
            seen |= keys
    return kept


class Batches:
    """Batches of texts of similar length, in a new order each epoch."""

    def __init__(self, sources, targets, batch_size, generator):
        lengths = torch.tensor([100 * len(t) + len(s) for s, t in zip(sources, targets)])
        self.groups, self.generator = lengths.argsort().split(batch_size), generator
        self.sources, self.targets = sources, targets

    def __len__(self):
        return len(self.groups)

    def __iter__(self):
        for i in torch.randperm(len(self), generator=self.generator):
            source, hidden = data.pad_batch([self.sources[j] for j in self.groups[i]], PAD)
            target, _ = data.pad_batch([self.targets[j] for j in self.groups[i]], PAD)
            yield (source, target[:, :-1], hidden), target[:, 1:]


def token_loss(logits, target):
    """Mean over the characters that are there."""
    return losses.sequence_cross_entropy(logits, target, ignore_index=PAD)


def fitted(batches, sizes, seed, positions=True):
    """A trained model."""
    torch.manual_seed(seed)
    width, epochs = CONFIGURATION["width"], CONFIGURATION["epochs"]
    model = Seq2SeqTransformer(
        Seq2SeqConfig(*sizes, 32, CONFIGURATION["layers"], CONFIGURATION["heads"], width, 2 * width)
    )
    if not positions:
        model.position.table.zero_()
    optimizer = optim.AdamW(model.parameters(), lr=CONFIGURATION["learning_rate"])
    cycle = torch.optim.lr_scheduler.LambdaLR(optimizer, optim.one_cycle(epochs * len(batches), warmup=0.15))
    callbacks = [train.LearningRateSchedule(cycle, every="step")]
    train.Trainer(model, token_loss, optimizer, callbacks=callbacks).fit(
        batches, epochs=epochs, progress=False
    )
    return model


@torch.no_grad()
def translated(model, sources, chinese):
    """The model's texts, the likeliest character at each step."""
    source, hidden = data.pad_batch(sources, PAD)
    memory, begin = model.encode(source, hidden), torch.full((len(source), 1), chinese.start)
    answer = generate(lambda y: model.decode(y, memory, hidden), begin, 20, stop=chinese.end, cache=False)
    texts = [row[: row.index(chinese.end)] if chinese.end in row else row for row in answer.tolist()]
    return [chinese.decode(text, special=False) for text in texts]


def nearest(known, test):
    """The translation of the known text that shares the largest part of its words."""
    sets = [set(words(source)) for source, _ in known]
    answers = []
    for source, _ in test:
        mine = set(words(source))
        shares = [len(mine & other) / len(mine | other) for other in sets]
        answers.append(known[shares.index(max(shares))][1])
    return answers


def phrases(known, test):
    """The longest known texts that make up the source, their translations in a row."""
    book = {tuple(words(source)): target for source, target in reversed(known)}
    answers = []
    for source, _ in test:
        rest, answer = words(source), ""
        while rest:
            n = next((n for n in range(len(rest), 0, -1) if tuple(rest[:n]) in book), None)
            answer, rest = answer + (book[tuple(rest[:n])] if n else ""), rest[n or 1 :]
        answers.append(answer)
    return answers


def run(seed):
    """Rows of one seed: method, share of exact translations, character error rate."""
    every = pairs()
    split = data.random_split(len(every), validation=0, test=0.15, seed=seed)
    known, test = ([every[i] for i in part] for part in (split.train, split.test))
    english = {word: i + 2 for i, word in enumerate(sorted({w for s, _ in known for w in words(s)}))}
    chinese = data.CharTokenizer.from_text("".join(t for _, t in known), ROLES)

    def encode(text):
        return [english.get(word, UNKNOWN) for word in words(text)]

    sources = [encode(s) for s, _ in known]
    targets = [[chinese.start, *chinese.encode(t), chinese.end] for _, t in known]
    sizes = (len(english) + 2, len(chinese))
    answers = {"nearest text": nearest(known, test), "phrase book": phrases(known, test)}
    for name, positions in (("Transformer", True), ("without positions", False)):
        generator = torch.Generator().manual_seed(seed)
        batches = Batches(sources, targets, CONFIGURATION["batch_size"], generator)
        model = fitted(batches, sizes, seed, positions)
        answers[name] = translated(model, [encode(s) for s, _ in test], chinese)
    right = [target for _, target in test]
    return [
        {
            "seed": seed,
            "method": name,
            "exact": sum(a == r for a, r in zip(given, right)) / len(right),
            "character_error_rate": metrics.character_error_rate(right, given),
        }
        for name, given in answers.items()
    ]


def main():
    """Run all seeds, write result and card."""
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    rows = [row for seed in SEEDS for row in run(seed)]
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    settings = "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )
    print(pd.DataFrame(rows).groupby("method").mean(numeric_only=True))


if __name__ == "__main__":
    main()
