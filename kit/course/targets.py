"""Targets of claims, from measurements: `kit claims NN` runs a lesson at several seeds.

    measure   write

Add an entry with lesson, name, form and digits to claims.toml; `measure` runs
the lesson once per seed at the laptop profile and `write` fills in the values,
the CPU and the target that the rule gives. A target is never typed.
"""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kit import check
from kit.course import run
from kit.course.claims import FILE, Recorded, recorded


def measure(
    lesson: str,
    seeds: Sequence[int] = range(6),
    *,
    jobs: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> list[Recorded]:
    """The entries of one lesson with freshly measured values and targets.

    Raises ValueError when the lesson has no entry, or one whose claim the
    lesson does not make; RuntimeError when a run fails; fewer than five seeds
    are refused.
    """
    if len(seeds) < 5:
        raise ValueError(f"seeds={list(seeds)} are {len(seeds)}; give at least five")
    entries = [entry for entry in recorded() if entry.lesson == lesson]
    if not entries:
        raise ValueError(f"lesson={lesson!r} has no entry in claims.toml; add lesson, name, form and digits")
    values: dict[str, list[float]] = {entry.name: [] for entry in entries}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            report = run.run([lesson], {"seed": seed}, out=Path(folder), jobs=jobs)
        finished = report.lessons[0]
        if finished.error:
            raise RuntimeError(f"lesson {lesson} failed at seed {seed}: {finished.error}")
        found = {r["name"]: r["value"] for r in finished.records if r["record"] == "claim"}
        for name in values:
            check.one_of(f"name of a claim of lesson {lesson}", name, found)
            values[name].append(float(found[name]))
        say(f"seed {seed}: {finished.seconds:.0f} s")
    cpu = report.facts["cpu"]
    measured = [replace(e, values=tuple(values[e.name]), cpu=cpu) for e in entries]
    return [replace(entry, target=entry.follows()) for entry in measured]


def write(entries: Sequence[Recorded], file: Path = FILE) -> None:
    """Put measured entries into claims.toml; every other entry stays as it is."""
    new = {(entry.lesson, entry.name): _block(entry) for entry in entries}
    head, *blocks = re.split(r"^(?=\[\[claim\]\])", file.read_text("utf-8"), flags=re.M)
    kept = []
    for block in blocks:
        key = tuple(json.loads(re.search(rf"^{k} = (\".*\")$", block, re.M)[1]) for k in ("lesson", "name"))
        kept.append(new.get(key, block.rstrip() + "\n"))
    file.write_text("\n".join([head.rstrip() + "\n", *kept]), "utf-8")
    recorded.cache_clear()


def _block(entry: Recorded) -> str:
    values = ", ".join(f"{value:.6g}" for value in entry.values)
    return (
        f"[[claim]]\nlesson = {json.dumps(entry.lesson)}\n"
        f"name = {json.dumps(entry.name, ensure_ascii=False)}\n"
        f"form = {json.dumps(entry.form)}\ndigits = {entry.digits}\ntarget = {entry.target}\n"
        f"values = [{values}]\ncpu = {json.dumps(entry.cpu)}\n"
    )
