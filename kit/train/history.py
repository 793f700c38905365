"""What a training run has been through: the loss of every step, the values of every epoch.

History  text_table
"""

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from kit import check


@dataclass
class History:
    """The record that `Trainer.fit` returns.

    `history["loss"]` is one value an epoch, `history.steps` the training loss
    of every update. Two histories are equal when their values are: how long
    the epochs took and why the run ended do not count.

    epochs: one mapping an epoch (epoch, loss, metrics, validation_...).
    steps: training loss of each update, in order.
    seconds: wall time of each epoch, validation included.
    stopped: why the run ended before its last epoch; empty where it did not.

    Lesson: 05
    """

    epochs: list[dict[str, int | float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list, compare=False)
    stopped: str = field(default="", compare=False)

    def __getitem__(self, name: str) -> list[float]:
        """The values of `name`, one an epoch. Raises: ValueError for an unknown name."""
        check.one_of("name", name, self.names())
        return [row.get(name, math.nan) for row in self.epochs]

    def names(self) -> list[str]:
        """The names of the values recorded each epoch, in the order they appeared."""
        return list(dict.fromkeys(name for row in self.epochs for name in row))

    def best(self, name: str, *, mode: str = "min") -> dict[str, int | float]:
        """The epoch where `name` was lowest (mode="min") or highest (mode="max").

        Raises: ValueError for an unknown name or mode, or where every value is NaN.
        """
        check.one_of("mode", mode, ("min", "max"))
        pairs = [(value, i) for i, value in enumerate(self[name]) if not math.isnan(value)]
        if not pairs:
            raise ValueError(
                f"name={name!r} is NaN in every epoch; choose another of {', '.join(self.names())}"
            )
        sign = 1 if mode == "min" else -1
        return self.epochs[min(pairs, key=lambda pair: sign * pair[0])[1]]

    def table(self) -> str:
        """The epochs as a text table, a line each."""
        return text_table(self._rows())

    def to_json(self) -> str:
        """The whole record as JSON; NaN and infinity become text, read back as numbers."""
        return json.dumps(_plain(asdict(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """The record written by `to_json`."""
        stored = json.loads(text)
        epochs = [{name: _number(value) for name, value in row.items()} for row in stored["epochs"]]
        steps = [_number(value) for value in stored["steps"]]
        return cls(epochs, steps, stored["seconds"], stored["stopped"])

    def _rows(self) -> list[dict[str, object]]:
        return [{**row, "seconds": f"{took:.2f}"} for row, took in zip(self.epochs, self.seconds)]

    def __repr__(self) -> str:
        title = f"History({len(self.epochs)} epochs, {len(self.steps)} steps)"
        return "\n".join(part for part in (title, self.table(), self.stopped) if part)

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for row in self._rows() for name in row))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        lines = (
            "".join(f"<td>{html.escape(_cell(row.get(name, '')))}</td>" for name in names)
            for row in self._rows()
        )
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        note = f"<p>{html.escape(self.stopped)}</p>" if self.stopped else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def text_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of named values as aligned text; floats with four significant digits.

    Lesson: 05
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names] + [[_cell(row.get(name, "")) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: object) -> object:
    """JSON has no NaN or infinity: they are written as text."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: object) -> int | float:
    return float(value) if isinstance(value, str) else value
