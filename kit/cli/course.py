"""`kit run`, `build`, `claims`, `translate`, `lab`, `course`, `new-lesson`.

run  build  claims  translate  lab  course  new_lesson
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from kit import paths
from kit.cli.report import Progress, errors

Lessons = Annotated[list[str] | None, typer.Argument(help="Lessons: 3, 03 or 03_name; all for none.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Notebooks at the same time.")]


def _given(pairs: list[str], profile: str | None) -> dict[str, object]:
    from kit.course.catalogue import read_value

    given: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"-p {pair} is not name=value; write for example -p seed=1")
        given[name] = read_value(value)
    return given | ({"profile": profile} if profile else {})


def run(
    lessons: Lessons = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value, may be repeated.")] = None,
    profile: Annotated[str | None, typer.Option(help="quick, laptop or gpu.")] = None,
    jobs: Jobs = 1,
    out: Annotated[Path, typer.Option(help="Folder for copies, logs and course.json.")] = Path("build"),
    timeout: Annotated[int, typer.Option(min=1, help="Seconds per cell.")] = 1800,
) -> None:
    """Run lessons on copies; a table and course.json at the end."""
    from kit.course import run as runner

    with errors():
        given = _given(parameter or [], profile)
        progress = Progress(len(runner.plan(lessons or (), given)))
        report = runner.run(lessons or (), given, out=out, jobs=jobs, timeout=timeout, on_event=progress)
    progress.clear()
    print(runner.table(report))
    print(f"records: {out / 'course.json'}   logs: {out / 'logs'}   {report.facts['seconds']:.0f} s")
    raise typer.Exit(130 if report.interrupted else not report.passed)


def build(
    lessons: Lessons = None,
    check: Annotated[
        bool, typer.Option("--check", help="Execute nothing; fail when something is stale.")
    ] = False,
    jobs: Jobs = 1,
) -> None:
    """Make the executed notebooks from their sources, in both languages."""
    from kit.course import build as builder
    from kit.course import verify
    from kit.course.catalogue import find

    with errors():
        if check:
            problems = verify.problems(lessons)
            print("\n".join(problems) or "every notebook is what its source says")
            raise typer.Exit(bool(problems))
        progress = Progress(sum(one.source.exists() for one in find(lessons or ())))
        made = builder.build(lessons or (), jobs=jobs, on_event=progress)
    progress.clear()
    for note in made.notes:
        print(f"note: {note}")
    for name, why in sorted(made.failed.items()):
        print(f"failed: {name}: {why}; its notebook is untouched, see build/notebooks/logs/{name}.log")
    print(f"{len(made.written)} written, {len(made.unchanged)} unchanged, {len(made.failed)} failed")
    raise typer.Exit(bool(made.failed))


def claims(
    lesson: Annotated[str, typer.Argument(help="The lesson whose claims are measured: 03.")],
    seeds: Annotated[int, typer.Option(min=5, help="How many seeds, from 0.")] = 6,
) -> None:
    """Measure a lesson's claims at several seeds; write their targets to claims.toml."""
    from kit.course import targets
    from kit.course.catalogue import find

    with errors():
        measured = targets.measure(find([lesson])[0].number, range(seeds), say=print)
        targets.write(measured)
    for entry in measured:
        print(f"{entry.name}: {entry.form.replace('_', ' ')} {entry.target}")
    print(f"next: `kit build {measured[0].lesson}`")


def translate(lessons: Lessons = None) -> None:
    """Bring the Chinese catalogues up to date with the English text."""
    from kit.course import build as builder
    from kit.course import translate as gettext
    from kit.course.catalogue import find

    with errors():
        for lesson in find(lessons or ()):
            if lessons or lesson.translation.exists():
                messages = builder.messages(lesson)
                gettext.update(lesson.translation, messages, lesson.source.name)
                left = gettext.problems(lesson.translation, messages)
                print(f"{lesson.name}: {len(messages)} messages, {len(left)} to translate or read again")


def lab(lesson: Annotated[str, typer.Argument(help="The lesson to open.")] = "00") -> None:
    """Open JupyterLab on a lesson (the start page for none given)."""
    from kit.course.catalogue import find

    with errors():
        chosen = find([lesson])[0]
        root = paths.checkout() or Path.cwd()
        if paths.checkout() is None and not (root / "notebooks").exists():
            # An installed package is not a place to work in: the learner gets copies of the lessons.
            shutil.copytree(paths.notebooks(), root / "notebooks")
        page = f"notebooks/{chosen.name}.ipynb"
        # As the default address, so that the link on the terminal leads to the lesson too.
        command = [sys.executable, "-m", "jupyterlab", f"--LabApp.default_url=/lab/tree/{page}"]
        if getattr(os, "geteuid", lambda: 1)() == 0:  # a container: Jupyter refuses root unless told
            command.append("--allow-root")
        raise typer.Exit(subprocess.call(command, cwd=root))


def course(jobs: Jobs = 2) -> None:
    """Fetch what the lessons need, then run them all (`make course`)."""
    from kit.cli import data

    began = time.monotonic()
    with errors():
        data.fetch_needed()
    fetched = time.monotonic() - began
    try:
        run(None, None, None, jobs, Path("build"), 1800)
    finally:
        ran = time.monotonic() - began - fetched
        print(f"data: {fetched:.0f} s; lessons: {ran:.0f} s (set-up apart, above)")
        print("open the lessons with `make lab` (or `kit lab 03`); the executed copies are in build/")


def new_lesson(
    number: Annotated[str, typer.Argument(help="Two digits, 07 for example.")],
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
) -> None:
    """Write a lesson's source that follows the anatomy and builds."""
    from kit.course.anatomy import new_lesson as write

    with errors():
        path = write(number, name, paths.notebooks())
        print(f"wrote {path.relative_to(paths.notebooks().parent)}; next: `kit build {path.stem[:2]}`")
