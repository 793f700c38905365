"""What all losses share: how they reduce, and the check of a prediction and its target.

reduce  check_pair  REDUCTIONS
"""

import torch

from kit import check
from kit.shapes import Float, Tensor

REDUCTIONS = ("mean", "sum", "none")


def reduce(loss: Float[Tensor, "..."], reduction: str) -> Float[Tensor, "..."]:
    """The mean, the sum, or the entries themselves.

    Lesson: 03
    """
    return {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction](loss)


def check_pair(name: str, prediction: Tensor, target: Tensor, reduction: str) -> None:
    """Raise unless `prediction` is float, has the target's shape, and the reduction is known.

    Lesson: 03
    """
    check.one_of("reduction", reduction, REDUCTIONS)
    check.tensor(name, prediction, kind="float")
    check.same_shape(name, prediction, "target", target)
