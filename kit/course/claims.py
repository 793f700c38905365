"""Claims: how a measured number in a lesson is checked.

    Target   judge   line   recorded   target_of   ClaimError

A claim says what is measured and what it must reach. Its line is the same on
every machine ("holds: digits test accuracy >= 0.96"); the measured value goes
into the record. A claim of kind "result" takes its target from `claims.toml`,
which keeps the values of its seeds and the rule from which the target follows;
`kit claims NN` measures them (`kit.course.targets`).
"""

import functools
import math
import statistics
import tomllib
from dataclasses import dataclass
from pathlib import Path

from kit import check

KINDS = ("result", "exact", "timing")
FILE = Path(__file__).parent / "claims.toml"


class ClaimError(AssertionError):
    """A claim that does not hold, raised in strict mode."""


@dataclass(frozen=True)
class Target:
    """What a claim must reach: exactly one of the four forms."""

    at_least: float | None = None
    at_most: float | None = None
    between: tuple[float, float] | None = None
    equals: float | None = None
    within: float = 0.0

    def __post_init__(self):
        given = [f for f in ("at_least", "at_most", "between", "equals") if getattr(self, f) is not None]
        if len(given) != 1:
            raise ValueError(
                f"target={given or 'nothing'} is not one target; give at_least, at_most, between or equals"
            )
        if self.between is not None and not self.between[0] < self.between[1]:
            raise ValueError(f"between={self.between} is empty; give (low, high) with low < high")
        check.number("within", self.within, 0)

    def met(self, value: float) -> bool:
        """Whether `value` reaches the target; NaN reaches none."""
        if math.isnan(value):
            return False
        if self.at_least is not None:
            return value >= self.at_least
        if self.at_most is not None:
            return value <= self.at_most
        if self.between is not None:
            return self.between[0] <= value <= self.between[1]
        return abs(value - self.equals) <= self.within

    def words(self) -> str:
        """The target as it stands in the line, for example ">= 0.96"."""
        if self.at_least is not None:
            return f">= {self.at_least:,}"
        if self.at_most is not None:
            return f"<= {self.at_most:,}"
        if self.between is not None:
            return f"in [{self.between[0]:,}, {self.between[1]:,}]"
        return f"= {self.equals:,}" + (f" within {self.within:,}" if self.within else "")

    def record(self) -> dict:
        """The target as plain data."""
        plain = {k: v for k, v in vars(self).items() if v is not None and k != "within"}
        if "between" in plain:
            plain["between"] = list(plain["between"])
        return plain | ({"within": self.within} if self.within else {})


def judge(
    lesson: str, name: str, value, target: Target, *, unit="", n=None, interval=None, kind="result"
) -> dict:
    """The record of one claim.

    `value` is a number (or a tensor of one element), `interval` a pair around
    it, `n` how many cases or seeds it stands on. Raises TypeError for a value
    that is no number and ValueError for an unknown kind.
    """
    check.one_of("kind", kind, KINDS)
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"value={check.show(value)} of claim {name!r} is not a number; give one float"
        ) from error
    return {
        "record": "claim",
        "lesson": lesson,
        "name": name,
        "value": number if math.isfinite(number) else str(number),
        "target": target.record() if target else {},
        "unit": unit,
        "n": int(n) if n is not None else None,
        "interval": [float(end) for end in interval] if interval is not None else None,
        "holds": target is not None and target.met(number),
        "kind": kind,
    }


def line(record: dict, target: Target | None) -> str:
    """The line under the cell, the same on every machine when the claim holds."""
    if target is None:
        return f"no target yet: {record['name']}; run kit claims {record['lesson']}"
    said = f"{record['name']} {target.words()}" + (f" {record['unit']}" if record["unit"] else "")
    if record["kind"] == "timing":
        return f"timing: {said} (judged by make bench)"
    if record["holds"]:
        return f"holds: {said}"
    value = record["value"]
    return f"does not hold: {said}; measured {value if isinstance(value, str) else format(value, '.6g')}"


@dataclass(frozen=True)
class Recorded:
    """One entry of claims.toml: the seeds behind a target.

    The target is mean - 3 sd (at_least) or mean + 3 sd (at_most) of `values`,
    rounded away from the mean to `digits` decimals.
    """

    lesson: str
    name: str
    form: str
    digits: int
    target: float | None = None
    values: tuple[float, ...] = ()
    cpu: str = ""

    def follows(self) -> float:
        """The target that the rule gives for the recorded values."""
        check.one_of("form", self.form, ("at_least", "at_most"))
        values = [float(f"{value:.6g}") for value in self.values]  # as claims.toml stores them
        mean, sd = statistics.fmean(values), statistics.stdev(values)
        scale = 10**self.digits
        if self.form == "at_least":
            return math.floor(round((mean - 3 * sd) * scale, 9)) / scale
        return math.ceil(round((mean + 3 * sd) * scale, 9)) / scale


@functools.cache
def recorded() -> tuple[Recorded, ...]:
    """All entries of claims.toml."""
    entries = tomllib.loads(FILE.read_text("utf-8")).get("claim", [])
    return tuple(Recorded(**{**entry, "values": tuple(entry.get("values", ()))}) for entry in entries)


def target_of(lesson: str, name: str) -> Target | None:
    """The recorded target of a "result", or None when nothing was measured yet."""
    for entry in recorded():
        if (entry.lesson, entry.name) == (lesson, name) and entry.target is not None:
            return Target(**{entry.form: entry.target})
    return None
