"""Rehearsal: the reservoir is fair, and it keeps the old task."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kit.robust import ReservoirBuffer, forgetting


def test_every_sample_is_kept_with_the_same_chance():
    kept = np.zeros(20)
    for seed in range(600):
        buffer = ReservoirBuffer(5, generator=torch.Generator().manual_seed(seed))
        for part in torch.arange(20.0).split(7):
            buffer.add(part, part.long())
        assert len(buffer) == 5
        kept[[int(y) for _, y in buffer.kept]] += 1
    assert kept.sum() == 3000
    assert np.abs(kept - 150).max() < 5 * np.sqrt(600 * 0.25 * 0.75)


def test_a_buffer_not_full_holds_everything():
    buffer = ReservoirBuffer(10, generator=torch.Generator().manual_seed(0))
    x, y = torch.randn(4, 3), torch.arange(4)
    buffer.add(x, y)
    found, labels = buffer.sample(50)
    assert (len(buffer), buffer.seen) == (4, 4)
    assert torch.equal(found, x[labels])
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3]


def test_the_buffer_keeps_copies_and_no_batches():
    buffer = ReservoirBuffer(3, generator=torch.Generator().manual_seed(0))
    x, y = torch.ones(1000, 4), torch.zeros(1000, dtype=torch.long)
    buffer.add(x, y)
    x.zero_()  # a loader that fills one tensor again and again
    assert all(torch.equal(old, torch.ones(4)) for old, _ in buffer.kept)
    assert all(old.untyped_storage().nbytes() == 16 for old, _ in buffer.kept)
    state = torch.get_rng_state()
    buffer.add(torch.rand(5, 4, generator=torch.Generator().manual_seed(1)).requires_grad_(), y[:5])
    buffer.sample(2)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(old.requires_grad for old, _ in buffer.kept)


def learn(model, x, y, buffer=None):
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(120):
        rows = torch.randint(len(x), (32,), generator=generator)
        batch = [x[rows], y[rows]]
        if buffer is not None:
            batch = [torch.cat(pair) for pair in zip(batch, buffer.sample(32))]
        optimizer.zero_grad()
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        optimizer.step()


def test_rehearsal_keeps_the_old_task(digits):
    x, y = digits[0].flatten(1), digits[1]
    tasks = [y < 5, y >= 5]
    lost = {}
    for rehearse in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        buffer = ReservoirBuffer(50, generator=torch.Generator().manual_seed(0))
        table = torch.zeros(2, 2)
        for number, task in enumerate(tasks):
            learn(model, x[task], y[task], buffer if rehearse and number else None)
            buffer.add(x[task], y[task])
            for j, other in enumerate(tasks):
                table[number, j] = (model(x[other]).argmax(1) == y[other]).float().mean()
        lost[rehearse] = forgetting(table)
    assert lost[False] > 0.8
    assert lost[True] < 0.25


def test_forgetting_by_hand():
    """Source: Chaudhry et al. (2018), eq. 4, with three tasks."""
    accuracy = torch.tensor([[0.9, 0.1, 0.1], [0.7, 0.8, 0.1], [0.6, 0.85, 0.9]])
    assert forgetting(accuracy) == pytest.approx(((0.9 - 0.6) + (0.8 - 0.85)) / 2)
    assert forgetting(accuracy.tolist()) == pytest.approx(forgetting(accuracy.double().numpy()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ReservoirBuffer(0), "capacity=0 is out of range; give an int >= 1"),
        (lambda: ReservoirBuffer(2).sample(0), "n=0 is out of range; give an int >= 1"),
        (lambda: ReservoirBuffer(2).sample(1), "buffer is empty; give at least one item"),
        (
            lambda: ReservoirBuffer(2).add(torch.ones(2, 1), torch.ones(1)),
            "len(x)=2, len(y)=1 differ; give one entry of each per sample",
        ),
        (lambda: forgetting(torch.ones(1, 1)), "len(accuracy)=1 is out of range; give an int >= 2"),
        (
            lambda: forgetting(torch.ones(3, 2)),
            "accuracy has shape (3, 2), its last dimension must be 3; reshape it",
        ),
    ],
)
def test_mistakes_in_rehearsal_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
