"""What happens around the steps: progress, early stop, schedules, live curves, tracking.

A callback is any object with some of these methods, each taking the trainer:

    on_fit_start  on_epoch_start  on_step_end  on_epoch_end
    on_interrupt (after Ctrl-C)   on_fit_end (always, also after an error)

    Progress  EarlyStop  LearningRateSchedule  LiveCurve  Tracker
"""

import math
import os
import sys
import time
from collections.abc import Callable

from kit import check
from kit.train.history import History

EVENTS = ("on_fit_start", "on_epoch_start", "on_step_end", "on_epoch_end", "on_interrupt", "on_fit_end")


def is_live() -> bool:
    """Whether someone is watching: a terminal or a notebook, and not `KIT_STATIC=1`.

    Lesson: 05
    """
    if os.environ.get("KIT_STATIC", "") not in ("", "0"):
        return False
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel") or (sys.stderr is not None and sys.stderr.isatty())


class Progress:
    """A bar on stderr, redrawn at most ten times a second. Lesson: 05"""

    def __init__(self, *, width: int = 20, interval: float = 0.1):
        self.width, self.interval = width, interval
        self._drawn = self._began = 0.0
        self._steps = self._longest = 0

    def on_fit_start(self, trainer) -> None:
        """Start the clock."""
        self._drawn = self._began = time.perf_counter()
        self._steps = self._longest = 0

    def on_step_end(self, trainer) -> None:
        """Redraw, if the last time is long enough ago."""
        self._steps += 1
        now = time.perf_counter()
        if now - self._drawn >= self.interval:
            self._drawn = now
            self._draw(trainer)

    def on_epoch_end(self, trainer) -> None:
        """Redraw with the epoch's values."""
        self._draw(trainer)

    def on_fit_end(self, trainer) -> None:
        """Leave the line."""
        if self._longest:
            sys.stderr.write("\n")

    def _draw(self, trainer) -> None:
        done = trainer.step / trainer.steps if trainer.steps else 0.0
        bar = ("#" * round(self.width * done)).ljust(self.width, "-")
        of = f"/{trainer.steps}" if trainer.steps else ""
        history = trainer.history
        values = {"loss": history.steps[-1]} if history.steps else {}
        if history.epochs:
            values |= {
                name: value for name, value in history.epochs[-1].items() if name not in ("epoch", "loss")
            }
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        rate = self._steps / max(time.perf_counter() - self._began, 1e-9)
        line = (
            f"epoch {trainer.epoch}/{trainer.epochs} [{bar}] {trainer.step}{of}  {shown}  {rate:.0f} steps/s"
        )
        self._longest = max(self._longest, len(line))
        sys.stderr.write("\r" + line.ljust(self._longest))
        sys.stderr.flush()


class EarlyStop:
    """Stops when a value no longer improves; brings the best weights back.

    monitor: a name in `history.epochs`. patience: epochs to wait for a better
    value. mode: "min" or "max". min_delta: how
    much better counts as better. restore: end with the best epoch's weights.

    Raises: ValueError where the monitored value is not recorded.
    Source: Prechelt 1998, Early Stopping - But When?, criterion UP. Lesson: 05
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        *,
        patience: int = 5,
        mode: str = "min",
        min_delta: float = 0.0,
        restore: bool = True,
    ):
        check.integer("patience", patience, 1)
        check.one_of("mode", mode, ("min", "max"))
        check.number("min_delta", min_delta, 0)
        self.monitor, self.patience, self.mode = monitor, patience, mode
        self.min_delta, self.restore = min_delta, restore
        self._forget()

    def on_fit_start(self, trainer) -> None:
        """Forget an earlier fit."""
        self._forget()

    def on_epoch_end(self, trainer) -> None:
        """Compare with the best so far; stop when patience is at its end."""
        value = recorded(trainer.history, self.monitor)
        gain = (self.best - value) if self.mode == "min" else (value - self.best)
        # NaN is never better: every comparison with it is false.
        if gain > self.min_delta or (self.best_epoch == 0 and not math.isnan(value)):
            self.best, self.best_epoch, self.waited = value, trainer.epoch, 0
            if self.restore:
                self.weights = {key: t.detach().clone() for key, t in trainer.model.state_dict().items()}
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop(
                f"{self.monitor} has not improved for {self.patience} epochs; best {self.best:.4g} at epoch "
                f"{self.best_epoch}"
            )

    def on_fit_end(self, trainer) -> None:
        """Bring the best weights back."""
        if self.restore and self.weights:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, object]:
        """The best value and weights so far."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict()`."""
        vars(self).update(state)

    def _forget(self) -> None:
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch = self.waited = 0
        self.weights: dict = {}


