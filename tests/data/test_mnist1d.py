"""MNIST-1D: the package's own numbers, and the published order of the models."""

import numpy as np
import pytest
import torch
from torch import nn

from kit import data
from kit.data.mnist1d import mnist1d


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("seed", [42, 0])
def test_curves_equal_the_packages(seed):
    package = pytest.importorskip("mnist1d.data")
    settings = package.get_dataset_args()
    settings.seed, settings.num_samples = seed, 1000
    state = np.random.get_state()  # noqa: NPY002
    theirs = package.make_dataset(settings)
    np.random.set_state(state)  # noqa: NPY002
    x, y = mnist1d(1000, seed=seed)
    assert np.allclose(x, np.concatenate([theirs["x"], theirs["x_test"]]), atol=1e-12, rtol=0)
    assert np.array_equal(y, np.concatenate([theirs["y"], theirs["y_test"]]))


def test_the_published_set_has_its_split_and_leaves_global_randomness_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    table = data.load("mnist1d")
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert repr(table) == "Table('mnist1d': 5000 samples, 40 features, 10 classes)"
    assert torch.bincount(table.y).tolist() == [500] * 10
    assert (len(table.train), len(table.test)) == (4000, 1000)
    assert abs(float(table.x.mean())) < 1e-6
    assert abs(float(table.x.std()) - 1) < 1e-4


def line():
    return nn.Linear(40, 10)


def network():
    return nn.Sequential(nn.Linear(40, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))


def convolutions():
    sizes = [(1, 25, 5), (25, 25, 3), (25, 25, 3)]
    layers = [m for a, b, k in sizes for m in (nn.Conv1d(a, b, k, 2, 1), nn.ReLU())]
    return nn.Sequential(nn.Unflatten(1, (1, 40)), *layers, nn.Flatten(), nn.Linear(125, 10))


@pytest.mark.parametrize(
    ("make", "steps", "low", "high"),
    [(line, 600, 0.28, 0.36), (network, 1500, 0.62, 0.72), (convolutions, 2000, 0.87, 0.96)],
)
def test_models_come_out_as_published(make, steps, low, high):
    """Source: Greydanus & Kobak (2020), table: logistic regression 32 %, MLP 68 %, CNN 94 % (6,000 steps)."""
    table = data.load("mnist1d")
    x, y, generator = table.x, table.y, torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        batch = table.train[torch.randint(4000, (100,), generator=generator)]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    accuracy = float((model(x[table.test]).argmax(1) == y[table.test]).float().mean())
    assert low <= accuracy <= high


def test_too_few_curves_are_refused():
    with pytest.raises(ValueError, match=r"^samples=9 is out of range; give an int >= 10$"):
        mnist1d(9)
