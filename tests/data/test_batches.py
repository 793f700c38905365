"""Batches cover an epoch, follow their generator, and resume exactly."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.data import Batches

x = torch.arange(23.0).unsqueeze(1)
y = torch.arange(23)


def ids(batches) -> list[list[int]]:
    return [yb.tolist() for _, yb in batches]


@given(st.integers(1, 40), st.integers(1, 45), st.booleans(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_an_epoch_holds_every_sample_once(n, batch_size, shuffle, drop_last):
    data = torch.arange(n)
    batches = Batches(data, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
    seen = [b for (b,) in batches]
    assert len(seen) == len(batches)
    assert all(len(b) == batch_size for b in seen[: len(seen) - (not drop_last)])
    together = torch.cat(seen).tolist() if seen else []
    kept = n // batch_size * batch_size if drop_last else n
    assert len(set(together)) == len(together) == kept
    assert shuffle or together == list(range(kept))


def test_pairs_stay_together():
    for xb, yb in Batches(x, y, batch_size=5, shuffle=True):
        assert torch.equal(xb.squeeze(1), yb.float())


def test_the_generator_decides_and_global_state_stays():
    before = torch.get_rng_state()
    a, b = (
        Batches(x, y, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(7))
        for _ in range(2)
    )
    first = ids(a)
    assert first == ids(b)
    assert ids(a) == ids(b) != first
    assert ids(Batches(x, y, batch_size=4, shuffle=True)) != first
    assert torch.equal(before, torch.get_rng_state())


@given(st.integers(0, 3), st.integers(0, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_resuming_gives_the_batches_that_were_still_to_come(epochs, steps, shuffle):
    whole = Batches(x, y, batch_size=4, shuffle=shuffle)
    expected = [ids(whole) for _ in range(6)]
    running = Batches(x, y, batch_size=4, shuffle=shuffle)
    for _ in range(epochs):
        ids(running)
    iterator = iter(running) if steps else None
    for _ in range(steps):
        next(iterator)
    state = running.state_dict()
    resumed = Batches(x, y, batch_size=4, shuffle=shuffle)
    resumed.load_state_dict(state)
    if steps:
        assert ids(resumed) == expected[epochs][steps:]
        epochs += 1
    assert [ids(resumed) for _ in range(2)] == expected[epochs : epochs + 2]
    assert resumed.epoch == epochs + 2


def test_a_state_survives_being_saved(tmp_path):
    batches = Batches(x, y, batch_size=4, shuffle=True)
    iterator = iter(batches)
    next(iterator)
    torch.save(batches.state_dict(), tmp_path / "state.pt")
    rest = [yb.tolist() for _, yb in iterator]
    other = Batches(x, y, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(99))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert ids(other) == rest


def test_leaving_an_epoch_early_begins_a_new_one():
    batches = Batches(x, y, batch_size=4)
    for _ in batches:
        break
    assert ids(batches)[0] == [0, 1, 2, 3]
    assert batches.epoch == 2


def test_unshuffled_batches_are_views():
    (first,) = next(iter(Batches(x, batch_size=4)))
    assert first.data_ptr() == x.data_ptr()


def test_it_feeds_what_a_loader_feeds():
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=5)
    for (xa, ya), (xb, yb) in zip(Batches(x, y, batch_size=5), loader, strict=True):
        assert torch.equal(xa, xb)
        assert torch.equal(ya, yb)
    assert Batches(x, y, batch_size=5).samples == 23


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Batches(batch_size=2), TypeError, "tensors is empty; call Batches(x, y, batch_size=32)"),
        (
            lambda: Batches(x, y[:3], batch_size=2),
            ValueError,
            "len(tensors[0])=23, len(tensors[1])=3 differ; give one entry of each per sample",
        ),
        (
            lambda: Batches(x[:0], batch_size=2),
            ValueError,
            "tensors[0] is empty; give at least one item",
        ),
        (lambda: Batches(x, batch_size=0), ValueError, "batch_size=0 is out of range; give an int >= 1"),
        (
            lambda: Batches(torch.tensor(1.0), batch_size=1),
            ValueError,
            "tensors[0] has shape (), a first dimension of samples is needed; reshape it",
        ),
        (
            lambda: Batches(x, batch_size=23).load_state_dict(
                Batches(x, batch_size=2).state_dict() | {"done": 5}
            ),
            ValueError,
            "state['done']=5 is out of range; give an int >= 0 and <= 1",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
