"""Runs on disk: one JSON Lines file each, read back, listed and compared.

JSONLines  TensorBoard  Run  list_runs  compare_runs
"""

import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from kit import check


class JSONLines:
    """A run's log as a text file: its config, a line an epoch, how it ended.

    folder: where runs are kept; name: this run's (the file is `name.jsonl`).
    A run of the same name is continued, so a resumed run stays one file.

    Raises: ValueError for a name that is no file name. Lesson: 05
    """

    def __init__(self, folder: str | os.PathLike, name: str):
        if not name or Path(name).name != name:
            raise ValueError(f"name={name!r} is not a file name; leave out slashes")
        self.path = Path(folder) / f"{name}.jsonl"

    def start(self, config: dict[str, object]) -> None:
        """Note the configuration; values that JSON does not know are noted as text."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._append({"started": time.strftime("%Y-%m-%dT%H:%M:%S"), "config": config})

    def write(self, epoch: int, values: dict[str, int | float]) -> None:
        """Note one epoch's values."""
        self._append({"epoch": epoch, **values})

    def finish(self, note: str = "") -> None:
        """Note that the run ended, and why if it was before its last epoch."""
        self._append({"finished": time.strftime("%Y-%m-%dT%H:%M:%S"), "note": note})

    def _append(self, row: dict[str, object]) -> None:
        plain = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(plain, default=str) + "\n")


class TensorBoard:
    """A run's log as TensorBoard event files, a scalar a value.

    Raises: ImportError where TensorBoard is not installed. Lesson: 05
    """

    def __init__(self, folder: str | os.PathLike):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ImportError(
                "TensorBoard is not installed; run `pip install tensorboard`, which is in the extra "
                "large-model-kit[dev]"
            ) from None
        self._open, self._folder, self._writer = SummaryWriter, str(folder), None

    def start(self, config: dict[str, object]) -> None:
        """Open the event file and note the configuration as text."""
        self._writer = self._open(self._folder)
        self._writer.add_text("config", json.dumps(config, default=str))

    def write(self, epoch: int, values: dict[str, int | float]) -> None:
        """Note one epoch's values."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)

    def finish(self, note: str = "") -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.add_text("note", note)
            self._writer.close()
            self._writer = None


@dataclass
class Run:
    """One run as its log tells it.

    epochs: one mapping an epoch. finished: False where the run was cut. Lesson: 05
    """

    name: str
    started: str = ""
    config: dict[str, object] = field(default_factory=dict)
    epochs: list[dict[str, int | float]] = field(default_factory=list)
    finished: bool = False
    note: str = ""

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Run":
        """Read a log, up to its last whole line where the run was killed.

        Epochs done again after a resume count once, the later ones. Raises:
        ValueError for a file that is no run's log.
        """
        path = Path(path)
        run, epochs = cls(path.stem), {}
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                if number == len(lines):
                    break
                raise ValueError(f"line {number} of {path.name} is not JSON; it is not a run's log") from None
            if "epoch" in row:
                epochs[row["epoch"]] = row
            elif "config" in row:
                run.started, run.config, run.finished = run.started or row["started"], row["config"], False
            else:
                run.finished, run.note = True, row.get("note", "")
        run.epochs = [epochs[epoch] for epoch in sorted(epochs)]
        return run


def list_runs(folder: str | os.PathLike) -> list[Run]:
    """All runs of a folder, oldest first. Raises: ValueError where there is none.

    Lesson: 05
    """
    paths = sorted(Path(folder).glob("*.jsonl"))
    if not paths:
        raise ValueError(
            f"folder={str(folder)!r} holds no run; log one with Tracker(JSONLines(folder, name))"
        )
    return sorted((Run.read(path) for path in paths), key=lambda run: (run.started, run.name))


def compare_runs(
    folder: str | os.PathLike, monitor: str = "loss", *, mode: str = "min"
) -> list[dict[str, object]]:
    """One row a run, best first: its settings that differ, its best epoch.

    monitor: the value that decides, "min" or "max" by `mode`. Runs that never
    recorded it come last.

    Raises: ValueError for an unknown mode, an empty folder, or a value that
    no run recorded. Lesson: 05
    """
    check.one_of("mode", mode, ("min", "max"))
    runs = list_runs(folder)
    check.one_of("monitor", monitor, sorted({name for run in runs for row in run.epochs for name in row}))
    settings = list(dict.fromkeys(key for run in runs for key in run.config))
    differing = [key for key in settings if len({str(run.config.get(key)) for run in runs}) > 1]
    sign = 1 if mode == "min" else -1
    rows = []
    for run in runs:
        scored = [row for row in run.epochs if row.get(monitor) is not None]
        best = min(scored, key=lambda row: sign * row[monitor], default={})
        order = sign * best[monitor] if best else math.inf
        made = {key: run.config.get(key, "") for key in differing}
        rows.append((order, {"run": run.name, **made, **best, "finished": run.finished}))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]
