"""The switch between PyTorch's fused kernels and the formulas.

    fused()        -> True: the kernels run (the default)
    with fused(False): ...    every layer, loss and optimizer of kit runs its formula

The switch is local to the context (thread, asyncio task, notebook cell), so one
reader's experiment never changes another's numbers.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import overload

import torch

_FUSED: ContextVar[bool] = ContextVar("kit.layers.fused", default=True)


@overload
def fused() -> bool: ...
@overload
def fused(on: bool) -> AbstractContextManager[None]: ...
def fused(on: bool | None = None) -> bool | AbstractContextManager[None]:
    """Ask whether fused kernels are on, or switch them in a `with` block.

    Both settings give the same numbers up to rounding; only speed and memory
    differ. Code under `torch.compile` or `torch.export` always uses the kernels:
    the compiler fuses the operations by itself.

    Args:
        on: None asks; True or False returns the context manager that sets it.

    Raises:
        TypeError: `on` is neither None, True nor False.

    Lesson: 03
    """
    if on is None:
        return torch.compiler.is_compiling() or _FUSED.get()
    if not isinstance(on, bool):
        raise TypeError(f"on={on!r} is not a truth value; write fused(True), fused(False) or fused()")
    return _switched(on)


@contextmanager
def _switched(on: bool) -> Iterator[None]:
    token = _FUSED.set(on)
    try:
        yield
    finally:
        _FUSED.reset(token)
