"""One batch: take it apart, check its form, move it to the device.

pick_device  unpack  move  apply
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kit import check

_FORM = "give batches of (inputs, targets)"


def pick_device(name: str | torch.device | None = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then MPS, then the CPU.

    Raises: ValueError for a device this machine does not have. Lesson: 05
    """
    if name is None or str(name) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(
            f"device={str(name)!r} is not usable on this machine; choose 'auto' or 'cpu'"
        ) from None
    return device


def unpack(batch: object, device: torch.device | None = None) -> tuple[object, object, int]:
    """The `(inputs, targets, samples)` of a batch, moved to `device`.

    device: None leaves the tensors where they are.

    Samples are counted along the first dimension of the targets, or of the
    inputs where the targets have none.

    Raises: TypeError for a batch that is no pair, ValueError for a pair of the
    wrong length or without samples. Lesson: 05
    """
    if not isinstance(batch, (tuple, list)):
        raise TypeError(f"batch={check.show(batch)} is not a pair; {_FORM}")
    if len(batch) == 1:
        raise ValueError(
            f"batch has 1 part, so the data is unlabelled; {_FORM}, or (inputs, inputs) to reconstruct"
        )
    if len(batch) != 2:
        raise ValueError(f"batch has {len(batch)} parts, 2 are needed; {_FORM}, several inputs as one tuple")
    inputs, targets = batch
    samples = _count(targets) or _count(inputs)
    if not samples or targets is None:
        _reject(inputs, targets)
    if device is not None:
        inputs, targets = move(inputs, device), move(targets, device)
    return inputs, targets, samples


def _count(value: object) -> int:
    """Length of the first dimension of the first tensor found; 0 where there is none."""
    if isinstance(value, Tensor):
        return value.shape[0] if value.dim() else 0
    if isinstance(value, Mapping):
        value = list(value.values())
    return next(filter(None, map(_count, value)), 0) if isinstance(value, (tuple, list)) else 0


def _reject(inputs: object, targets: object) -> None:
    if targets is None:
        raise ValueError(f"targets=None, so the data is unlabelled; {_FORM}")
    for name, value in (("inputs", inputs), ("targets", targets)):
        if not isinstance(value, (Tensor, Mapping, tuple, list)):
            raise TypeError(
                f"{name}={check.show(value)} is not a tensor; convert it with torch.as_tensor({name})"
            )
    raise ValueError(
        f"inputs={check.show(inputs)} and targets={check.show(targets)} hold no samples; "
        "leave empty batches out"
    )


def move(value: object, device: torch.device) -> object:
    """`value` with every tensor inside it on `device`, without waiting for the copy.

    Lesson: 05
    """
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {name: move(part, device) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(move(part, device) for part in value)
    return value


def apply(model: nn.Module, inputs: object) -> object:
    """Call the model on the inputs of a batch.

    A mapping becomes keyword arguments, a tuple or list positional ones.

    Lesson: 05
    """
    if isinstance(inputs, Tensor):
        return model(inputs)
    return model(**inputs) if isinstance(inputs, Mapping) else model(*inputs)
