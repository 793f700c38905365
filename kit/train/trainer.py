"""The training loop: any torch module, any iterable of batches, any optimizer.

trainer = Trainer(model, loss, optimizer, metrics={"accuracy": accuracy})
history = trainer.fit(batches, epochs=5, validation=validation_batches)
history["validation_loss"]

Trainer
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from kit.train.batch import apply, pick_device, unpack
from kit.train.border import check_batches, check_parts
from kit.train.callbacks import EVENTS, Progress, is_live
from kit.train.checkpoint import Checkpoints
from kit.train.evaluate import Meter, Metric, check_loss, evaluate
from kit.train.history import History
from kit.train.interrupt import FinishStepFirst
from kit.train.random_state import EpochStart
from kit.train.update import Update, not_finite

#: On a GPU losses stay there and are looked at every so many steps: each look is a wait for the device.
LOOK_EVERY = 50


class Trainer:
    """Trains a model: epochs, validation, history, callbacks, exact resume.

    model: any module; inputs that are a tuple or a mapping become its
        positional or keyword arguments.
    loss: function of (outputs, targets) with a scalar tensor as result.
    optimizer: built from the model's parameters.
    metrics: functions of (outputs, targets), computed once an epoch on the
        joined outputs, for the training batches and for the validation ones.
    callbacks: objects with any of the methods on_fit_start, on_epoch_start,
        on_step_end, on_epoch_end, on_interrupt, on_fit_end, each taking the
        trainer. They run in the order given, checkpoints last.
    update: precision, accumulation and clipping. device: where to train
        ("auto" picks); None leaves the model where it is. compile: True, or a
        backend's name, to run the model through `torch.compile`.

    Callbacks read `model`, `optimizer`, `history`, `epoch`, `epochs`, `step`
    (of the epoch) and `steps` (of an epoch, None where unknown), and may call
    `stop(reason)`.

    Raises: ValueError or TypeError for parts that do not fit together.
    Source: Goodfellow, Bengio and Courville 2016, Deep Learning, algorithm 8.1.
    Lesson: 05
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor],
        optimizer: torch.optim.Optimizer,
        *,
        metrics: Mapping[str, Metric] | None = None,
        callbacks: Sequence[object] = (),
        update: Update | None = None,
        device: torch.device | str | None = None,
        compile: bool | str = False,
    ):
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics, self.update = dict(metrics or {}), update or Update()
        check_parts(model, loss, optimizer, callbacks)
        self.device = next(model.parameters()).device if device is None else pick_device(device)
        if device is not None:
            model.to(self.device)
            optimizer.load_state_dict(optimizer.state_dict())  # moves its state beside the weights
        # Checkpoints come last: they save what the other callbacks have done.
        self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoints))
        self.history, self.meter = History(), Meter(self.metrics)
        self.epoch = self.epochs = self.step = 0
        self.steps: int | None = None
        self.batches: Iterable = ()
        self.resuming = False
        self.epoch_start: EpochStart | None = None
        self.scaler = self.update.scaler(self.device)
        backend = {"backend": compile} if isinstance(compile, str) else {}
        self._forward = torch.compile(model, **backend) if compile else model
        self._autocast = self.update.autocast(self.device)
        self._on_cpu = self.device.type == "cpu"
        self._unseen: list[tuple[Tensor, int]] = []  # losses still on the GPU
        self._hooks: dict[str, list[Callable]] = {}
        self.interrupted = self._updating = False

    def fit(
        self,
        batches: Iterable,
        *,
        epochs: int,
        validation: Iterable | None = None,
        resume: bool = False,
        progress: bool | None = None,
    ) -> History:
        """Train until `epochs` epochs are done; return what happened.

        Ctrl-C finishes the step under way, saves where there are `Checkpoints`
        and returns the history so far. `resume=True` goes on from the newest
        good checkpoint, or starts where there is none. `progress=None` shows a
        bar in a live session only. Afterwards the model is in evaluation mode.

        Raises: ValueError or TypeError for batches of the wrong form,
        LossNotFinite when the loss becomes NaN or infinite, OSError when a
        checkpoint cannot be written.
        """
        check_batches(batches, validation, epochs)
        bar = [Progress()] if (is_live() if progress is None else progress) else []
        everyone = bar + self.callbacks
        self._hooks = {event: [getattr(c, event) for c in everyone if hasattr(c, event)] for event in EVENTS}
        self.history, self.meter, self._unseen = History(), Meter(self.metrics), []
        self.epoch, self.epochs, self.step, self.epoch_start = 0, epochs, 0, None
        self.batches, self.resuming, self._updating = batches, resume, False
        self.steps = math.ceil(len(batches) / self.update.accumulate) if hasattr(batches, "__len__") else None
        saver = _saver(self.callbacks)
        if resume and saver is None:
            raise ValueError(
                "resume=True needs a folder to resume from; add Checkpoints(folder) to callbacks"
            )
        try:
            with FinishStepFirst(self):
                self.model.train()
                self._fire("on_fit_start")
                if resume:
                    saver.restore(self, batches)
                while len(self.history.epochs) < epochs and not self.history.stopped:
                    self._run_epoch(batches, validation)
                self.look()
        except KeyboardInterrupt:  # a second Ctrl-C, or one raised by a callback
            self._note_interrupt()
        finally:
            with contextlib.ExitStack() as stack:  # every one of them runs, even where one fails
                stack.callback(self.model.eval)
                for hook in reversed(self._hooks["on_fit_end"]):
                    stack.callback(hook, self)
        return self.history

    @property
    def total_steps(self) -> int:
        """Updates of the weights since the run began."""
        return len(self.history.steps) + len(self._unseen)

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the step under way; `history.stopped` will say why."""
        self.history.stopped = reason

    def _run_epoch(self, batches: Iterable, validation: Iterable | None) -> None:
        began = time.perf_counter()
        self.epoch = len(self.history.epochs) + 1
        if self.epoch_start is None:
            self.step, self.meter = 0, Meter(self.metrics)
            self._fire("on_epoch_start")
            self.epoch_start = EpochStart.of(batches, needed=_saver(self.callbacks) is not None)
            rest = iter(batches)
        else:  # resumed in the middle of an epoch
            rest = self.epoch_start.replay(batches, self.step * self.update.accumulate)
        on_step_end = self._hooks["on_step_end"]
        for group in self.update.groups(rest):
            self._updating = True
            self._update(group)
            self._updating = False
            for hook in on_step_end:
                hook(self)
            if self.interrupted:
                return self._note_interrupt()
            if self.history.stopped:
                return None
        if self.step == 0:
            raise ValueError("batches is empty; give at least one batch of (inputs, targets)")
        self.look()
        row = {"epoch": self.epoch, **self.meter.values()}
        if validation is not None:
            scores = evaluate(self.model, validation, self.loss, metrics=self.metrics, device=self._target())
            row |= {f"validation_{name}": value for name, value in scores.items()}
        self.history.epochs.append(row)
        self.history.seconds.append(time.perf_counter() - began)
        self.epoch_start = None
        self._fire("on_epoch_end")
        return self._note_interrupt() if self.interrupted else None

    def _update(self, group: list) -> None:
        """Forward, loss, backward, step: on one batch, or on several that count as one."""
        parts = [unpack(batch, self._target()) for batch in group]
        total = sum([samples for _, _, samples in parts])
        for options in self.optimizer.param_groups:  # zero_grad(), without its 8 us of profiler hooks
            for parameter in options["params"]:
                parameter.grad = None
        mean = 0.0
        for inputs, targets, samples in parts:
            with self._autocast:
                outputs = apply(self._forward, inputs)
                loss = self.loss(outputs, targets)
            check_loss(loss)
            value = loss.item() if self._on_cpu else loss.detach()
            if self._on_cpu and not math.isfinite(value):  # before backward: the weights stay good
                raise self._not_finite(value, self.step + 1, inputs, outputs)
            mean = value if samples == total else mean + value * (samples / total)
            loss = loss if samples == total else loss * (samples / total)
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
            self.meter.add(outputs, targets, samples)
        self.update.apply(self.model, self.optimizer, self.scaler)
        self.step += 1
        if self._on_cpu:
            self.history.steps.append(mean)
            self.meter.add_loss(mean, total)
        else:
            self._unseen.append((mean, total))
            if len(self._unseen) >= LOOK_EVERY:
                self.look()

    def look(self) -> None:
        """Bring losses still on the GPU into the history; stop at one not finite."""
        if not self._unseen:
            return
        means, counts = zip(*self._unseen)
        first = self.step - len(means) + 1
        self._unseen = []
        for i, (value, samples) in enumerate(zip(torch.stack(means).tolist(), counts)):
            if not math.isfinite(value):
                raise self._not_finite(value, first + i)
            self.history.steps.append(value)
            self.meter.add_loss(value, samples)

    def _not_finite(self, value: float, step: int, inputs=None, outputs=None) -> ValueError:
        parts = {"model": self.model, "optimizer": self.optimizer, "inputs": inputs, "outputs": outputs}
        return not_finite(value, epoch=self.epoch, step=step, **parts)

    def _target(self) -> torch.device | None:
        return None if self._on_cpu else self.device

    def _fire(self, event: str) -> None:
        for hook in self._hooks[event]:
            hook(self)

    def _note_interrupt(self) -> None:
        self.interrupted = False
        if not self._updating:  # half-updated weights are not worth saving
            self.look()
            self._fire("on_interrupt")
        self.history.stopped = f"interrupted in epoch {self.epoch} after step {self.step}"


def _saver(callbacks: Sequence[object]) -> Checkpoints | None:
    found = [callback for callback in callbacks if isinstance(callback, Checkpoints)]
    return found[0] if found else None
