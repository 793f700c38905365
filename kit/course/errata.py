"""The errors of the source articles, as data, and the code that shows each one.

    Erratum   errata   demonstrate   ErratumError

`errata.toml` holds every erratum: what the article prints, what is right, and
how it is shown. There are four kinds, each with the evidence it needs:

    number    a printed value; evidence is the value that code computes
    runs      a listing; evidence is a function that runs it as printed
    property  a statement; evidence is the outcome of a check of that statement
    record    history, law, references; evidence is a source and a date
"""

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit import check

KINDS = ("number", "runs", "property", "record")


class ErratumError(AssertionError):
    """Evidence that does not show the erratum it was given for."""


@dataclass(frozen=True)
class Erratum:
    """One error of one article.

    `where` is article and section ("004 §4"), `quote` at most 30 characters of
    the article (empty where only its sense matters); `statement` says in our
    own words what the article holds there. `printed`, `value` and `tolerance`
    belong to kind "number", `outcome` to kind "runs" (the exception's name, or
    "wrong output").
    """

    id: str
    kind: str
    where: str
    quote: str
    statement: str
    right: str
    source: str
    lesson: str
    confidence: str = "high"
    printed: float | None = None
    value: float | None = None
    tolerance: float = 0.005
    outcome: str = ""

    def __post_init__(self):
        check.one_of(f"kind of erratum {self.id}", self.kind, KINDS)
        if len(self.quote) > 30:
            raise ValueError(
                f"quote of erratum {self.id} has {len(self.quote)} characters; at most 30 are allowed"
            )
        if self.kind == "number" and (self.printed is None or self.value is None):
            raise ValueError(f"erratum {self.id} is of kind number; give printed and value")
        if self.kind == "runs" and not self.outcome:
            raise ValueError(f"erratum {self.id} is of kind runs; give outcome")


@functools.cache
def errata() -> dict[str, Erratum]:
    """Every erratum by its id, in the order of errata.toml."""
    entries = tomllib.loads((Path(__file__).parent / "errata.toml").read_text("utf-8"))
    return {key: Erratum(id=key, **entry) for key, entry in entries.items()}


def demonstrate(erratum: Erratum, evidence=None) -> str:
    """Test `evidence` against the erratum; return one sentence saying what was shown.

    Raises ErratumError when the evidence supports the article, or does not
    show what the registry says; TypeError for evidence of the wrong form.
    """
    return {"number": _number, "runs": _runs, "property": _property, "record": _record}[erratum.kind](
        erratum, evidence
    )


def _number(e: Erratum, evidence) -> str:
    try:
        computed = float(evidence)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"evidence={check.show(evidence)} for erratum {e.id} is not a number; give the computed value"
        ) from error
    room = e.tolerance * max(abs(e.value), 1e-12)
    if not abs(computed - e.value) <= room:
        raise ErratumError(f"erratum {e.id}: computed {computed:.6g}, the registry says {e.value:g} is right")
    if abs(computed - e.printed) <= room:
        raise ErratumError(f"erratum {e.id}: computed {computed:.6g}, which is what the article prints")
    return f"computed {_plain(e.value)}, the article prints {_plain(e.printed)}"


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:,g}"


def _runs(e: Erratum, evidence: Callable) -> str:
    if not callable(evidence):
        raise TypeError(
            f"evidence={check.show(evidence)} for erratum {e.id} cannot be called; "
            "give a function that runs the listing"
        )
    try:
        outcome = evidence()
    except Exception as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        if e.outcome not in names:
            raise ErratumError(
                f"erratum {e.id}: the listing raised {names[0]}, the registry says {e.outcome}"
            ) from error
        return f"run as printed it raises {e.outcome}"
    if e.outcome != "wrong output" or outcome is not False:
        raise ErratumError(
            f"erratum {e.id}: the listing ran and returned {check.show(outcome)}, "
            f"the registry says {e.outcome}"
        )
    return "run as printed it gives a wrong result"


def _property(e: Erratum, evidence) -> str:
    try:
        holds = bool(evidence)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"evidence={check.show(evidence)} for erratum {e.id} is not true or false; "
            "give the outcome of a check of the article's statement"
        ) from error
    if evidence is None or holds:
        raise ErratumError(
            f"erratum {e.id}: the article's statement passed the check, so it is not shown wrong"
        )
    return "checked above: the article's statement fails"


def _record(e: Erratum, evidence) -> str:
    if evidence is not None:
        raise TypeError(
            f"erratum {e.id} is of kind record; its evidence is the source in the registry, give none"
        )
    return f"source: {e.source}"
