"""The random state of a run: taken, put back, and replayed up to the middle of an epoch.

take  put_back  EpochStart
"""

import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import torch


def take() -> dict[str, object]:
    """The state of every generator a training step may draw from.

    PyTorch's own on the CPU and on each GPU, Python's, and numpy's where numpy
    is loaded; only tensors, numbers and text, so that a checkpoint holding it
    can be read with `weights_only=True`. Lesson: 05
    """
    state = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy"] = (name, keys.tolist(), *rest)
    return state


def put_back(state: dict[str, object]) -> None:
    """Undo everything drawn since `take()`. Lesson: 05"""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])
    if "numpy" in state:
        import numpy

        numpy.random.set_state(state["numpy"])  # noqa: NPY002 - the global state is what is put back


@dataclass
class EpochStart:
    """Where the data and the random state stood when an epoch began.

    A loader says how its epoch is shuffled when it begins. So an epoch cut in
    the middle is continued by going back to its start, drawing the same order
    again and leaving out the batches already used: right for any loader whose
    order comes from PyTorch, Python or numpy, from its own `generator`, or
    from a `state_dict`. Lesson: 05
    """

    random: dict[str, object] = field(default_factory=dict)
    loader: dict[str, object] = field(default_factory=dict)
    generators: list[torch.Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, batches: Iterable, *, needed: bool = True) -> "EpochStart":
        """The state now; empty, and free, where no checkpoint will need it."""
        if not needed:
            return cls()
        loader = batches.state_dict() if hasattr(batches, "state_dict") else {}
        return cls(take(), loader, [generator.get_state() for generator in _generators(batches)])

    def put_back(self, batches: Iterable) -> None:
        """Set the loader and every generator to this moment."""
        if self.loader:
            batches.load_state_dict(self.loader)
        for generator, state in zip(_generators(batches), self.generators):
            generator.set_state(state)
        if self.random:
            put_back(self.random)

    def replay(self, batches: Iterable, used: int) -> Iterator:
        """The rest of the epoch after its first `used` batches.

        The random state afterwards is that of now, not that of the epoch's start.
        """
        now = EpochStart(take(), {}, [generator.get_state() for generator in _generators(batches)])
        self.put_back(batches)
        rest = iter(batches)
        for _ in islice(rest, used):
            pass
        now.put_back(batches)
        return rest


def _generators(batches: Iterable) -> list[torch.Generator]:
    """The generators of a loader, of its sampler and of its batch sampler, each once."""
    batch_sampler = getattr(batches, "batch_sampler", None)
    owners = (
        batches,
        getattr(batches, "sampler", None),
        batch_sampler,
        getattr(batch_sampler, "sampler", None),
    )
    found = [getattr(owner, "generator", None) for owner in owners]
    return list({id(g): g for g in found if isinstance(g, torch.Generator)}.values())
