"""Lesson 17, frozen: what Foolbox finds, so that the lesson can compare without it.

    python notebooks/experiments/17_references.py

Needs `foolbox`, which the course does not. Writes 17_references.safetensors: the weights of a small
network (0.weight to 2.bias), x (N, 64) and y (N,), and the inputs (N, 64) that Foolbox made of x
by fgsm, pgd (both linf, no random start) and deepfool (l2), all in float64.
"""

import json
import platform
import time
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from kit import data, losses, optim, train
from kit.course.experiments import code_hash

CONFIGURATION = {"seed": 0, "hidden": 32, "epochs": 20, "samples": 100, "eps": 0.125, "pgd_steps": 40}


def network(x, y):
    """A network trained on the other digits, in evaluation mode."""
    generator = torch.Generator().manual_seed(CONFIGURATION["seed"])
    torch.manual_seed(CONFIGURATION["seed"])
    model = nn.Sequential(
        nn.Linear(64, CONFIGURATION["hidden"]), nn.ReLU(), nn.Linear(CONFIGURATION["hidden"], 10)
    )
    batches = data.Batches(x, y, batch_size=32, shuffle=True, generator=generator)
    model.double()
    train.Trainer(model, losses.cross_entropy, optim.Adam(model.parameters(), lr=0.005)).fit(
        batches, epochs=CONFIGURATION["epochs"]
    )
    return model.eval()


def foolbox_finds(model, x, y):
    """Name of an attack: the inputs (N, 64) that Foolbox makes of x."""
    import foolbox

    asked, eps = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), CONFIGURATION["eps"]
    attacks = {
        "fgsm": (foolbox.attacks.LinfFastGradientAttack(random_start=False), eps),
        "pgd": (foolbox.attacks.LinfPGD(steps=CONFIGURATION["pgd_steps"], random_start=False), eps),
        "deepfool": (foolbox.attacks.L2DeepFoolAttack(), None),
    }
    return {name: attack(asked, x, y, epsilons=size)[1].detach() for name, (attack, size) in attacks.items()}


def main():
    """Train, ask Foolbox, write result and card."""
    torch.set_num_threads(1)
    began, here, n = time.time(), Path(__file__), CONFIGURATION["samples"]
    digits = data.load("digits")
    x, y = (digits.x / 16).double(), digits.y
    model = network(x[n:], y[n:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Foolbox's own, about packages it imports
        found = foolbox_finds(model, x[:n], y[:n])
    save_file(
        dict(model.state_dict()) | {"x": x[:n], "y": y[:n]} | found, str(here.with_suffix(".safetensors"))
    )
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = [{CONFIGURATION['seed']}]\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
