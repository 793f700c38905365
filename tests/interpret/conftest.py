"""Small models with every trap: functional calls, reuse, branches, several inputs."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F


class Functional(nn.Module):
    """F.relu in forward, a residual sum, a layer and an activation used twice, pooling."""

    def __init__(self):
        super().__init__()
        self.conv, self.shared = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.head, self.act = nn.Linear(3 * 16, 4), nn.Tanh()

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = x + self.act(self.shared(x))
        x = self.act(self.shared(x)) + x
        return self.head(F.max_pool2d(x, 2).flatten(1))


class Sum(nn.Module):
    """Two inputs and a further argument."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(3, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, x, y, factor=None):
        h = torch.tanh(self.a(x) + self.b(y))
        return self.head(h if factor is None else h * factor[:, None])


@pytest.fixture
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield torch.Generator().manual_seed(1)


@pytest.fixture
def mlp(seeded):
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8), nn.Sigmoid(), nn.Linear(8, 3)
    ).double()


@pytest.fixture
def cnn(seeded):
    parts = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(20, 4)).double()


@pytest.fixture
def functional(seeded):
    return Functional().double()


@pytest.fixture
def two_inputs(seeded):
    return Sum().double()


@pytest.fixture
def rows(seeded):
    return torch.randn(7, 6, dtype=torch.float64, generator=seeded)


@pytest.fixture
def images(seeded):
    return torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=seeded)
