"""Losses of numbers: squared and absolute error.

mse  mae  MSELoss  L1Loss
"""

from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers import fused
from kit.losses.reduction import REDUCTIONS, check_pair, reduce
from kit.shapes import Float, Tensor


def mse(prediction: Tensor, target: Tensor, *, reduction: str = "mean") -> Float[Tensor, "..."]:
    """Mean squared error (prediction − target)², in squared units of the target.

    Args:
        prediction, target: float tensors of one shape.
        reduction: "mean" and "sum" give a scalar, "none" the shape of the input.

    Raises:
        ValueError: the shapes differ, or the reduction is unknown.

    Lesson: 03
    """
    check_pair("prediction", prediction, target, reduction)
    if fused():
        return F.mse_loss(prediction, target, reduction=reduction)
    return reduce((prediction - target) ** 2, reduction)


def mae(prediction: Tensor, target: Tensor, *, reduction: str = "mean") -> Float[Tensor, "..."]:
    """Mean absolute error |prediction − target|, in units of the target.

    Args:
        prediction, target: float tensors of one shape.
        reduction: "mean" and "sum" give a scalar, "none" the shape of the input.

    Raises:
        ValueError: the shapes differ, or the reduction is unknown.

    Lesson: 03
    """
    check_pair("prediction", prediction, target, reduction)
    if fused():
        return F.l1_loss(prediction, target, reduction=reduction)
    return reduce((prediction - target).abs(), reduction)


class MSELoss(nn.Module):
    """`mse` as a module; raises ValueError for an unknown reduction. Lesson: 03"""

    def __init__(self, *, reduction: str = "mean"):
        super().__init__()
        check.one_of("reduction", reduction, REDUCTIONS)
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return mse(prediction, target, reduction=self.reduction)


class L1Loss(nn.Module):
    """`mae` as a module; raises ValueError for an unknown reduction. Lesson: 03"""

    def __init__(self, *, reduction: str = "mean"):
        super().__init__()
        check.one_of("reduction", reduction, REDUCTIONS)
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return mae(prediction, target, reduction=self.reduction)
