"""Losses of classes, from logits or log-probabilities, in nats.

bce_with_logits  nll  cross_entropy  sequence_cross_entropy  distillation
BCEWithLogitsLoss  NLLLoss  CrossEntropyLoss
"""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers import fused, log_softmax
from kit.losses.reduction import REDUCTIONS, check_pair, reduce
from kit.shapes import Float, Int, Num, Tensor


def bce_with_logits(
    logits: Float[Tensor, "*B"],
    target: Num[Tensor, "*B"],
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """Binary cross-entropy −[y log p + (1 − y) log(1 − p)], in nats.

    p = sigmoid(logits). Computed as (1 − y) z + (1 + (w − 1) y) log(1 + e⁻ᶻ), which never takes the
    logarithm of a rounded 0.

    Args:
        logits: z, any shape.
        target: y in [0, 1], same shape and a float dtype.
        weight: factor per entry, broadcast to the shape of `logits`.
        pos_weight: w, factor of the positive part, broadcast likewise.
        reduction: "mean", "sum" or "none".

    Raises:
        TypeError: `target` is not of a floating dtype.
        ValueError: the shapes differ, or the reduction is unknown.

    Lesson: 03
    """
    check_pair("logits", logits, target, reduction)
    check.tensor("target", target, kind="float")
    if fused():
        return F.binary_cross_entropy_with_logits(
            logits, target, weight, pos_weight=pos_weight, reduction=reduction
        )
    negative_log_p = torch.logaddexp(-logits, torch.zeros_like(logits))  # log(1 + e^-z)
    factor = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    loss = (1 - target) * logits + factor * negative_log_p
    return reduce(loss if weight is None else loss * weight, reduction)


def nll(
    log_p: Float[Tensor, "..."],
    target: Num[Tensor, "..."],
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """Negative log-likelihood −log p of the target class, in nats.

    Args:
        log_p: log-probabilities, (B, C) or (B, C, ...) or (C,).
        target: class numbers, int64, the shape of `log_p` without C.
        weight: factor per class, (C,). "mean" divides by the sum of the factors used.
        ignore_index: a target value that counts for nothing.
        reduction: "mean", "sum" or "none". The mean of nothing is NaN, as in torch.

    Raises:
        TypeError: `target` is not int64 (or uint8).
        ValueError: a shape does not fit, a class is outside [0, C), or the reduction
            is unknown.

    Lesson: 03
    """
    _check_classes("log_p", log_p, target, weight, reduction)
    try:
        if fused():
            return F.nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
        return _class_loss(log_p, target, weight, ignore_index, 0.0, reduction)
    except IndexError:
        raise _out_of_range("log_p", log_p, target) from None


def cross_entropy(
    logits: Float[Tensor, "..."],
    target: Num[Tensor, "..."],
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """Cross-entropy −Σ q log softmax(logits) over the classes, in nats.

    q is 1 for the target class; label smoothing ε makes it (1 − ε) there plus ε/C
    everywhere. A float target of the logits' shape is taken as q itself.

    Args:
        logits: (B, C) or (B, C, ...) or (C,).
        target: class numbers, int64, the shape of `logits` without C; or
            probabilities of the shape of `logits`.
        weight: factor per class, (C,). "mean" divides by the sum of the factors used.
        ignore_index: a class number that counts for nothing.
        label_smoothing: ε in [0, 1].
        reduction: "mean", "sum" or "none". The mean of nothing is NaN, as in torch.

    Raises:
        TypeError: the dtype of `target` fits neither form.
        ValueError: a shape does not fit, a class is outside [0, C), ε is outside
            [0, 1], or the reduction is unknown.

    Source: Szegedy et al. 2015, arXiv:1512.00567, section 7 (label smoothing). Lesson: 03
    """
    check.probability("label_smoothing", label_smoothing)
    soft = target.is_floating_point() and target.shape == logits.shape
    if soft:
        check_pair("logits", logits, target, reduction)
        _check_weight("logits", logits, weight)
    else:
        _check_classes("logits", logits, target, weight, reduction)
    try:
        if fused():
            return F.cross_entropy(
                logits,
                target,
                weight,
                ignore_index=ignore_index,
                reduction=reduction,
                label_smoothing=label_smoothing,
            )
        log_p = log_softmax(logits, dim=_class_dim(logits))
        if soft:
            return _soft_class_loss(log_p, target, weight, label_smoothing, reduction)
        return _class_loss(log_p, target, weight, ignore_index, label_smoothing, reduction)
    except IndexError:  # torch's word for a class outside [0, C)
        raise _out_of_range("logits", logits, target) from None


def sequence_cross_entropy(
    logits: Float[Tensor, "B T V"], target: Int[Tensor, "B T"], *, ignore_index: int = -100
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the tokens that count, in nats per token.

    Every token weighs the same, whatever the length of its text: the mean is over the
    tokens of the batch, not over means of texts.

    Args:
        logits: one row of V scores per position.
        target: the token that should stand there, 0..V-1, or `ignore_index` (padding,
            or a place that is not to be predicted).
        ignore_index: the target that counts for nothing. The mean of nothing is NaN.

    Raises:
        TypeError: a dtype does not fit.
        ValueError: a shape does not fit, or a token is outside the vocabulary.

    Lesson: 08
    """
    check.tensor("logits", logits, ndim=3, kind="float")
    check.tensor("target", target, ndim=2, kind="integer")
    if target.shape != logits.shape[:2]:
        raise ValueError(
            f"target has shape {tuple(target.shape)}, {tuple(logits.shape[:2])} is needed for logits of "
            f"shape {tuple(logits.shape)}; give one token per position"
        )
    return cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=ignore_index)


def distillation(
    student: Float[Tensor, "B C"], teacher: Float[Tensor, "B C"], *, temperature: float = 2.0
) -> Float[Tensor, ""]:
    """T² · KL(softmax(teacher/T) ‖ softmax(student/T)), the mean over samples, in nats.

    T above 1 shows what the teacher thinks of the wrong classes. Gradients shrink by 1/T²,
    hence the factor: the weight beside the loss on true labels then need not change with T.

    Args:
        student, teacher: finite logits. The teacher receives no gradient.
        temperature: T above 0.

    Raises:
        TypeError: the logits are not of a floating dtype.
        ValueError: the shapes differ, or T is not above 0.

    Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2. Lesson: 13
    """
    check.tensor("student", student, ndim=2, kind="float")
    check.tensor("teacher", teacher, kind="float")
    check.same_shape("student", student, "teacher", teacher)
    check.number("temperature", temperature, above=0)
    log_q = log_softmax(student / temperature)
    log_p = log_softmax(teacher.detach() / temperature)
    if fused():
        divergence = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    else:
        divergence = (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    return divergence * temperature**2


def _class_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float, reduction: str
) -> Tensor:
    dim = _class_dim(log_p)
    classes = log_p.shape[dim]
    target = target.long()
    counted = target != ignore_index
    if (counted & ((target < 0) | (target >= classes))).any():
        raise IndexError  # as the kernel does
    index = torch.where(counted, target, 0)
    w = log_p.new_ones(classes) if weight is None else weight
    w_target = torch.where(counted, w[index], 0.0)  # (B, ...)
    # where, not a product: an ignored -inf must give 0, not NaN.
    chosen = log_p.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    loss = -w_target * torch.where(counted, chosen, 0.0)
    if smoothing:
        spread = -(log_p * w.view(-1, *(1,) * (log_p.ndim - dim - 1))).sum(dim) / classes
        loss = (1 - smoothing) * loss + smoothing * torch.where(counted, spread, 0.0)
    if reduction == "mean":
        return loss.sum() / w_target.sum()
    return reduce(loss, reduction)


def _soft_class_loss(
    log_p: Tensor, q: Tensor, weight: Tensor | None, smoothing: float, reduction: str
) -> Tensor:
    dim = _class_dim(log_p)
    classes = log_p.shape[dim]
    q = q * (1 - smoothing) + smoothing / classes
    if weight is not None:
        q = q * weight.view(-1, *(1,) * (log_p.ndim - dim - 1))
    loss = -(q * log_p).sum(dim)
    # The mean is over samples, not over the classes of each.
    return loss.mean() if reduction == "mean" else reduce(loss, reduction)


def _class_dim(x: Tensor) -> int:
    return 0 if x.ndim == 1 else 1


def _check_weight(name: str, x: Tensor, weight: Tensor | None) -> None:
    classes = x.shape[_class_dim(x)]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}, {name} has {classes} classes; give one factor per class"
        )


def _check_classes(name: str, x: Tensor, target: Tensor, weight: Tensor | None, reduction: str) -> None:
    check.one_of("reduction", reduction, REDUCTIONS)
    check.tensor(name, x, kind="float")
    if x.ndim == 0:
        raise ValueError(f"{name} has shape (), a dimension of classes is needed; reshape it to (B, C)")
    dim = _class_dim(x)
    wanted = tuple(x.shape[:dim] + x.shape[dim + 1 :])
    if tuple(target.shape) != wanted:
        raise ValueError(
            f"target has shape {tuple(target.shape)}, {wanted} is needed for {name} of shape "
            f"{tuple(x.shape)}; give one class number per prediction"
        )
    if target.dtype not in (torch.int64, torch.uint8):
        raise TypeError(f"target has dtype {target.dtype}, class numbers are needed; use target.long()")
    _check_weight(name, x, weight)


def _out_of_range(name: str, x: Tensor, target: Tensor) -> ValueError:
    return ValueError(
        f"target has class numbers from {int(target.min())} to {int(target.max())}, {name} has "
        f"{x.shape[_class_dim(x)]} classes; number them from 0 or widen the last layer"
    )


class BCEWithLogitsLoss(nn.Module):
    """`bce_with_logits` as a module; weights are buffers, as in torch. Lesson: 03"""

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ):
        super().__init__()
        check.one_of("reduction", reduction, REDUCTIONS)
        self.reduction = reduction
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return bce_with_logits(
            logits, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class NLLLoss(nn.Module):
    """`nll` as a module; the class weights are a buffer, as in torch. Lesson: 03"""

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"):
        super().__init__()
        check.one_of("reduction", reduction, REDUCTIONS)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.register_buffer("weight", weight)

    def forward(self, log_p: Tensor, target: Tensor) -> Tensor:
        return nll(
            log_p, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(nn.Module):
    """`cross_entropy` as a module; the class weights are a buffer, as in torch.

    Raises:
        TypeError, ValueError: label smoothing is not in [0, 1], or the reduction is
            unknown.

    Lesson: 03
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        check.one_of("reduction", reduction, REDUCTIONS)
        check.probability("label_smoothing", label_smoothing)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            logits,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )
