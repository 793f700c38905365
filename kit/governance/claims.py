"""A register of somebody's statements: what each lacks, what was measured, the verdict.

"Accuracy above 95 %" is no fact before it says of whom, by which metric, on how many
cases, with which interval, and against which baseline.

    Claim  ClaimsRegister  Verdict
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kit import check
from kit.metrics import Interval

#: What a claim must state before anybody can check it, in the order of asking.
PARTS = ("source", "population", "metric", "value", "n", "interval", "baseline")
STATUSES = ("unverified", "measured", "fiction")
RELATIONS = (">=", "<=", "=")

Number = float | int


class Verdict(NamedTuple):
    """One word and the reason for it.

    Words: "holds", "refuted", "open" (the interval contains the claimed value),
    "cannot be checked" (parts are missing), "unverified", "fiction". Lesson: 02.
    """

    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class Claim:
    """One statement and the parts that make it checkable.

    `value` with `relation` is what is claimed (`0.95` and ">=" for "at least 95 %"), in
    `unit`; `n`, `interval` (low, high) and `baseline` are what its author reports.
    `status`: "unverified", "measured" (then `measurement` is ours), or "fiction" (about a
    system that does not exist). An empty text or None means "not stated".

    Raises: ValueError for an empty text, unknown status or relation, a value that is not
    finite, an interval that runs backwards, or "measured" without a measurement. Lesson: 02.
    """

    text: str
    source: str = ""
    population: str = ""
    metric: str = ""
    value: Number | None = None
    relation: str = ">="
    unit: str = ""
    n: int | None = None
    interval: tuple | None = None
    baseline: Number | None = None
    status: str = "unverified"
    measurement: Interval | None = None

    def __post_init__(self):
        check.nonempty("text", self.text.strip())
        check.one_of("relation", self.relation, RELATIONS)
        check.one_of("status", self.status, STATUSES)
        for name in ("value", "baseline"):
            if getattr(self, name) is not None:
                check.number(name, getattr(self, name))
        if self.n is not None:
            check.integer("n", self.n, 1)
        if self.interval is not None:
            low, high = self.interval
            if not low <= high:
                raise ValueError(f"interval=({low}, {high}) runs backwards; give (low, high)")
            object.__setattr__(self, "interval", (float(low), float(high)))
        if (self.status == "measured") != (self.measurement is not None):
            raise ValueError(
                f"status={self.status!r} {'with' if self.measurement else 'without'} a measurement; "
                "use ClaimsRegister.measure(id, interval)"
            )

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts not stated; a measurement brings n and interval."""
        brought = ("n", "interval") if self.measurement else ()
        return tuple(p for p in PARTS if getattr(self, p) in ("", None) and p not in brought)

    @property
    def verdict(self) -> Verdict:
        """What may be said about the claim now. Lesson: 02."""
        if self.status == "fiction":
            return Verdict("fiction", "it is about something that does not exist")
        if self.measurement is None or self.value is None:
            if self.missing:
                return Verdict("cannot be checked", ", ".join(f"no {part}" for part in self.missing))
            return Verdict("unverified", "complete, but nobody else has measured it")
        word = self._compare(self.measurement)
        said = f"claimed {self._claimed()}, measured {self.measurement}"
        return Verdict(word, said + self._against_baseline(self.measurement))

    def _compare(self, measured: Interval) -> str:
        low, high, value = measured.low, measured.high, self.value
        if self.relation == "=":
            return "open" if low <= value <= high else "refuted"
        if self.relation == "<=":
            low, high, value = -high, -low, -value
        if low >= value:
            return "holds"
        return "refuted" if high < value else "open"

    def _against_baseline(self, measured: Interval) -> str:
        if self.baseline is None:
            return "; no baseline is given"
        low = -measured.high if self.relation == "<=" else measured.low
        baseline = -self.baseline if self.relation == "<=" else self.baseline
        if self.relation == "=" or low > baseline:
            return f"; baseline {self.baseline:g}"
        return f"; not shown to beat the baseline {self.baseline:g}"

    def _claimed(self) -> str:
        return "" if self.value is None else f"{self.relation} {self.value:g} {self.unit}".rstrip()


class ClaimsRegister:
    """Claims in the order they were added, with ids "C01", "C02" ...

    Lesson: 02.
    """

    def __init__(self, title: str = "Claims"):
        self.title = title
        self._claims: dict[str, Claim] = {}

    def add(self, claim: Claim) -> str:
        """Register a claim and return its id."""
        name = f"C{len(self._claims) + 1:02d}"
        self._claims[name] = claim
        return name

    def measure(self, name: str, measurement: Interval) -> Verdict:
        """Attach our own measurement to a claim; the new verdict.

        Raises: ValueError for an unknown id, a claim of fiction, or an interval with NaN.
        """
        claim = self[name]
        if claim.status == "fiction":
            raise ValueError(
                f"{name} has status 'fiction', nothing can be measured; add a claim about a real system"
            )
        if not all(math.isfinite(v) for v in (measurement.estimate, *measurement)):
            raise ValueError(f"{name}: measurement {measurement} is not finite; measure again")
        self._claims[name] = replace(claim, status="measured", measurement=measurement)
        return self[name].verdict

    def __getitem__(self, name: str) -> Claim:
        check.one_of("id", name, self._claims)
        return self._claims[name]

    def __len__(self) -> int:
        return len(self._claims)

    def __iter__(self) -> Iterator[tuple[str, Claim]]:
        return iter(self._claims.items())

    def missing(self) -> dict[str, tuple[str, ...]]:
        """Parts that are not stated, by id; complete claims are left out."""
        return {name: claim.missing for name, claim in self if claim.missing}

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of every claim, by id."""
        return {name: claim.verdict for name, claim in self}

    def rows(self) -> list[dict[str, str]]:
        """One row of texts per claim, ready for a table or a DataFrame."""
        return [
            {
                "id": name,
                "claim": c.text,
                "source": c.source,
                "population": c.population,
                "metric": c.metric,
                "claimed": c._claimed(),
                "missing": ", ".join(c.missing) or "nothing",
                "status": c.status,
                "verdict": str(c.verdict),
            }
            for name, c in self
        ]

    def to_markdown(self) -> str:
        """The register as a Markdown table under its title."""
        head = ("id", "claim", "source", "population", "metric", "claimed", "missing", "status", "verdict")
        lines = [f"## {self.title}", "", f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
        lines += [f"| {' | '.join(_cell(row[key]) for key in head)} |" for row in self.rows()]
        return "\n".join(lines) + "\n"

    def to_json(self, path: str | Path | None = None) -> str:
        """The register as JSON text, also written to `path` if given."""
        claims = {
            name: asdict(claim) | {"missing": claim.missing, "verdict": claim.verdict._asdict()}
            for name, claim in self
        }
        text = json.dumps(
            {"title": self.title, "claims": claims}, indent=2, ensure_ascii=False, allow_nan=False
        )
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, text: str) -> "ClaimsRegister":
        """The register that `to_json` wrote; verdicts are computed anew.

        Raises: ValueError for text that is no such register.
        """
        try:
            content = json.loads(text)
            register = cls(content["title"])
            for name, fields in content["claims"].items():
                fields = {key: fields[key] for key in Claim.__dataclass_fields__}
                measured = fields["measurement"]
                fields["measurement"] = None if measured is None else Interval(**measured)
                fields["interval"] = None if fields["interval"] is None else tuple(fields["interval"])
                register._claims[name] = Claim(**fields)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"text={text[:40]!r} is no claims register ({error}); give what to_json wrote"
            ) from error
        return register

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
