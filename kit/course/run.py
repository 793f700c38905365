"""Run lessons from a command line or a script, as papermill runs them.

Copies are executed in a folder of their own, with parameters; the committed
notebooks stay as they are. `course.json` there gathers every record.

    plan  run  facts  table  Finished  Report
"""

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat

from kit import check
from kit.course import normalize, pool
from kit.course.catalogue import LessonFile, check_parameters, find, parameters


@dataclass
class Finished:
    """One lesson's run: seconds, an error or None, and its records.

    Lesson: 00
    """

    lesson: str
    name: str
    seconds: float
    error: str | None
    records: list[dict] = field(default_factory=list)

    @property
    def claims(self) -> tuple[int, int]:
        """Claims that hold, and all claims but those about time."""
        results = [r for r in self.records if r["record"] == "claim" and r.get("kind") != "timing"]
        return sum(bool(r.get("holds")) for r in results), len(results)


@dataclass
class Report:
    """A whole run: its facts, the lessons that finished, was it interrupted.

    Lesson: 00
    """

    facts: dict
    lessons: list[Finished] = field(default_factory=list)
    planned: int = 0
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether every planned lesson ran without an error."""
        return len(self.lessons) == self.planned and all(one.error is None for one in self.lessons)


def plan(
    wanted: Sequence[str] = (),
    given: Mapping[str, object] | None = None,
    folder: Path | None = None,
) -> list[LessonFile]:
    """The lessons a run would run, after every check that needs no execution.

    Raises: ValueError for an unknown lesson, an unknown parameter of any of
    them, or when there is none; TypeError for a value of the wrong type.
    Lesson: 00
    """
    chosen = [lesson for lesson in find(wanted, folder) if lesson.notebook.exists() or wanted]
    if not chosen:
        raise ValueError("lessons=[] is empty, there is no built notebook here; run `kit build` first")
    for lesson in chosen:
        if not lesson.notebook.exists():
            raise ValueError(f"lesson={lesson.name} is not built; run `kit build {lesson.number}` first")
        cells = nbformat.read(lesson.notebook, as_version=4).cells
        check_parameters(lesson.number, given or {}, parameters(cells))
    return chosen


def run(
    wanted: Sequence[str] = (),
    given: Mapping[str, object] | None = None,
    *,
    out: Path,
    jobs: int = 1,
    timeout: int = 1800,
    folder: Path | None = None,
    on_event: Callable[[pool.Event], None] = lambda event: None,
) -> Report:
    """Run the wanted lessons with the given parameters on `jobs` processes.

    Claims are judged strictly only where every parameter but the profile is the lesson's
    own: an experiment reports a claim that does not hold, and goes on.
    `out` gets the executed copies, `logs/` and `course.json`. A lesson that
    fails does not stop the others. `timeout` is in seconds per cell. On Ctrl-C
    the children are stopped and the report says what had finished.

    Raises: what `plan` raises; ValueError when another run holds `out`.
    Lesson: 00
    """
    check.integer("jobs", jobs, 1)
    chosen = plan(wanted, given, folder)
    by_name = {lesson.name: lesson for lesson in chosen}
    began = time.monotonic()
    with pool.locked(out), tempfile.TemporaryDirectory() as home:
        out = out.resolve()
        logs = out / "logs"
        logs.mkdir(exist_ok=True)
        report = Report({**facts(), "parameters": dict(given or {}), "jobs": jobs}, planned=len(chosen))
        work = [_job(lesson, out, given or {}, timeout) for lesson in chosen]
        strict = set(given or {}) <= {"profile"}
        environment = pool.static_environment(Path(home), strict=strict)
        try:
            for event in pool.execute_all(work, workers=jobs, environment=environment, logs=logs):
                on_event(event)
                if event.kind == "done":
                    report.lessons.append(_finished(by_name[event.name], event, out))
        except KeyboardInterrupt:
            report.interrupted = True
        report.lessons.sort(key=lambda one: one.lesson)
        report.facts["seconds"] = round(time.monotonic() - began, 1)
        _write(report, out / "course.json")
    return report


def _job(lesson: LessonFile, out: Path, given: Mapping[str, object], timeout: int) -> pool.Job:
    copy = out / "source" / f"{lesson.name}.ipynb"
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(lesson.notebook, copy)
    target = out / f"{lesson.name}.ipynb"
    target.unlink(missing_ok=True)
    return pool.Job(lesson.name, copy, target, out, dict(given), timeout)


def _finished(lesson: LessonFile, event: pool.Event, out: Path) -> Finished:
    copy = out / f"{lesson.name}.ipynb"
    found = list(normalize.records(nbformat.read(copy, as_version=4))) if copy.exists() else []
    return Finished(lesson.number, lesson.name, event.seconds, event.error, found)


def facts() -> dict:
    """The machine and versions a run's figures belong to.

    Lesson: 00
    """
    import torch

    import kit

    return {
        "kit": kit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "threads": 1,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _write(report: Report, path: Path) -> None:
    rows = [asdict(one) | {"claims_held": one.claims[0], "claims": one.claims[1]} for one in report.lessons]
    records = [record for one in report.lessons for record in one.records]
    for row in rows:
        del row["records"]
    whole = {"facts": report.facts, "interrupted": report.interrupted, "lessons": rows, "records": records}
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def table(report: Report) -> str:
    """The closing table: lesson, seconds, claims held, error.

    Lesson: 00
    """
    width = max([len(one.name) for one in report.lessons] + [6])
    lines = [f"{'lesson':<{width}}  seconds  claims  result"]
    for one in report.lessons:
        held, total = one.claims
        result = "ok" if one.error is None else one.error.splitlines()[0]
        lines.append(f"{one.name:<{width}}  {one.seconds:7.1f}  {f'{held}/{total}':>6}  {result}")
    failed = sum(one.error is not None for one in report.lessons)
    left = report.planned - len(report.lessons)
    closing = f"{len(report.lessons) - failed} passed, {failed} failed"
    return "\n".join([*lines, closing + (f", {left} not finished (interrupted)" if left else "")])
