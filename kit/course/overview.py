"""The whole course at a glance: its lessons, its claims, its errata, as tables.

    lessons_table   claims_table   errata_table

The rows come from the committed notebooks and the registers; nothing is typed.
"""

import re
from collections import Counter

import nbformat

from kit import check
from kit.course import catalogue, display, errata, exercises, normalize


def lessons_table() -> None:
    """Show every lesson with its title, minutes, exercises, claims and errata shown."""
    display.table([_lesson_row(lesson) for lesson in catalogue.lessons()], "The lessons")


def claims_table(lesson: str | None = None) -> None:
    """Show every claim of the course, or of one lesson, with its measured value.

    Values are those of the committed notebooks. Raises ValueError for an unknown lesson.
    """
    rows = []
    for one in _chosen(lesson):
        for record in _records(one, "claim"):
            target = ", ".join(
                f"{form.replace('_', ' ')} {value}" for form, value in record["target"].items()
            )
            rows.append(
                {
                    "lesson": one.number,
                    "claim": record["name"],
                    "target": target,
                    "measured": _short(record["value"]),
                    "holds": {"timing": "timing"}.get(record["kind"], "yes" if record["holds"] else "NO"),
                }
            )
    display.table(rows, "Claims of the course" if lesson is None else f"Claims of lesson {lesson}")


def errata_table(lesson: str | None = None) -> None:
    """Show the registered errors of the articles, or those of one lesson.

    Raises ValueError for an unknown lesson.
    """
    if lesson is not None:
        check.one_of("lesson", lesson, sorted({e.lesson for e in errata.errata().values()}))
    rows = [
        {"id": e.id, "article": e.where, "it holds": e.statement, "right": e.right, "lesson": e.lesson}
        for e in errata.errata().values()
        if lesson in (None, e.lesson)
    ]
    display.table(rows, f"{len(rows)} errata")


def errata_counts() -> Counter:
    """How many errata of each kind the register holds."""
    return Counter(e.kind for e in errata.errata().values())


def _lesson_row(lesson: catalogue.LessonFile) -> dict:
    text = "\n".join(c.source for c in _notebook(lesson).cells if c.cell_type == "markdown")
    title = re.search(r"^# \d\d (.+)$", text, re.M)
    minutes = re.search(r"Time:\s+(\d+)", text)
    return {
        "lesson": lesson.number,
        "title": title[1] if title else lesson.name,
        "minutes": minutes[1] if minutes else "",
        "exercises": len(exercises.of(lesson.number)),
        "claims": len(list(_records(lesson, "claim"))),
        "errata shown": len({r["id"] for r in _records(lesson, "erratum")}),
    }


def _chosen(lesson: str | None) -> list[catalogue.LessonFile]:
    known = catalogue.lessons()
    if lesson is None:
        return known
    check.one_of("lesson", lesson, [one.number for one in known])
    return [one for one in known if one.number == lesson]


def _notebook(lesson: catalogue.LessonFile):
    if not lesson.notebook.exists():
        return nbformat.v4.new_notebook()
    return nbformat.read(lesson.notebook, as_version=4)


def _records(lesson: catalogue.LessonFile, kind: str):
    return (r for r in normalize.records(_notebook(lesson)) if r["record"] == kind)


def _short(value) -> str:
    return f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)
