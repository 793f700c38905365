"""Lesson 19, frozen: what two reference libraries give, so that the lesson can compare without them.

    python notebooks/experiments/19_references.py

Needs `opacus` and `dp-accounting`, which the course does not. Writes 19_references.safetensors: the
weights of a small network and Opacus' per-sample gradients of 16 digits (grad_sample.NAME, with
weight.NAME); epsilon (3,), Opacus' and dp-accounting's account of the MNIST example and Opacus' of the
lesson's own run, all float64; accuracy (5,), of networks trained by Opacus at that run's settings,
on the data and seeds of 19_budgets.py at a budget of 4.
"""

import platform
import time
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

from kit import data, losses, optim, privacy
from kit.course.experiments import code_hash
from kit.models import MLP, MLPConfig

SEEDS = [0, 1, 2, 3, 4]
CONFIGURATION = {
    "budget": 4.0,
    "delta": 1e-4,
    "members": 750,
    "wrong_labels": 0.1,
    "hidden": 32,
    "clip": 0.5,
    "steps": 60,
    "batch_size": 250,
    "learning_rate": 4.0,
    "mnist_noise": 1.1,
    "mnist_batch": 256,
    "mnist_records": 60_000,
    "mnist_epochs": 60,
    "mnist_delta": 1e-5,
}
DIGITS = data.load("digits")
PIXELS = DIGITS.x / 16  # (1797, 64)


def network(seed):
    """The lesson's network, of torch.nn's own layers (Opacus knows no others), and its generator."""
    g = torch.Generator().manual_seed(seed)
    ours = MLP(MLPConfig((64, CONFIGURATION["hidden"], 10), activation="tanh"), generator=g)
    hidden = CONFIGURATION["hidden"]
    own = torch.nn.Sequential(torch.nn.Linear(64, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 10))
    own.load_state_dict({name.removeprefix("layers."): p for name, p in ours.state_dict().items()})
    return own, g


def per_sample():
    """Weights, and Opacus' gradient of each of the first 16 digits."""
    from opacus import GradSampleModule

    net, _ = network(0)
    hooked = GradSampleModule(net, loss_reduction="sum")
    losses.cross_entropy(hooked(PIXELS[:16]), DIGITS.y[:16], reduction="sum").backward()
    found = {f"weight.layers.{name}": p.detach().clone() for name, p in net.named_parameters()}
    samples = {f"grad_sample.layers.{name}": p.grad_sample.clone() for name, p in net.named_parameters()}
    return found | samples


def noise():
    """The multiplier of the lesson's run, by kit."""
    c = CONFIGURATION
    wanted = {"target_epsilon": c["budget"], "target_delta": c["delta"], "steps": c["steps"]}
    return privacy.get_noise_multiplier(sample_rate=c["batch_size"] / c["members"], **wanted)


def epsilons():
    """MNIST's example by Opacus (tight) and by dp-accounting (tight), the lesson's run by Opacus."""
    import dp_accounting
    from opacus.accountants import RDPAccountant

    c = CONFIGURATION
    rate = c["mnist_batch"] / c["mnist_records"]
    steps = c["mnist_epochs"] * c["mnist_records"] // c["mnist_batch"]
    theirs = dp_accounting.rdp.RdpAccountant()
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(c["mnist_noise"]))
    theirs.compose(event, steps)
    runs = []
    for sigma, q, count, delta in (
        (c["mnist_noise"], rate, steps, c["mnist_delta"]),
        (noise(), c["batch_size"] / c["members"], c["steps"], c["delta"]),
    ):
        account = RDPAccountant()
        account.history = [(sigma, q, count)]
        runs.append(account.get_epsilon(delta))
    return torch.tensor([runs[0], theirs.get_epsilon(c["mnist_delta"]), runs[1]], dtype=torch.float64)


def accuracy(seed):
    """Trained by Opacus on the members of a seed; accuracy on its outsiders, by right labels."""
    from opacus import PrivacyEngine

    c, g = CONFIGURATION, torch.Generator().manual_seed(seed)
    order = torch.randperm(2 * c["members"], generator=g)
    wrong = torch.rand(len(PIXELS), generator=g) < c["wrong_labels"]
    shift = torch.randint(1, 10, DIGITS.y.shape, generator=g)
    labels = torch.where(wrong, (DIGITS.y + shift) % 10, DIGITS.y)
    members, outsiders = order[: c["members"]], order[c["members"] :]
    net, g = network(seed)
    rows = TensorDataset(PIXELS[members], labels[members])
    model, optimizer, loader = PrivacyEngine(accountant="rdp").make_private(
        module=net,
        optimizer=optim.SGD(net.parameters(), lr=c["learning_rate"]),
        data_loader=DataLoader(rows, batch_size=c["batch_size"]),
        noise_multiplier=noise(),
        max_grad_norm=c["clip"],
        noise_generator=g,
    )
    torch.manual_seed(seed)
    for _ in range(c["steps"] // len(loader)):
        for xs, ys in loader:
            optimizer.zero_grad()
            losses.cross_entropy(model(xs), ys).backward()
            optimizer.step()
    with torch.no_grad():
        return (net(PIXELS[outsiders]).argmax(1) == DIGITS.y[outsiders]).float().mean().item()


def main():
    """Ask both, write result and card."""
    warnings.simplefilter("ignore")  # theirs
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    parts = per_sample() | {"epsilon": epsilons()}
    parts["accuracy"] = torch.tensor([accuracy(seed) for seed in SEEDS], dtype=torch.float64)
    print(parts["epsilon"], parts["accuracy"])
    save_file(parts, str(here.with_suffix(".safetensors")))
    here.with_suffix(".toml").write_text(
        f"seeds = {SEEDS}\nminutes = {(time.time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        "[configuration]\n" + "\n".join(f"{key} = {value}" for key, value in CONFIGURATION.items()) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
