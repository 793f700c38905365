"""`kit test`, `lint`, `bench`: the stages of the whole test command.

Each stage is a command of its own with a time budget; all run even when one
fails. The last line counts what every pytest run counted.

    Stage  stages  perform  test  lint  bench
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kit import paths
from kit.cli import setup
from kit.cli.report import errors

#: Tests of the rooms that carry shape annotations.
_SHAPED = ("layers", "optim", "models", "autograd", "train", "metrics", "losses", "test_generate.py")
_SHAPED += ("interpret", "fairness", "privacy", "robust")
_COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


@dataclass(frozen=True)
class Stage:
    """One stage: its commands in order, and its budget in seconds.

    Lesson: 00
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    budget: int
    static: bool = False  # notebooks without widgets, as they are built


@dataclass
class Result:
    """What a stage did: exit code, seconds, and pytest's counts.

    Lesson: 00
    """

    name: str
    code: int
    seconds: float
    budget: int
    counts: Counter


def stages(root: Path) -> list[Stage]:
    """The stages of `make test`, in order; their budgets add up to 40 minutes.

    Lesson: 00
    """
    python = sys.executable
    pytest = (python, "-m", "pytest", "-q", "--color=no")
    parts = [
        str(root / name) for name in ("kit", "tests", "benchmarks", "datasets") if (root / name).exists()
    ]
    lint = ((python, "-m", "ruff", "check", *parts), (python, "-m", "ruff", "format", "--check", *parts))
    spread = ("-n", "2", "--dist", "loadfile")
    unit = (*pytest, *spread, "--ignore=tests/browser", "--ignore=tests/notebooks")
    # Again with every shape and type checked; the tests of messages need the run where kit speaks for itself.
    shapes = (
        *pytest,
        *spread,
        "--shapes",
        *(f"tests/{room}" for room in _SHAPED if (root / "tests" / room).exists()),
    )
    notebooks = sorted(
        str(path.relative_to(root)) for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")
    )
    nbval = (*pytest, "-c", "tests/notebooks/nbval.ini", "--rootdir=.", "--nbval", "--nbval-current-env")
    nbval += ("--nbval-cell-timeout=600", "-n", "2", "--dist", "loadscope", *notebooks)
    return [
        Stage("lint", lint, 60),
        Stage("unit tests", (unit,), 600),
        Stage("shapes", (shapes,), 240),
        Stage("build --check", ((python, "-m", "kit", "build", "--check"),), 60),
        Stage("notebooks", (nbval,) if notebooks else (), 360, static=True),
        Stage("course rules", ((*pytest, "tests/notebooks"),), 600),
        Stage("browser", ((*pytest, "-s", "tests/browser"),), 480),
    ]


def perform(stage: Stage, root: Path, environment: dict[str, str]) -> Result:
    """Run a stage's commands, showing their output, within its budget.

    Lesson: 00
    """
    began, counts, code = time.monotonic(), Counter(), 0
    print(f"\n=== {stage.name} (budget {stage.budget} s)", flush=True)
    for command in stage.commands:
        left = stage.budget - (time.monotonic() - began)
        child = subprocess.Popen(
            command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        timer = threading.Timer(left, child.terminate)
        timer.start()
        last = ""
        with child:
            for line in child.stdout:
                print(line, end="", flush=True)
                last = line if _COUNTS.search(line) and " in " in line else last
        overran = not timer.is_alive()
        timer.cancel()
        for number, word in _COUNTS.findall(last):
            counts["failed" if word.startswith(("fail", "error")) else word] += int(number)
        if overran:
            print(f"kit: {stage.name} was stopped after its budget of {stage.budget} s", flush=True)
        code = code or (child.returncode if not overran else 1)
        if overran:
            break
    return Result(stage.name, code, time.monotonic() - began, stage.budget, counts)


def summary(results: list[Result]) -> str:
    """The closing table, and one line of totals as test runners print it.

    Lesson: 00
    """
    total: Counter = sum((result.counts for result in results), Counter())
    lines = ["", f"{'stage':<14}  result  seconds  budget  passed  failed  skipped"]
    for one in results:
        word = "ok" if one.code == 0 else "FAILED"
        c = one.counts
        lines.append(
            f"{one.name:<14}  {word:<6}  {one.seconds:7.0f}  {one.budget:6d}  "
            f"{c['passed']:6d}  {c['failed']:6d}  {c['skipped']:7d}"
        )
    lines.append(f"total {sum(one.seconds for one in results):.0f} s")
    # A stage that fails without pytest (lint, check) counts as one failure.
    failed = total["failed"] + sum(one.code != 0 and not one.counts["failed"] for one in results)
    return "\n".join([*lines, f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped"])


def _all(root: Path, wanted: list[Stage]) -> None:
    from kit.course.pool import static_environment

    with tempfile.TemporaryDirectory() as home:
        live = {**os.environ, "OMP_NUM_THREADS": "1"}
        static = {**live, **static_environment(Path(home))}
        results = [perform(stage, root, static if stage.static else live) for stage in wanted]
    print(summary(results), flush=True)
    raise typer.Exit(any(result.code for result in results))


def _root() -> Path:
    root = paths.checkout()
    if root is None:
        raise ValueError("kit is not in a checkout, its tests are there only; clone the repository")
    return root


def test(
    only: Annotated[list[str] | None, typer.Option(help="Run this stage only; may be repeated.")] = None,
    fetch: Annotated[bool, typer.Option(help="Fetch the data the lessons need first.")] = True,
) -> None:
    """Run every stage of the tests (`make test`); 1 when one fails."""
    from kit import check
    from kit.cli import data

    with errors():
        root = _root()
        known = stages(root)
        for name in only or ():
            check.one_of("--only", name, [stage.name for stage in known])
        if fetch and not only:
            data.fetch_needed()
        if not setup.chromium(install=True):
            print("kit: NO CHROMIUM: the browser tests are skipped; install it, or set CHROMIUM", flush=True)
        _all(root, [stage for stage in known if not only or stage.name in only])


def lint() -> None:
    """Run ruff's rules and its formatter's check (`make lint`)."""
    with errors():
        root = _root()
        _all(root, stages(root)[:1])


def bench() -> None:
    """Run every benchmark, each printing its table (`make bench`)."""
    with errors():
        raise typer.Exit(subprocess.call([sys.executable, "-m", "benchmarks"], cwd=_root()))
