"""Batches of tensors that fit in memory, many times faster than a DataLoader.

Batches
"""

import math
from collections.abc import Iterator

import torch

from kit import check


class Batches:
    """Iterate over tensors in batches: `for x, y in Batches(x, y, batch_size=32)`.

    One epoch with `shuffle` draws one permutation from the object's own generator and
    takes each batch with one `index_select`; without it batches are views. The
    tensors move to `device` once, here. Every `iter()` is a new epoch, except the
    first one after `load_state_dict`, which goes on where the state was taken.

    Shapes: tensors (N, ...) each -> tuples of (B, ...); the last batch may be smaller
    unless `drop_last`. Raises: TypeError for something else than tensors, ValueError for
    unequal lengths, no sample, or batch_size < 1. Lesson: 05.
    """

    def __init__(
        self,
        *tensors: torch.Tensor,
        batch_size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
        device=None,
    ):
        if not tensors:
            raise TypeError("tensors is empty; call Batches(x, y, batch_size=32)")
        for i, value in enumerate(tensors):
            check.tensor(f"tensors[{i}]", value)
            if value.ndim == 0:
                raise ValueError(
                    f"tensors[{i}] has shape (), a first dimension of samples is needed; reshape it"
                )
        check.same_length(**{f"tensors[{i}]": value for i, value in enumerate(tensors)})
        check.nonempty("tensors[0]", tensors[0])
        check.integer("batch_size", batch_size, 1)
        self.tensors = tuple(value.to(device) for value in tensors)
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.epoch = 0  # epochs begun
        self._done = 0  # batches handed out in the present epoch
        self._start = self.generator.get_state()  # from which the present epoch's order was drawn
        self._resume = False

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        n = len(self.tensors[0])
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)

    @property
    def samples(self) -> int:
        """Number of samples, those that `drop_last` leaves out included."""
        return len(self.tensors[0])

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        if self._resume:
            self.generator.set_state(self._start)
        else:
            self._start, self._done = self.generator.get_state(), 0
            self.epoch += 1
        self._resume = False
        return self._batches()

    def _batches(self) -> Iterator[tuple[torch.Tensor, ...]]:
        order = None
        if self.shuffle:
            order = torch.randperm(self.samples, generator=self.generator, device=self.generator.device)
            order = order.to(self.tensors[0].device)
        for i in range(self._done, len(self)):
            self._done = i + 1
            rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
            if order is None:
                yield tuple(value[rows] for value in self.tensors)
            else:
                picked = order[rows]
                yield tuple(value.index_select(0, picked) for value in self.tensors)
        self._start, self._done = self.generator.get_state(), 0

    def state_dict(self) -> dict:
        """Where we are: generator state at the epoch's start, batches done, epochs begun."""
        return {"generator": self._start.clone(), "done": self._done, "epoch": self.epoch}

    def load_state_dict(self, state: dict) -> None:
        """Go on from `state`: next come the batches that were still to come.

        Raises: ValueError for a state of another length of epoch, KeyError for a missing part.
        """
        check.integer("state['done']", state["done"], 0, len(self))
        self._start, self._done, self.epoch = state["generator"].clone(), state["done"], state["epoch"]
        self.generator.set_state(self._start)
        self._resume = self._done > 0
