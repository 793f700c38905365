"""MNIST-1D: ten digits drawn as curves, 40 points each, made here in a second.

read_mnist1d  mnist1d
"""

import numpy as np
import torch

from kit import check
from kit.data.registry import Card, Entry
from kit.data.tables import Table
from kit.shapes import Float, Int

#: The digits 0 to 9 as curves of twelve points.
_TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
_DILATED, _POINTS, _SHIFT = 72, 40, 48


Curves = tuple[Float[np.ndarray, "N 40"], Int[np.ndarray, " N"]]


def mnist1d(samples: int = 5000, *, seed: int = 42) -> Curves:
    """Curves (N, 40), mean 0 and deviation 1 over all, and their digits (N,).

    A template is padded, stretched, scaled, shifted, given smooth noise where it is flat
    and a little everywhere, sheared, and sampled at 40 points. The same numbers as the
    package mnist1d 0.0.2 with the same seed.

    `samples` is rounded down to tens. Raises: ValueError for fewer than ten.
    Source: Greydanus & Kobak (2020), arXiv:2011.14439; code and templates Apache-2.0. Lesson: 06.
    """
    rng = np.random.RandomState(seed)  # the generator that the published data come from
    check.integer("samples", samples, 10)
    templates = np.array(_TEMPLATES, dtype=np.float64)
    templates = (templates - templates.mean(1, keepdims=True)) / templates.std(1, keepdims=True)
    templates = (templates - templates[:, :1]) / 6
    y = np.repeat(np.arange(10), samples // 10)
    x = np.stack([_curve(templates[digit], rng) for digit in y])
    order = rng.permutation(len(y))
    return ((x - x.mean()) / x.std())[order], y[order]


def read_mnist1d(entry: Entry, card: Card, *, dtype: torch.dtype = torch.float32) -> Table:
    """The published 5,000 curves: 4,000 to train on, then 1,000 to test. Lesson: 06."""
    x, y = mnist1d()
    points = tuple(f"x{i}" for i in range(_POINTS))
    digits, order = tuple("0123456789"), torch.arange(len(y))
    matrix = torch.from_numpy(x).to(dtype)
    return Table(entry.name, matrix, torch.from_numpy(y), points, digits, card, order[:4000], order[4000:])


def _curve(template: np.ndarray, rng) -> np.ndarray:
    x = np.concatenate([template + 1e-8, np.zeros(36 + int(rng.rand() * 25))])
    x = _resample(x, _DILATED) * (1 + 0.4 * (rng.rand() - 0.5))
    x = np.roll(x, rng.choice(_SHIFT))
    flat = x == 0
    x = np.where(flat, _smooth(0.25 * rng.randn(_DILATED)), x) + 0.02 * rng.randn(_DILATED)
    return _resample(x - 0.75 * (rng.rand() - 0.5) * np.linspace(-0.5, 0.5, _DILATED), _POINTS)


def _resample(x: np.ndarray, points: int) -> np.ndarray:
    return np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(x)), x)


def _smooth(noise: np.ndarray) -> np.ndarray:
    """Gaussian filter of width 2, cut at four widths, mirrored at the ends."""
    weights = np.exp(-(np.arange(-8, 9) ** 2) / 8)
    return np.convolve(np.pad(noise, 8, mode="symmetric"), weights / weights.sum(), mode="valid")
