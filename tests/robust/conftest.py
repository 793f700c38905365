"""One small network on the digits, trained once."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kit import data


def train(model, x, y, *, steps=150, change=lambda x: x):
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (128,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(change(x[rows])), y[rows]).backward()
        optimizer.step()
    return model.eval()


def network():
    torch.manual_seed(0)
    head = [nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), *head)


@pytest.fixture(scope="session")
def digits():
    """x (1797, 1, 8, 8) in [0, 1], y."""
    table = data.load("digits")
    return (table.x / 16).reshape(-1, 1, 8, 8), table.y


@pytest.fixture(scope="session")
def trained(digits):
    """A model and 120 pictures it has not seen."""
    x, y = digits
    return train(network(), x[:1500], y[:1500]), x[1500:1620], y[1500:1620]
