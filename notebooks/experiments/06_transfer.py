"""Lesson 06, frozen: features of an ImageNet network against training from scratch, by labels a class.

    python notebooks/experiments/06_transfer.py          # needs: kit data get efficientnet_lite0 (18 MB)

Fashion-MNIST; every seed has training pictures that no other seed sees, and one test part is used
once. What may be chosen is chosen on validation pictures: whether the pictures are turned into black
on white, and how strongly each linear model is held back. Writes 06_transfer.parquet, one row
a seed, method and number of labels, and its card 06_transfer.toml.
"""

import platform
import time
from pathlib import Path

import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from kit import data, losses, optim, train
from kit.course.experiments import code_hash
from kit.models import CNN, CNN_PRESETS, CNNConfig, EfficientNet, load_efficientnet

SEEDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
CONFIGURATION = {
    "labels_a_class": [2, 5, 10, 20],
    "pixels": 160,
    "test_pictures": 1000,
    "validation_pictures": 300,
    "epochs": 40,
    "learning_rate": 0.003,
    "batch_size": 32,
}
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
NETWORKS = {
    "article's CNN": CNN_PRESETS["article"],
    "CNN with batch norm": CNNConfig((1, 28, 28), (16, 32, 64), batch_norm=True),
}


@torch.no_grad()
def features(net, x, inverted):
    """(N, 1280) of grey pictures, enlarged and copied to three channels."""
    size, found = (CONFIGURATION["pixels"],) * 2, []
    for part in x.split(50):
        large = torch.nn.functional.interpolate(part, size=size, mode="bilinear").expand(-1, 3, -1, -1)
        found.append(net.features(1 - large if inverted else large))
    return torch.cat(found)


def linear(x, y, strength):
    """Logistic regression on standardised inputs, as a function that gives its accuracy."""
    scale = data.Standardizer.fit(x)
    fitted = LogisticRegression(C=strength, max_iter=2000).fit(scale(x), y)
    return lambda other, labels: fitted.score(scale(other), labels)


def from_scratch(config, x, y, test, seed):
    """Test accuracy of a CNN that knows nothing before."""
    generator, epochs = torch.Generator().manual_seed(seed), CONFIGURATION["epochs"]
    model = CNN(config, generator=generator)
    batches = data.Batches(x, y, batch_size=CONFIGURATION["batch_size"], shuffle=True, generator=generator)
    optimizer = optim.AdamW(model.parameters(), lr=CONFIGURATION["learning_rate"])
    cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, optim.cosine(epochs * len(batches)))
    schedule = train.LearningRateSchedule(cosine, every="step")
    train.Trainer(model, losses.cross_entropy, optimizer, callbacks=[schedule]).fit(batches, epochs=epochs)
    return train.evaluate(model, [test], metrics={"accuracy": train.accuracy})["accuracy"]


def main():
    """Choose on validation pictures, run all, write result and card."""
    torch.set_num_threads(1)
    began, here, fashion = time.time(), Path(__file__), data.load("fashion_mnist")
    net = EfficientNet().eval()
    load_efficientnet(net, torch.load(data.path("efficientnet_lite0"), weights_only=True))
    most = max(CONFIGURATION["labels_a_class"])
    order = torch.randperm(len(fashion.train), generator=torch.Generator().manual_seed(0))
    shuffled = fashion.train[order]
    of_class = [shuffled[fashion.labels[shuffled] == c] for c in range(10)]
    first = lambda seed, n: torch.cat([rows[seed * most :][:n] for rows in of_class])  # noqa: E731
    x_test, y_test = fashion.part(fashion.test[: CONFIGURATION["test_pictures"]])
    x_val, y_val = fashion.part(first(len(SEEDS), CONFIGURATION["validation_pictures"] // 10))
    x, y = fashion.part(first(0, 20))
    tried = {}
    for inverted in (False, True):
        a, b = features(net, x, inverted), features(net, x_val, inverted)
        tried |= {(inverted, c): linear(a, y, c)(b, y_val) for c in STRENGTHS}
    inverted, strength = max(tried, key=tried.get)
    on_pixels = {c: linear(x.flatten(1), y, c)(x_val.flatten(1), y_val) for c in STRENGTHS}
    held = max(on_pixels, key=on_pixels.get)
    print(tried, on_pixels, flush=True)
    rows, test_features = [], features(net, x_test, inverted)
    for seed in SEEDS:
        known = features(net, fashion.part(first(seed, most))[0], inverted).view(10, most, -1)
        for n in CONFIGURATION["labels_a_class"]:
            x, y = fashion.part(first(seed, n))
            scores = {name: from_scratch(c, x, y, (x_test, y_test), seed) for name, c in NETWORKS.items()}
            scores["logistic regression on pixels"] = linear(x.flatten(1), y, held)(x_test.flatten(1), y_test)
            probe = linear(known[:, :n].flatten(0, 1), y, strength)
            scores["ImageNet features, linear probe"] = probe(test_features, y_test)
            rows += [{"method": m, "labels": n, "seed": seed, "test": score} for m, score in scores.items()]
            print(n, seed, scores, flush=True)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    settings = CONFIGURATION | {"inverted": str(inverted).lower(), "strength": strength, "on_pixels": held}
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        "[configuration]\n" + "\n".join(f"{key} = {value}" for key, value in settings.items()) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
