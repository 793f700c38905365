"""Lesson 07, frozen: four ways to judge a shop review, five seeds.

    kit data get shop_reviews && python notebooks/experiments/07_reviews.py

Every seed draws a new split of the reviews without repeats and new weights; the test part is
used once. Writes 07_reviews.parquet, one row a seed and method, and its card 07_reviews.toml.
"""

import platform
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from kit import data, layers, losses, optim, train
from kit.course.experiments import code_hash
from kit.models import RNNClassifier, RNNClassifierConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {"texts": 8000, "characters": 40, "batch_size": 64, "epochs": 3, "bigram_least": 3}
RATES = {
    "bidirectional GRU": 0.004,
    "masked mean": 0.005,
    "character regression": 0.01,
    "bigram regression": 0.01,
}


class MaskedMean(torch.nn.Module):
    """The mean of a text's character vectors, then a linear layer."""

    def __init__(self, vocabulary, generator):
        super().__init__()
        self.embedding = layers.Embedding(vocabulary, 64, 0, generator=generator)
        self.linear = layers.Linear(64, 2, generator=generator)

    def forward(self, tokens):
        return self.linear(layers.masked_mean(self.embedding(tokens), tokens == 0))


class Regression(torch.nn.Module):
    """Logistic regression: one weight a class for each piece that a text holds."""

    def __init__(self, vocabulary, generator):
        super().__init__()
        self.weights = torch.nn.EmbeddingBag(vocabulary, 2, mode="sum", padding_idx=0)
        torch.nn.init.zeros_(self.weights.weight)

    def forward(self, tokens):
        return self.weights(tokens)


def characters(train_texts, texts):
    """Ids of the characters, 0 is padding."""
    tokenizer = data.CharTokenizer.from_text("".join(train_texts), special=("pad", "unknown"))
    return data.pad_batch([tokenizer.encode(t) for t in texts], 0)[0], len(tokenizer)


def singles(text):
    """The characters of a text, each once."""
    return set(text)


def bigrams(text):
    """The characters and the pairs of neighbours in a text, each once."""
    return {*text, *(text[i : i + 2] for i in range(len(text) - 1))}


def pieces(train_texts, texts, grams):
    """Ids of the pieces that are frequent enough in training, 0 is padding."""
    count = Counter(g for t in train_texts for g in grams(t))
    frequent = sorted(g for g, n in count.items() if n >= CONFIGURATION["bigram_least"])
    ids = {gram: i for i, gram in enumerate(frequent, 1)}
    rows = [sorted(ids[g] for g in grams(t) if g in ids) or [0] for t in texts]
    return data.pad_batch(rows, 0)[0], len(ids) + 1


def gru(vocabulary, generator):
    """The network of article 003, with both mistakes of its padding mended."""
    return RNNClassifier(RNNClassifierConfig(vocabulary), generator=generator)


METHODS = {
    "bidirectional GRU": (characters, gru),
    "masked mean": (characters, MaskedMean),
    "character regression": (partial(pieces, grams=singles), Regression),
    "bigram regression": (partial(pieces, grams=bigrams), Regression),
}


def accuracy(method, reviews, split, seed):
    """Test accuracy of one method after training on one split."""
    encode, build = METHODS[method]
    train_texts, test_texts = (
        [reviews.texts[i][: CONFIGURATION["characters"]] for i in part.tolist()]
        for part in (split.train, split.test)
    )
    tokens, vocabulary = encode(train_texts, train_texts + test_texts)
    n, size = len(train_texts), CONFIGURATION["batch_size"]
    generator = torch.Generator().manual_seed(seed)
    model = build(vocabulary, generator)
    batches = data.Batches(
        tokens[:n], reviews.labels[split.train], batch_size=size, shuffle=True, generator=generator
    )
    test = data.Batches(tokens[n:], reviews.labels[split.test], batch_size=500)
    optimizer = optim.Adam(model.parameters(), lr=RATES[method])
    train.Trainer(model, losses.cross_entropy, optimizer).fit(
        batches, epochs=CONFIGURATION["epochs"], progress=False
    )
    return train.evaluate(model, test, metrics={"accuracy": train.accuracy})["accuracy"]


def main():
    began = time.process_time()
    torch.set_num_threads(1)
    reviews = data.load("shop_reviews").without_duplicates()
    rows = []
    for seed in SEEDS:
        split = data.stratified_split(reviews.labels, validation=0.0, test=0.2, seed=seed)
        split = split._replace(train=split.train[: CONFIGURATION["texts"]])
        for method in METHODS:
            value = accuracy(method, reviews, split, seed)
            rows.append({"seed": seed, "method": method, "accuracy": value})
            print(rows[-1], round(time.process_time() - began), flush=True)
    here = Path(__file__)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"), index=False)
    minutes = (time.process_time() - began) / 60
    lines = [f"{name} = {value}" for name, value in CONFIGURATION.items()]
    here.with_suffix(".toml").write_text(
        f'seeds = {SEEDS}\nminutes = {minutes:.1f}\ndevice = "cpu ({platform.machine()}), 1 thread"\n'
        f'code_sha256 = "{code_hash(here)}"\n\n[configuration]\n' + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