class LearningRateSchedule:
    """Moves a schedule of the learning rate on, every epoch or every step.

    schedule: an object with `step()` and a state, as those of
    `torch.optim.lr_scheduler` and of `kit.optim`. monitor: a recorded value
    handed to `step`, for schedules that wait for a plateau (every epoch only).

    Raises: TypeError for something without `step`, ValueError for an unknown
    `every`. Lesson: 05
    """

    def __init__(self, schedule: object, *, every: str = "epoch", monitor: str | None = None):
        if not callable(getattr(schedule, "step", None)):
            raise TypeError(f"schedule={check.show(schedule)} has no step(); give a learning-rate scheduler")
        check.one_of("every", every, ("epoch", "step"))
        if monitor is not None and every == "step":
            raise ValueError(f"monitor={monitor!r} is known once an epoch; use every='epoch'")
        self.schedule, self.every, self.monitor = schedule, every, monitor

    def on_step_end(self, trainer) -> None:
        """Move on, where the schedule counts steps."""
        if self.every == "step":
            self.schedule.step()

    def on_epoch_end(self, trainer) -> None:
        """Move on, where the schedule counts epochs."""
        if self.monitor is not None:
            self.schedule.step(recorded(trainer.history, self.monitor))
        elif self.every == "epoch":
            self.schedule.step()

    def state_dict(self) -> dict[str, object]:
        """The schedule's state."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict()`."""
        self.schedule.load_state_dict(state)


class LiveCurve:
    """Hands the history to a drawing function after every few epochs and at the end.

    draw: function of a `History`, such as `kit.plot.training.Live()`; this room
        itself draws nothing. Lesson: 05
    """

    def __init__(self, draw: Callable[[History], object], *, every: int = 1):
        check.integer("every", every, 1)
        self.draw, self.every = draw, every

    def on_epoch_end(self, trainer) -> None:
        """Draw, if it is this epoch's turn."""
        if trainer.epoch % self.every == 0:
            self.draw(trainer.history)

    def on_fit_end(self, trainer) -> None:
        """Draw what was not drawn yet."""
        if trainer.epoch % self.every:
            self.draw(trainer.history)


class Tracker:
    """Writes every epoch's values to a log.

    log: `JSONLines`, `TensorBoard`, or any object that has
        `start(config)`, `write(epoch, values)` and `finish(note)`.
    config: what was tried (sizes, rates, seed), kept beside the results. Lesson: 05
    """

    def __init__(self, log: object, *, config: dict[str, object] | None = None):
        self.log, self.config = log, dict(config or {})

    def on_fit_start(self, trainer) -> None:
        """Note what is about to be tried."""
        group = trainer.optimizer.param_groups[0]
        made = {"model": type(trainer.model).__name__, "optimizer": type(trainer.optimizer).__name__}
        self.log.start({**made, "learning_rate": float(group.get("lr", math.nan)), **self.config})

    def on_epoch_end(self, trainer) -> None:
        """Note the epoch's values."""
        row = trainer.history.epochs[-1]
        values = {name: value for name, value in row.items() if name != "epoch"}
        self.log.write(trainer.epoch, values | {"seconds": trainer.history.seconds[-1]})

    def on_fit_end(self, trainer) -> None:
        """Note that the run is over."""
        self.log.finish(trainer.history.stopped)


def recorded(history: History, name: str) -> float:
    """The newest value of `name`. Raises: ValueError where it is not recorded.

    Lesson: 05
    """
    row = history.epochs[-1]
    if name not in row:
        known = ", ".join(key for key in row if key != "epoch")
        hint = "give fit(validation=...) or " if name.startswith("validation_") else ""
        raise ValueError(f"monitor={name!r} is not recorded; {hint}choose from {known}")
    return row[name]
