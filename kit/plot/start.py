"""Figures of lesson 00: average digits and how well they recognise.

averages
"""

import torch

from kit.plot.figure import axes


def nearest(x, centres):
    """Index of the nearest centre of each row: x (N, D), centres (C, D) -> (N,)."""
    return torch.cdist(x, centres).argmin(dim=1)


def averages(x, y, x_test, y_test, samples: int, noise: float, seed: int = 0):
    """Ten average digits from `samples` pictures of each, and their test accuracy.

    `x` (N, 64) with pixels from 0 to 1 and `y` (N,) classes 0-9; `noise` is the
    standard deviation added to every training pixel. Returns (figure, alt).
    """
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=g)
    x, y = x[order], y[order]
    noisy = x + noise * torch.randn(x.shape, generator=g)
    centres = torch.stack([noisy[y == digit][:samples].mean(0) for digit in range(10)])
    accuracy = (nearest(x_test, centres) == y_test).float().mean().item()
    figure, ax = axes(width=8.4, height=1.5, title=f"{accuracy:.1%} of {len(y_test)} unseen digits right")
    # One wide picture: ten axes would take several times as long to draw as one.
    strip = torch.nn.functional.pad(centres.reshape(10, 8, 8), (1, 1), value=float("nan"))
    ax.imshow(strip.permute(1, 0, 2).reshape(8, 100).numpy(), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[10 * digit + 4.5 for digit in range(10)], xticklabels=range(10), yticks=[])
    ax.spines[:].set_visible(False)
    alt = (
        f"Ten average digits from {samples} pictures each with noise {noise:g}; "
        f"the nearest average names {accuracy:.1%} of {len(y_test)} unseen digits rightly."
    )
    return figure, alt
