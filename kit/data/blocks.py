"""Blocks of a long text as training batches: the target is the text moved by one.

TokenBlocks  in_order
"""

from collections.abc import Iterator

import torch

from kit import check
from kit.shapes import Int, Tensor


def in_order(tokens: Int[Tensor, " N"], block: int) -> tuple[Int[Tensor, "K T"], Int[Tensor, "K T"]]:
    """The whole text in blocks that do not overlap: inputs, and the token after each.

    What a loss over "the whole validation text" means; up to `block` tokens at the end are left out.

    Args:
        tokens: the ids of the text, in order.
        block: length T of a block.

    Raises:
        TypeError, ValueError: `tokens` is not one row of whole numbers, or shorter than block + 1.

    Lesson: 09
    """
    count = (_checked(tokens, block) - 1) // block
    return tokens[: count * block].view(count, block), tokens[1 : count * block + 1].view(count, block)


class TokenBlocks:
    """Iterate over random blocks of a text: inputs and next tokens, (B, T) each.

        for x, y in TokenBlocks(tokens, 64, batch_size=12): ...

    Every block starts at a place drawn anew, so an "epoch" is a number of `steps`. Iterating
    again goes on with fresh draws of the object's own generator; `state_dict` lets a run that
    was killed go on with the very batches that were still to come.

    Args:
        tokens: ids of the text, in order; any memory that a tensor can stand on, a mapped file too.
        block: length T of a block.
        batch_size: blocks in a batch.
        steps: batches in an epoch; None covers the text once on average.
        generator: source of the places; None means a new one with seed 0.
        device: where the batches go.

    Raises:
        TypeError, ValueError: `tokens` is not one row of whole numbers or shorter than block + 1, a
            size is below 1.

    Lesson: 09
    """

    def __init__(
        self,
        tokens: Int[Tensor, " N"],
        block: int,
        *,
        batch_size: int,
        steps: int | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ):
        length = _checked(tokens, block)
        check.integer("batch_size", batch_size, 1)
        if steps is not None:
            check.integer("steps", steps, 1)
        self.tokens, self.block, self.batch_size, self.device = tokens, block, batch_size, device
        self.steps = steps or max(1, length // (block * batch_size))
        self.generator = torch.Generator().manual_seed(0) if generator is None else generator
        self._start, self._done, self._resume = self.generator.get_state(), 0, False

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self.steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if not self._resume:
            self._start, self._done = self.generator.get_state(), 0
        self._resume = False
        return self._batches()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        within = torch.arange(self.block + 1)
        while self._done < self.steps:
            self._done += 1
            first = torch.randint(
                len(self.tokens) - self.block, (self.batch_size, 1), generator=self.generator
            )
            rows = self.tokens[first + within].long().to(self.device)  # (B, T + 1)
            yield rows[:, :-1], rows[:, 1:]
        self._start, self._done = self.generator.get_state(), 0

    def state_dict(self) -> dict:
        """Where we are: the generator's state at the epoch's start and the batches done."""
        return {"generator": self._start.clone(), "done": self._done}

    def load_state_dict(self, state: dict) -> None:
        """Go on from `state`: next come the batches that were still to come.

        Raises: ValueError for a state of another length of epoch, KeyError for a missing part.
        """
        check.integer("state['done']", state["done"], 0, self.steps)
        self._start, self._done = state["generator"].clone(), state["done"]
        self.generator.set_state(self._start)
        for _ in range(self._done):
            torch.randint(len(self.tokens) - self.block, (self.batch_size, 1), generator=self.generator)
        self._resume = self._done > 0


def _checked(tokens: Tensor, block: int) -> int:
    check.tensor("tokens", tokens, ndim=1, kind="integer")
    check.integer("block", block, 1)
    if len(tokens) < block + 1:
        raise ValueError(
            f"tokens has {len(tokens)} ids, block={block} needs at least {block + 1}; "
            "give a longer text or a shorter block"
        )
    return len(tokens)
