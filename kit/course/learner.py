"""The learner's own record: a small file on this machine, never sent anywhere.

remember   recorded   progress   forget
"""

import contextlib
import json
import os
import tempfile
from datetime import date

from kit import paths, session
from kit.course import display, exercises


def _file():
    return paths.home() / "progress.json"


def recorded() -> dict:
    """The record by lesson; {} where there is none.

    One lesson's entry is {"exercises": {"1": "right"}, "opened": "2026-01-31"}.
    A damaged file is set aside as progress.damaged.json and an empty record is returned.
    """
    try:
        return json.loads(_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            _file().replace(_file().with_name("progress.damaged.json"))
        return {}


def remember(lesson: str, number: str | None = None, status: str | None = None) -> None:
    """Note that a lesson was opened, or the state of one exercise.

    Does nothing in a static session. An exercise once answered rightly stays so.
    A record that cannot be written (a read-only or full disk) is reported in one
    line and stops nothing.
    """
    if session.is_static():
        return
    record = recorded()
    entry = record.setdefault(lesson, {"exercises": {}})
    entry["opened"] = date.today().isoformat()
    if number is not None and entry["exercises"].get(number) != "right":
        entry["exercises"][number] = status
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=_file().parent, delete=False, encoding="utf-8"
        ) as temporary:
            json.dump(record, temporary, indent=1)
        os.replace(temporary.name, _file())
    except OSError as error:
        display.line(f"your progress could not be saved in {_file().parent}: {error.strerror or error}")


def forget() -> None:
    """Delete the record."""
    _file().unlink(missing_ok=True)


def progress() -> None:
    """Show a table of the lessons, the exercises answered and the next thing to do."""
    record, rows = recorded(), []
    for lesson in exercises.lessons():
        entry = record.get(lesson, {})
        right = sum(1 for state in entry.get("exercises", {}).values() if state == "right")
        total = len(exercises.of(lesson))
        rows.append(
            {
                "lesson": lesson,
                "exercises right": f"{right} of {total}",
                "last opened": entry.get("opened", "not yet"),
                "next": "done" if right == total else _next(lesson, entry),
            }
        )
    display.table(rows, "Your progress (kept on this machine only)")


def _next(lesson: str, entry: dict) -> str:
    if not entry:
        return f"open lesson {lesson}"
    states = entry.get("exercises", {})
    open_ones = [e for e in exercises.of(lesson).values() if states.get(e.number) != "right"]
    return f"exercise {open_ones[0].number}: {open_ones[0].title}"
