"""A DP-SGD epoch beside Opacus; k, l and t of Adult beside pandas' groupby written by hand.

Both sides of DP-SGD draw by Poisson sampling from the same tensors, clip and add noise; the same
network, batch size and loss. The target is Opacus with hooks, which holds per-sample gradients; its ghost
clipping does not, nor does kit.
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.harness import Session, version
from kit import data, privacy

SAMPLES, BATCH = 2048, 256
QUASI, SENSITIVE = ("age", "gender", "race", "education", "marital-status"), "occupation"


def mlp() -> nn.Module:
    """784-128-10, as in the lessons on digits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn() -> nn.Module:
    """The network of Opacus' MNIST example."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


def epoch(build: Callable[[], nn.Module], make_private: Callable) -> Callable:
    """Prepare one epoch of 2,048 images; `make_private` returns model, optimizer, loader and loss."""
    g = torch.Generator().manual_seed(0)
    images = TensorDataset(
        torch.randn(SAMPLES, 1, 28, 28, generator=g), torch.randint(10, (SAMPLES,), generator=g)
    )
    module = build()
    model, optimizer, loader, loss = make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(images, batch_size=BATCH),
        noise_multiplier=1.1,
        max_grad_norm=1.0,
    )

    def run() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    return run


def ours(**parts) -> tuple:
    """kit's model, optimizer, loader and loss."""
    return *privacy.make_private(**parts), nn.CrossEntropyLoss()


def opacus(mode: str, **parts) -> tuple:
    """Opacus' model, optimizer, loader and loss."""
    from opacus import PrivacyEngine

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = PrivacyEngine().make_private(**parts, criterion=nn.CrossEntropyLoss(), grad_sample_mode=mode)
    if mode == "ghost":
        model, optimizer, loss, loader = made
        return model, optimizer, loader, loss
    return *made, nn.CrossEntropyLoss()


def by_hand(frame) -> tuple:
    """k, distinct l, entropy l and t for equal distances, as one would write them with pandas."""
    groups = frame.groupby(list(QUASI), observed=True)[SENSITIVE]
    shares = groups.value_counts(normalize=True).unstack(fill_value=0.0)
    entropy = -(shares * np.log(shares.where(shares > 0, 1.0))).sum(axis=1)
    total = frame[SENSITIVE].value_counts(normalize=True)
    t = ((shares - total[shares.columns]).abs().sum(axis=1) / 2).max()
    return groups.size().min(), groups.nunique().min(), np.exp(entropy.min()), t


def by_kit(table) -> tuple:
    """The same four numbers."""
    return (
        privacy.k_anonymity(table, QUASI),
        privacy.l_diversity(table, QUASI, SENSITIVE),
        privacy.l_diversity(table, QUASI, SENSITIVE, method="entropy"),
        privacy.t_closeness(table, QUASI, SENSITIVE, ordered=False),
    )


def measure(session: Session) -> None:
    """DP-SGD on two networks, then Adult."""
    warnings.filterwarnings("ignore", "Full backward hook is firing")  # Opacus, on every step
    for name, build in (("MLP", mlp), ("CNN", cnn)):
        if version("opacus") is None:
            session.note(f"kit DP-SGD {name}", "opacus is not installed")
            continue
        for mode in ("hooks", "functorch", "ghost"):
            session.compare(
                f"kit DP-SGD {name}",
                lambda b=build: epoch(b, ours),
                f"opacus {mode}",
                lambda b=build, m=mode: epoch(b, lambda **parts: opacus(m, **parts)),
                target=1.0 if mode == "hooks" else None,
            )
    import pandas as pd

    table = data.load("adult").columns
    frame = pd.DataFrame(table)
    kit_numbers, hand_numbers = by_kit(table), by_hand(frame)
    if not np.allclose(kit_numbers, hand_numbers):
        raise RuntimeError(
            f"kit says {kit_numbers}, pandas {hand_numbers}; they must agree before they are timed"
        )
    for name, given in (("arrays", table), ("a DataFrame", frame)):
        session.compare(
            f"kit k, l, t of Adult, {name}",
            lambda g=given: lambda: by_kit(g),
            "pandas by hand",
            lambda: lambda: by_hand(frame),
        )
