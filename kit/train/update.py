"""How one update of the weights is made: precision, accumulation, clipping.

Update  LossNotFinite  not_finite
"""

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from kit import check

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class LossNotFinite(ValueError):
    """The training loss became NaN or infinite.

    epoch, step: where, both counted from 1.

    Lesson: 05
    """

    def __init__(self, message: str, epoch: int, step: int):
        super().__init__(message)
        self.epoch, self.step = epoch, step


@dataclass(frozen=True)
class Update:
    """How one update of the weights is made.

    precision: "fp32", or "bf16"/"fp16" to run the forward pass under autocast
        (fp16 with a scaled loss, so that small gradients do not vanish).
    accumulate: batches whose gradients are added up before the weights move.
        Each batch weighs what it holds, so the result is that of one big batch.
    clip: largest allowed norm of all gradients together; None for no limit.

    Raises: ValueError or TypeError for a value out of range.
    Source: Micikevicius et al. 2018, Mixed Precision Training, section 3;
    Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent
    neural networks, algorithm 1. Lesson: 05
    """

    precision: str = "fp32"
    accumulate: int = 1
    clip: float | None = None

    def __post_init__(self):
        check.one_of("precision", self.precision, ("fp32", *_DTYPES))
        check.integer("accumulate", self.accumulate, 1)
        if self.clip is not None:
            check.number("clip", self.clip, above=0)

    def groups(self, batches: Iterable) -> Iterator[list]:
        """Batches in lists of `accumulate`, one list an update; the last may be shorter."""
        iterator = iter(batches)
        while group := list(islice(iterator, self.accumulate)):
            yield group

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        """The context of the forward pass; it may be entered again and again.

        Raises: ValueError for bf16 on a GPU without it.
        """
        if self.precision == "fp32":
            return contextlib.nullcontext()
        gpu = device.type == "cuda"
        # Emulated bf16 (on a T4, for one) is slower than float32.
        if self.precision == "bf16" and gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
            name = torch.cuda.get_device_name(device)
            raise ValueError(f"precision='bf16' is not native on {name}; use precision='fp16'")
        return torch.autocast(device.type, dtype=_DTYPES[self.precision])

    def scaler(self, device: torch.device) -> torch.amp.GradScaler | None:
        """The loss scaler that fp16 needs; None for the other precisions."""
        return torch.amp.GradScaler(device.type) if self.precision == "fp16" else None

    def apply(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler=None) -> None:
        """Clip the gradients if asked to, then let the optimizer move the weights."""
        if self.clip is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), self.clip)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()


def not_finite(
    value: float,
    *,
    epoch: int,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: object = None,
    outputs: object = None,
) -> LossNotFinite:
    """The error for a NaN or infinite loss: where it happened, why, what to try.

    Lesson: 05
    """
    rate = float(optimizer.param_groups[0].get("lr", math.nan))
    if not finite(inputs):
        cause = "the inputs of this batch hold NaN or infinity, so clean the data"
    elif not finite(outputs) or not finite(list(model.parameters())):
        cause = (
            f"the model has diverged, so lower the learning rate (now {rate:g}) or clip the gradients "
            "with Update(clip=1.0)"
        )
    else:
        cause = "the model's outputs are finite, so look at this batch's targets and at the loss function"
    return LossNotFinite(
        f"loss={value} at epoch {epoch}, step {step}, a finite loss is needed; {cause}", epoch, step
    )


def finite(value: object) -> bool:
    """Whether every floating-point tensor inside `value` is free of NaN and infinity.

    Lesson: 05
    """
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if isinstance(value, dict):
        value = list(value.values())
    return all(map(finite, value)) if isinstance(value, (tuple, list)) else True
