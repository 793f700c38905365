"""Are the committed notebooks what their sources say? Nothing is executed.

problems  notebook_problems
"""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kit.course import build, coverage, experiments, normalize, translate
from kit.course.catalogue import LessonFile, find

#: nbval passes everything in a notebook without outputs, so each lesson has at least so many compared cells.
LEAST_COMPARED = 10


def problems(wanted: list[str] | None = None, folder: Path | None = None) -> list[str]:
    """One clear line per problem of the wanted lessons.

    For none given all are checked, with coverage and experiments.

    Lesson: 00
    """
    chosen, found = find(wanted or (), folder), []
    for lesson in chosen:
        found += lesson_problems(lesson)
    if not wanted and chosen:
        root = chosen[0].folder
        if (root / "experiments").is_dir():
            found += experiments.problems(root / "experiments")
        catalogues = {po.stem for po in (root / "source" / "zh").glob("*.po")}
        found += [
            f"zh/{name}.po: no such lesson; rename it"
            for name in sorted(catalogues - {c.name for c in chosen})
        ]
        stray = {nb.stem for nb in (root / "zh").glob("*.ipynb")} - catalogues
        found += [f"zh/{name}.ipynb: no catalogue makes it; delete it" for name in sorted(stray)]
        found += coverage.problems(folder=root)
    return found


def lesson_problems(lesson: LessonFile) -> list[str]:
    """The problems of one lesson: its notebook, then its Chinese edition.

    Lesson: 00
    """
    if not lesson.source.exists():
        return [
            f"{lesson.notebook.name}: no source/{lesson.name}.md makes it; write one or delete the notebook"
        ]
    if not lesson.notebook.exists():
        return [f"{lesson.notebook.name}: not built yet; run `kit build {lesson.number}`"]
    stored = nbformat.read(lesson.notebook, as_version=4)
    found = notebook_problems(stored, build.assemble(lesson), lesson.notebook.name)
    if not lesson.translation.exists():
        return found
    found += translate.problems(lesson.translation, build.messages(lesson))
    if not lesson.chinese.exists():
        return [*found, f"zh/{lesson.chinese.name}: not built yet; run `kit build {lesson.number}`"]
    chinese = nbformat.read(lesson.chinese, as_version=4)
    if chinese != build.chinese(lesson, stored):
        found.append(
            f"zh/{lesson.chinese.name}: not what the English notebook and its catalogue make; "
            f"run `kit build {lesson.number}`"
        )
    return found


def notebook_problems(stored: NotebookNode, expected: NotebookNode, name: str) -> list[str]:
    """How a stored notebook differs from its source's, and what outputs lack.

    Lesson: 00
    """
    again = f"run `kit build {name[:2]}`"
    found = []
    if len(stored.cells) != len(expected.cells):
        found.append(f"{name}: {len(stored.cells)} cells, its source has {len(expected.cells)}; {again}")
    for place, (have, want) in enumerate(zip(stored.cells, expected.cells)):
        if (have.cell_type, have.source) != (want.cell_type, want.source):
            found.append(f"{name}: cell {place} is not what its source says; {again}")
            break
        if have.get("id") != want.id:
            found.append(
                f"{name}: cell {place} has id {have.get('id')!r}, its content gives {want.id!r}; {again}"
            )
        if have.metadata != want.metadata:
            found.append(f"{name}: cell {place} has other metadata than its source; {again}")
    metadata = {**stored.metadata, "kit": dict(stored.metadata.get("kit", {}))}
    metadata["kit"].pop("fingerprint", None)
    if metadata != expected.metadata or (stored.nbformat, stored.nbformat_minor) != (4, 5):
        found.append(f"{name}: notebook metadata is not clean; {again}")
    return found + _output_problems(stored, name)


def _output_problems(stored: NotebookNode, name: str) -> list[str]:
    found, code = [], [cell for cell in stored.cells if cell.cell_type == "code"]
    for cell in code:
        line = (cell.source.strip().splitlines() or [""])[0][:60]
        if any(output.output_type == "error" for output in cell.outputs):
            found.append(f"{name}: the cell `{line}` has a stored error; mend it and build again")
        if cell.execution_count is None and cell.source.strip():
            found.append(f"{name}: the cell `{line}` was never executed; run `kit build {name[:2]}`")
        if normalize.clean_outputs(cell.outputs, cell.execution_count) != cell.outputs:
            found.append(f"{name}: the outputs of `{line}` are not clean; run `kit build {name[:2]}`")
    count = sum(bool(normalize.compared(cell)) for cell in code)
    if count < LEAST_COMPARED:
        found.append(
            f"{name}: {count} cells have compared outputs, at least {LEAST_COMPARED} are needed; "
            f"print shapes, counts and words, and tag fewer cells {normalize.IGNORE}"
        )
    return found
