"""MNIST-1D: the package's own numbers, and the published order of the models."""

import numpy as np
import pytest
import torch

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


def test_a_line_gets_a_third_and_a_network_two_thirds():
    """Source: Greydanus & Kobak (2020), table: logistic regression 32 %, MLP 68 %."""
    table = data.load("mnist1d")
    x, y, generator = table.x, table.y, torch.Generator().manual_seed(0)
    accuracy = {}
    for name, rate, steps in (("line", 1e-2, 600), ("network", 1e-2, 1500)):
        torch.manual_seed(0)
        line = torch.nn.Linear(40, 10)
        sizes = [(40, 100), (100, 100), (100, 10)]
        layers = [m for a, b in sizes for m in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1]
        model = line if name == "line" else torch.nn.Sequential(*layers)
        optimizer = torch.optim.Adam(model.parameters(), rate)
        for _ in range(steps):
            batch = table.train[torch.randint(4000, (100,), generator=generator)]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        accuracy[name] = float((model(x[table.test]).argmax(1) == y[table.test]).float().mean())
    assert 0.28 <= accuracy["line"] <= 0.36
    assert 0.62 <= accuracy["network"] <= 0.72


def test_too_few_curves_are_refused():
    with pytest.raises(ValueError, match=r"^samples=9 is out of range; give an int >= 10$"):
        mnist1d(9)
