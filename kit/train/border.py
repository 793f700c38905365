"""Checks of what a trainer is given, made once before the loop.

check_parts  check_batches
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kit import check
from kit.train.callbacks import EVENTS


def check_parts(model: object, loss: object, optimizer: object, callbacks: Sequence[object]) -> None:
    """Raise TypeError or ValueError unless these can train together. Lesson: 05"""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model={check.show(model)} is not a module; give a torch.nn.Module")
    if not callable(loss):
        raise TypeError(f"loss={check.show(loss)} is not callable; give a function of (outputs, targets)")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer={check.show(optimizer)} is not an optimizer; give a torch.optim.Optimizer"
        )
    own = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    if not own:
        raise ValueError(f"model={type(model).__name__} has no parameter to train; set requires_grad on some")
    if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("optimizer holds no parameter of model; build it from model.parameters()")
    for callback in callbacks:
        names = [name for name in dir(callback) if name.startswith("on_")]
        for name in names:
            check.one_of(f"method of callback {type(callback).__name__}", name, EVENTS)
        if not names:
            raise TypeError(
                f"callback={check.show(callback)} has no on_... method; give it one of {', '.join(EVENTS)}"
            )


def check_batches(batches: object, validation: object, epochs: int) -> None:
    """Raise TypeError or ValueError for what cannot be read `epochs` times.

    Lesson: 05
    """
    check.integer("epochs", epochs, 1)
    for name, value in (("batches", batches), ("validation", validation)):
        if name == "validation" and value is None:
            continue
        if isinstance(value, Tensor) or not hasattr(value, "__iter__"):
            raise TypeError(
                f"{name}={check.show(value)} is not an iterable of batches; give a loader or a list"
            )
        if hasattr(value, "__len__") and len(value) == 0:
            raise ValueError(f"{name} is empty; give at least one batch of (inputs, targets)")
        if epochs > 1 and hasattr(value, "__next__"):
            raise ValueError(f"{name} can be read only once but epochs={epochs}; give a loader or a list")
