"""Checkpoints: a run that was cut anywhere goes on as if it had not been.

Checkpoints  capture  restore
"""

import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from kit import check
from kit.train.folder_lock import FolderLock, sync_folder
from kit.train.history import History
from kit.train.random_state import EpochStart
from kit.train.update import finite

FORMAT = 1
CURRENT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"


class Checkpoints:
    """Callback that saves the whole state of a run, and resumes it exactly.

    folder: where `checkpoint.pt` and the one before it are kept.
    every_epochs, every_steps: how often to save; None for never.
    also: further objects with a state (`state_dict`, or `get_state` as a
        `torch.Generator` has), by name.

    A save is atomic: a temporary file, flushed to the disk, then renamed, with
    the checkpoint before kept. Weights that hold NaN are never saved. A
    checkpoint holds the model, optimizer, loss scaler, callbacks, loader,
    history and every random state, so on the CPU a resumed run ends with the
    same bits as one that was never cut.

    Raises: RuntimeError where another run writes the folder, ValueError for a
    folder that holds another run's checkpoint, OSError where writing fails.
    Lesson: 05
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        also: Mapping[str, object] | None = None,
    ):
        for name, every in (("every_epochs", every_epochs), ("every_steps", every_steps)):
            if every is not None:
                check.integer(name, every, 1)
        self.folder = Path(folder)
        self.every_epochs, self.every_steps, self.also = every_epochs, every_steps, dict(also or {})
        self._lock, self._own, self._saved = FolderLock(self.folder), False, None

    def on_fit_start(self, trainer) -> None:
        """Take the folder, before any time is spent on training."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from error
        holds = any((self.folder / name).exists() for name in (CURRENT, PREVIOUS))
        if holds and not trainer.resuming and not self._own:
            raise ValueError(
                f"folder={str(self.folder)!r} already holds a checkpoint; pass resume=True to go on from it, "
                "or choose another folder"
            )
        self._saved = None

    def on_step_end(self, trainer) -> None:
        """Save every `every_steps` updates."""
        if self.every_steps and trainer.total_steps % self.every_steps == 0:
            self.save(trainer)

    def on_epoch_end(self, trainer) -> None:
        """Save every `every_epochs` epochs, and at the last one."""
        last = trainer.epoch == trainer.epochs or trainer.history.stopped
        if self.every_epochs and (trainer.epoch % self.every_epochs == 0 or last):
            self.save(trainer)

    def on_interrupt(self, trainer) -> None:
        """Save where the run was interrupted."""
        self.save(trainer)

    def on_fit_end(self, trainer) -> None:
        """Give the folder up."""
        self._lock.release()

    def save(self, trainer) -> None:
        """Write a checkpoint now.

        Raises: OSError where that fails, ValueError for weights that are not finite.
        """
        trainer.look()  # a NaN loss on the GPU is found before anything is written
        here = (len(trainer.history.epochs), trainer.total_steps)
        if here == self._saved:
            return
        state = capture(trainer, self.also)
        if not finite(state["model"]):
            raise ValueError(
                f"weights hold NaN or infinity at epoch {trainer.epoch}, step {trainer.step}; "
                "no checkpoint was written, the last good one is kept; "
                "lower the learning rate or use Update(clip=1.0)"
            )
        self._write(state)
        self._own, self._saved = True, here

    def load(self) -> dict[str, object] | None:
        """The newest checkpoint that can be read; None where there is none.

        A damaged one is left aside with a warning. Raises: ValueError where
        all are damaged, or where one was written by a later version.
        """
        damaged = []
        for path in (self.folder / CURRENT, self.folder / PREVIOUS):
            if not path.exists():
                continue
            try:
                state = _read(path)
            except Exception as error:  # every way a broken file can fail to be read
                damaged.append(f"{path.name} ({type(error).__name__})")
                continue
            if state.get("format") != FORMAT:
                raise ValueError(
                    f"format={state.get('format')} of {path.name} is not {FORMAT}; use the kit that wrote it"
                )
            if damaged or path.name == PREVIOUS:
                why = f"{damaged[0]} is damaged" if damaged else f"{CURRENT} is missing"
                warnings.warn(f"{why}; going on from {path.name}", stacklevel=2)
            return state
        if damaged:
            raise ValueError(
                f"folder={str(self.folder)!r} holds no checkpoint that can be read: {', '.join(damaged)}; "
                "empty the folder to start anew"
            )
        return None

    def restore(self, trainer, batches: Iterable) -> None:
        """Set the trainer and the loader to the newest good checkpoint, if there is one."""
        state = self.load()
        if state is not None:
            restore(trainer, batches, state, self.also)
            self._saved = (len(trainer.history.epochs), trainer.total_steps)

    def _write(self, state: dict[str, object]) -> None:
        temporary = self.folder / "checkpoint.writing.pt"
        try:
            with open(temporary, "wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            if (self.folder / CURRENT).exists():
                os.replace(self.folder / CURRENT, self.folder / PREVIOUS)
            os.replace(temporary, self.folder / CURRENT)
            sync_folder(self.folder)
        except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
            temporary.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> OSError:
        cause = error
        while not isinstance(cause, OSError) and (cause.__cause__ or cause.__context__):
            cause = cause.__cause__ or cause.__context__
        why = getattr(cause, "strerror", None) or type(error).__name__
        return OSError(
            f"folder={str(self.folder)!r} cannot be written ({why}); free space or choose another folder, "
            "the last good checkpoint is kept"
        )


def _read(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()  # torch.load itself does not look at the checksums
        if broken:
            raise zipfile.BadZipFile(broken)
    return torch.load(path, map_location="cpu", weights_only=True)


def capture(trainer, also: Mapping[str, object] | None = None) -> dict[str, object]:
    """The whole state of a run: tensors, numbers, text, and lists and dicts of them.

    Lesson: 05
    """
    start = trainer.epoch_start
    return {
        "format": FORMAT,
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "optimizer_name": type(trainer.optimizer).__name__,
        "scaler": trainer.scaler.state_dict() if trainer.scaler else None,
        "callbacks": [(type(c).__name__, c.state_dict()) for c in _stateful(trainer)],
        "also": {name: _state_of(thing) for name, thing in (also or {}).items()},
        "history": asdict(trainer.history),
        "meter": trainer.meter.state_dict(),
        "step": trainer.step if start else 0,
        "steps": trainer.steps,
        "epoch_start": vars(start) if start else None,
        "now": vars(EpochStart.of(trainer.batches)),
    }


def restore(trainer, batches: Iterable, state: dict, also: Mapping[str, object] | None = None) -> None:
    """Set a trainer and its loader to a captured state.

    Raises: ValueError where the state is that of another model, optimizer,
    set of callbacks or loader; nothing has been changed then. Lesson: 05
    """
    also = also or {}
    _same_model(trainer.model.state_dict(), state["model"])
    callbacks = _stateful(trainer)
    for name, now, then in (
        ("optimizer", type(trainer.optimizer).__name__, state["optimizer_name"]),
        ("callbacks", [type(c).__name__ for c in callbacks], [name for name, _ in state["callbacks"]]),
        ("steps of an epoch", trainer.steps, state["steps"]),
        ("also", sorted(also), sorted(state["also"])),
        ("loss scaler", trainer.scaler is not None, state["scaler"] is not None),
    ):
        if now != then:
            raise ValueError(
                f"{name}={now}, the checkpoint was made with {then}; resume with the same set-up"
            )
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    if trainer.scaler:
        trainer.scaler.load_state_dict(state["scaler"])
    for callback, (_, stored) in zip(callbacks, state["callbacks"]):
        callback.load_state_dict(stored)
    for name, thing in also.items():
        (getattr(thing, "load_state_dict", None) or thing.set_state)(state["also"][name])
    trainer.history = History(**state["history"])
    trainer.meter.load_state_dict(state["meter"])
    trainer.epoch, trainer.step = len(trainer.history.epochs), state["step"]
    trainer.epoch_start = EpochStart(**state["epoch_start"]) if state["epoch_start"] else None
    EpochStart(**state["now"]).put_back(batches)


def _same_model(now: Mapping, then: Mapping) -> None:
    parts = {
        "missing in the checkpoint": [key for key in now if key not in then],
        "only in the checkpoint": [key for key in then if key not in now],
        "of another shape": [
            f"{key} {tuple(then[key].shape)} for {tuple(now[key].shape)}"
            for key in now
            if key in then and now[key].shape != then[key].shape
        ],
    }
    found = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in parts.items() if keys)
    if found:
        raise ValueError(f"checkpoint is of another model, {found}; build the model it was made with")


def _stateful(trainer) -> list:
    return [callback for callback in trainer.callbacks if hasattr(callback, "state_dict")]


def _state_of(thing: object) -> object:
    return thing.state_dict() if hasattr(thing, "state_dict") else thing.get_state()
