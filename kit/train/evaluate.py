"""One pass over the data without learning: the mean loss, metrics, predictions.

evaluate  predict  accuracy  Meter
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from kit import check
from kit.shapes import Shaped
from kit.train.batch import apply, move, unpack

#: Outputs are kept until they hold this many numbers (64 MiB in float32), then scored.
CHUNK = 1 << 24
#: The same where all metrics are means and the outputs are on a CPU: 512 KiB, still in its cache.
MEAN_CHUNK = 1 << 17

Metric = Callable[..., object]


def evaluate(
    model: nn.Module,
    batches: Iterable,
    loss: Callable[..., Tensor] | None = None,
    *,
    metrics: Mapping[str, Metric] | None = None,
    device: torch.device | str | None = None,
) -> dict[str, float]:
    """Mean loss and metrics of a model over batches of `(inputs, targets)`.

    The model is put in evaluation mode and given back as it was, gradients are
    off, and the loss is averaged over samples, so a short last batch counts
    for what it holds. A metric is a function of (outputs, targets).

    Raises: TypeError or ValueError for batches of the wrong form, an empty
    iterable, or a loss or metric that is not a scalar. Lesson: 05
    """
    meter = Meter(metrics)
    device = torch.device(device) if device is not None else None
    losses: list[Tensor] = []
    counts: list[int] = []
    with evaluation(model), torch.no_grad():
        for batch in batches:
            inputs, targets, samples = unpack(batch, device)
            outputs = apply(model, inputs)
            counts.append(samples)
            if loss is not None:
                value = loss(outputs, targets)
                check_loss(value)
                losses.append(value)
            meter.add(outputs, targets, samples)
    if not counts:
        raise ValueError("batches is empty; give at least one batch of (inputs, targets)")
    # One wait for the device at the end, not one a batch.
    for value, samples in zip(torch.stack(losses).tolist() if losses else (), counts):
        meter.add_loss(value, samples)
    return meter.values()


def predict(
    model: nn.Module, batches: Iterable, *, device: torch.device | str | None = None
) -> Shaped[Tensor, "N ..."]:
    """The model's outputs for all batches, joined along the first dimension.

    A batch is a tensor of inputs or a pair (inputs, targets), whose targets
    are left aside; one tensor in place of `batches` is one batch.

    Raises: ValueError where there is no batch. Lesson: 05
    """
    device = torch.device(device) if device is not None else None
    outputs = []
    with evaluation(model), torch.no_grad():
        for batch in [batches] if isinstance(batches, Tensor) else batches:
            inputs = batch if isinstance(batch, Tensor) else batch[0]
            outputs.append(apply(model, inputs if device is None else move(inputs, device)))
    if not outputs:
        raise ValueError("batches is empty; give at least one batch of inputs")
    return torch.cat(outputs)


def accuracy(outputs: Shaped[Tensor, "N *any"], targets: Shaped[Tensor, "N *rest"]) -> float:
    """Share of targets that the largest output names.

    outputs: scores (N, ..., C); targets: class indices (N, ...), so tokens
    count one by one where there are several a sample. Lesson: 05
    """
    return (_argmax(outputs) == targets).double().mean().item()


accuracy.is_mean = True  # a mean over samples, so pieces of an epoch may be scored one by one


def _argmax(outputs: Tensor) -> Tensor:
    # numpy's is vectorized; PyTorch's takes three times as long on a CPU.
    if outputs.device.type == "cpu" and outputs.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.asarray(outputs.detach().numpy().argmax(-1)))
    return outputs.argmax(-1)


@contextlib.contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; afterwards every module is as it was.

    Each module's own flag is kept: a batch norm frozen for fine-tuning stays frozen. Lesson: 05
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def check_loss(loss: object) -> None:
    """Raise TypeError or ValueError where `loss` is no scalar tensor. Lesson: 05"""
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss={check.show(loss)} is not a tensor; compute the loss with torch operations")
    if loss.dim():
        raise ValueError(
            f"loss has shape {tuple(loss.shape)}, a scalar is needed; average it, as reduction='mean' does"
        )


class Meter:
    """Mean loss and metrics of one pass over the data.

    The loss is averaged over samples. A metric sees the outputs of the pass
    joined, so F1 or AUC is that of the whole epoch and not a mean over
    batches. Only past `CHUNK` numbers, or where a later batch has another
    shape, are outputs scored in pieces averaged by samples, which is still
    exact for every metric that is itself a mean. Where all say so by an
    attribute `is_mean`, pieces are as small as the processor's cache. Lesson: 05
    """

    def __init__(self, metrics: Mapping[str, Metric] | None = None):
        self.metrics = dict(metrics or {})
        for name, metric in self.metrics.items():
            if not callable(metric):
                raise TypeError(
                    f"metrics[{name!r}]={check.show(metric)} is not callable; "
                    "give a function of (outputs, targets)"
                )
        self.loss_sum, self.samples = 0.0, 0
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._sums = dict.fromkeys(self.metrics, 0.0)
        self._held = self._waiting = self._scored = 0
        means = all(getattr(metric, "is_mean", False) for metric in self.metrics.values())
        self._chunk = min(MEAN_CHUNK, CHUNK) if means else CHUNK  # a look at a GPU is a wait, so not there

    def add_loss(self, mean: float, samples: int) -> None:
        """Take in the mean loss of `samples` samples."""
        self.loss_sum += mean * samples
        self.samples += samples

    def add(self, outputs: object, targets: object, samples: int) -> None:
        """Take in the outputs of one batch; nothing is computed yet."""
        if not self.metrics:
            return
        if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
            raise TypeError(
                "metrics need outputs and targets that are tensors; "
                "let the model return one, or leave metrics out"
            )
        if self._outputs and outputs.shape[1:] != self._outputs[0].shape[1:]:
            self._score()
        self._outputs.append(outputs.detach())
        self._targets.append(targets)
        self._waiting += samples
        self._held += outputs.numel()
        if self._held >= (self._chunk if outputs.device.type == "cpu" else CHUNK):
            self._score()

    def values(self) -> dict[str, float]:
        """The mean loss (where there was one) and the metrics over everything taken in."""
        if self._outputs:
            self._score()
        values = {"loss": self.loss_sum / self.samples} if self.samples else {}
        return values | {name: total / self._scored for name, total in self._sums.items() if self._scored}

    def _score(self) -> None:
        outputs, targets = torch.cat(self._outputs), torch.cat(self._targets)
        for name, metric in self.metrics.items():
            value = metric(outputs, targets)
            try:
                self._sums[name] += float(value) * self._waiting
            except (TypeError, ValueError, RuntimeError):
                raise ValueError(
                    f"metrics[{name!r}] returned {check.show(value)}, a number is needed; reduce it to one"
                ) from None
        self._scored += self._waiting
        self._outputs, self._targets, self._held, self._waiting = [], [], 0, 0

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint in the middle of an epoch needs."""
        joined = [torch.cat(self._outputs), torch.cat(self._targets)] if self._outputs else []
        counts = [self.samples, self._waiting, self._scored]
        return {"loss_sum": self.loss_sum, "counts": counts, "sums": dict(self._sums), "joined": joined}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict()`."""
        self.loss_sum, self._sums = state["loss_sum"], dict(state["sums"])
        self.samples, self._waiting, self._scored = state["counts"]
        self._outputs, self._targets = state["joined"][:1], state["joined"][1:]
        self._held = self._outputs[0].numel() if self._outputs else 0
