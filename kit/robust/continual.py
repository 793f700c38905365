"""Learning one task after another: what is forgotten, and rehearsing against it.

ReservoirBuffer  forgetting
"""

import torch

from kit import check
from kit.robust.attacks import Generator
from kit.shapes import Tensor


class ReservoirBuffer:
    """A fair sample of everything seen: after n samples each is kept with chance capacity / n.

    Keeps copies, on x's device. generator: on the CPU. Raises: ValueError for a capacity below 1.
    Source: Vitter (1985), algorithm R; Chaudhry et al. (2019), On Tiny Episodic Memories. Lesson: 17.
    """

    def __init__(self, capacity: int, *, generator: Generator = None):
        check.integer("capacity", capacity, 1)
        self.capacity, self.generator, self.seen = capacity, generator, 0
        self.kept: list[tuple[Tensor, Tensor]] = []

    def __len__(self) -> int:
        """Number of samples kept."""
        return len(self.kept)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Show the samples x (N, ...), y (N, ...) to the buffer, once each."""
        check.same_length(x=x, y=y)
        for pair in zip(x, y):
            self.seen += 1
            place = int(torch.randint(self.seen, (), generator=self.generator))
            if len(self.kept) < self.capacity:
                self.kept.append(_copy(pair))
            elif place < self.capacity:
                self.kept[place] = _copy(pair)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """n samples drawn with replacement: x (n, ...), y (n, ...). Raises: ValueError while empty, n < 1."""
        check.integer("n", n, 1)
        check.nonempty("buffer", self.kept)
        rows = torch.randint(len(self.kept), (n,), generator=self.generator).tolist()
        x, y = zip(*(self.kept[row] for row in rows))
        return torch.stack(x), torch.stack(y)


def _copy(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Of its own, or each row would keep its whole batch in memory, and follow what becomes of it."""
    return pair[0].detach().clone(), pair[1].detach().clone()


def forgetting(accuracy) -> float:
    """Mean over the old tasks of (best accuracy there so far - accuracy there at the end).

    accuracy[l, j], a tensor, array or list of lists: on task j after learning task l, T >= 2 tasks.
    Below zero where later tasks helped.
    Raises: ValueError unless square with two rows or more. Source: Chaudhry et al. (2018), eq. 4. Lesson: 17.
    """
    accuracy = torch.as_tensor(accuracy)
    check.tensor("accuracy", accuracy, ndim=2, last=len(accuracy), kind="float")
    check.integer("len(accuracy)", len(accuracy), 2)
    return (accuracy[:-1, :-1].amax(0) - accuracy[-1, :-1]).mean().item()
