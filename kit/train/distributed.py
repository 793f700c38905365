"""Several processes on one model: each its own batches, one common gradient.

Rank  process_group  wrap
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Rank:
    """Which of how many processes this is; `local` counts those on this machine.

    Lesson: 12
    """

    number: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this process prints, logs and saves.

        Lesson: 12
        """
        return self.number == 0


@contextlib.contextmanager
def process_group() -> Iterator[Rank]:
    """Join the processes that torchrun started; alone where it did not.

    Uses NCCL where there are GPUs and gloo otherwise, and leaves the group at the end.

    Lesson: 12
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Rank()
        return
    rank = Rank(int(os.environ["RANK"]), world, int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield rank
    finally:
        distributed.destroy_process_group()


def wrap(model: nn.Module, rank: Rank) -> nn.Module:
    """The model, with gradients averaged over all processes where there are several.

    Source: Li et al. 2020, arXiv:2006.15704. Lesson: 12
    """
    if rank.world == 1:
        return model
    devices = [rank.local] if next(model.parameters()).is_cuda else None
    return nn.parallel.DistributedDataParallel(model, device_ids=devices)
