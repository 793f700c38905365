"""Lesson 10, frozen: three generators of digits and what judges say of them, six seeds.

    python notebooks/experiments/10_generators.py

Every seed draws a new split of the digits (a quarter held out), trains a new judge, and trains each
generator on the training part alone; 100 samples of each class are then measured. Three sources need
no network: held-out images, the mean image of a class, and pixels drawn one by one from the
training images of the class. Distance is that to the nearest held-out image, median, over the same
for training images. Writes 10_generators.parquet, one row a seed and source of images,
and its card 10_generators.toml.
"""

import platform
import time
from pathlib import Path

import pandas as pd
import torch

from kit import data, losses, models, optim
from kit.course.experiments import code_hash

SEEDS = [0, 1, 2, 3, 4, 5]
CONFIGURATION = {
    "classifier_steps": 800,
    "flow_steps": 2000,
    "flow_batch_size": 128,
    "vae_steps": 1000,
    "vae_batch_size": 128,
    "gan_steps": 1500,
    "gan_batch_size": 64,
    "gan_penalty": 0.3,
    "samples_of_a_class": 100,
}
ASKED = torch.arange(10).repeat_interleave(CONFIGURATION["samples_of_a_class"])


def parts(seed):
    """Training images and labels, held-out images and labels; images (N, 1, 8, 8) in [0, 1]."""
    digits = data.load("digits")
    images = (digits.x / 16).view(-1, 1, 8, 8)
    split = data.stratified_split(digits.y, validation=0, test=0.25, seed=seed)
    return images[split.train], digits.y[split.train], images[split.test], digits.y[split.test]


def fit(loss, weights, x, y, steps, size, generator, peak=None):
    """Minimise loss(images, labels) on random batches; with `peak` the rate rises to it and falls."""
    optimizer = optim.Adam(weights, lr=2e-3)
    cycle = {"total_steps": steps, "pct_start": 0.1, "cycle_momentum": False}
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, **cycle) if peak else None
    for _ in range(steps):
        rows = torch.randint(0, len(x), (size,), generator=generator)
        value = loss(x[rows], y[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if schedule:
            schedule.step()


def flow(x, y, g):
    """A flow-matching model."""
    model = models.Diffusion(models.DiffusionConfig(classes=10), generator=g)
    steps, size = CONFIGURATION["flow_steps"], CONFIGURATION["flow_batch_size"]
    fit(lambda a, b: model.loss(a, b, generator=g), model.parameters(), x, y, steps, size, g, peak=2e-3)
    return model


def vae(x, y, g):
    """A variational autoencoder."""
    model = models.VAE(models.AutoencoderConfig(classes=10), generator=g)
    steps, size = CONFIGURATION["vae_steps"], CONFIGURATION["vae_batch_size"]
    fit(lambda a, b: sum(model.loss_parts(a, b, generator=g)), model.parameters(), x, y, steps, size, g)
    return model


def gan(x, y, g, penalty):
    """The generator of a conditional GAN."""
    config = models.GANConfig(classes=10)
    pair = models.Generator(config, generator=g), models.Discriminator(config, generator=g)
    optimizers = tuple(optim.Adam(network.parameters(), lr=5e-4, betas=(0.5, 0.99)) for network in pair)
    for _ in range(CONFIGURATION["gan_steps"]):
        rows = torch.randint(0, len(x), (CONFIGURATION["gan_batch_size"],), generator=g)
        z = torch.randn(len(rows), config.latent, generator=g)
        models.gan_step(*pair, x[rows], z, optimizers, labels=y[rows], penalty=penalty)
    return pair[0]


def nearest(a, b):
    """Distance of each image of `a` to the nearest of `b`."""
    return torch.cdist(a.flatten(1), b.flatten(1)).min(1).values


def spread(x, y):
    """Mean distance of two images of a class, for each class."""
    return torch.stack([torch.pdist(x[y == c].flatten(1)).mean() for c in range(10)])


@torch.no_grad()
def measured(images, labels, judge, real):
    """What a table row says about `images` that should show `labels`."""
    x, y, held_out, _ = real
    right = judge(images.flatten(1)).argmax(1) == labels
    by_class = torch.stack([right[labels == c].float().mean() for c in range(10)])
    usual, to_training = nearest(held_out, x), nearest(images, x)
    return {
        "share": by_class.mean().item(),
        "worst_class": by_class.min().item(),
        "diversity": (spread(images, labels) / spread(x, y)).mean().item(),
        "distance": (nearest(images, held_out).median() / nearest(x, held_out).median()).item(),
        "nearest": to_training.min().item(),
        "copies": (to_training < usual.min() / 2).float().mean().item(),
    }


def run(seed):
    """All rows of one seed."""
    real, g = parts(seed), torch.Generator().manual_seed(seed)
    x, y, held_out, classes = real
    judge = models.MLP(models.MLPConfig((64, 128, 128, 10)), generator=g)
    guess = lambda a, b: losses.cross_entropy(judge(a.flatten(1)), b)  # noqa: E731
    fit(guess, judge.parameters(), x, y, CONFIGURATION["classifier_steps"], 128, g)
    alone = torch.stack([x[y == c].mean(0) for c in range(10)])[ASKED]
    rows = [torch.randint(0, int((y == c).sum()), (len(ASKED) // 10, 64), generator=g) for c in range(10)]
    mixed = torch.cat([x[y == c].flatten(1).gather(0, rows[c]) for c in range(10)]).view(-1, 1, 8, 8)
    penalty = CONFIGURATION["gan_penalty"]
    made = {"class mean": alone, "pixels mixed": mixed}
    for name, model in (
        ("GAN", gan(x, y, g, penalty)),
        ("GAN, no penalty", gan(x, y, g, 0.0)),
        ("VAE", vae(x, y, g)),
        ("flow", flow(x, y, g)),
    ):
        made[name] = model.sample(len(ASKED), ASKED, generator=g)
    found = [{"source": k, "seed": seed, **measured(v, ASKED, judge, real)} for k, v in made.items()]
    first = measured(held_out, classes, judge, real) | {"distance": 1.0}  # of training images, by definition
    return [{"source": "real images", "seed": seed, **first}, *found]


def main():
    """Run all seeds, write result and card."""
    torch.set_num_threads(1)
    began, here, rows = time.process_time(), Path(__file__), []
    for seed in SEEDS:
        rows += run(seed)
        print(f"seed {seed}: {time.process_time() - began:.0f} s", flush=True)
    pd.DataFrame(rows).to_parquet(here.with_suffix(".parquet"))
    settings = "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.process_time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
