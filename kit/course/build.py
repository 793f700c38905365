"""From a lesson's text to the notebook people open.

`notebooks/source/NN_name.md` is executed by papermill and written to
`notebooks/NN_name.ipynb` with outputs, ids from content and clean metadata;
the Chinese edition follows from its catalogue. A second build changes nothing.

    assemble  chinese  fingerprint  build
"""

import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kit import paths
from kit.course import colab, normalize, pool, translate
from kit.course.catalogue import LessonFile, find, lessons

#: Parts of kit that no lesson's output depends on.
_MACHINERY = {
    "cli",
    "__main__.py",
    "build.py",
    "verify.py",
    "run.py",
    "translate.py",
    "coverage.py",
    "coverage.toml",
}
_MACHINERY |= {
    "pool.py",
    "driver.py",
    "normalize.py",
    "anatomy.py",
    "catalogue.py",
    "colab.py",
    "experiments.py",
}
_GENERATED = "kit-generated"


@dataclass
class Built:
    """Lessons written, unchanged, failed (name -> why), and things to look at.

    Lesson: 00
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def address() -> tuple[str, str]:
    """The repository and branch that badges name, from pyproject.toml.

    Raises: ValueError outside a checkout, where lessons cannot be built.
    Lesson: 00
    """
    root = paths.checkout()
    if root is None:
        raise ValueError("kit is not in a checkout, lessons are built there only; clone the repository")
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["kit"]
    return table["repository"], table["branch"]


def _badges(lesson: LessonFile, language: str) -> str:
    repository, branch = address()
    slug = repository.removeprefix("https://github.com/")
    here = f"notebooks/zh/{lesson.name}.ipynb" if language == "zh" else f"notebooks/{lesson.name}.ipynb"
    on_colab = f"https://colab.research.google.com/github/{slug}/blob/{branch}/{here}"
    on_lab = f"http://localhost:8888/lab/tree/{here}"
    if language == "zh":
        text = f"[在 Colab 中打开]({on_colab}) · [在 JupyterLab 中打开]({on_lab})（先运行 `make lab`）"
        return f"{text}\n\n[English](../{lesson.name}.ipynb) · **中文**"
    text = f"[Open in Colab]({on_colab}) · [Open in JupyterLab]({on_lab}) (after `make lab`)"
    switch = f"\n\n**English** · [中文](zh/{lesson.name}.ipynb)" if lesson.translation.exists() else ""
    return text + switch


def read_source(path: Path) -> list[NotebookNode]:
    """The cells of a MyST Markdown text, with their own metadata only.

    Lesson: 00
    """
    import jupytext

    cells = []
    for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst").cells:
        make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
        cells.append(make(cell.source, metadata=dict(cell.metadata)))
    return cells


def assemble(lesson: LessonFile) -> NotebookNode:
    """The notebook a lesson's text stands for, without outputs.

    Generated cells come first: the badges, and after the title the bootstrap line.

    Lesson: 00
    """
    badges = new_markdown_cell(_badges(lesson, "en"), metadata={"tags": [_GENERATED]})
    bootstrap = new_code_cell(colab.bootstrap_line(*address()), metadata={"tags": [_GENERATED]})
    cells = read_source(lesson.source)
    titled = int(bool(cells) and cells[0].cell_type == "markdown" and cells[0].source.startswith("# "))
    cells = [badges, *cells[:titled], bootstrap, *cells[titled:]]
    for cell, name in zip(cells, normalize.cell_ids(cells)):
        cell.id = name
    kit = {"language": "en", "lesson": lesson.number}
    return new_notebook(cells=cells, metadata={**normalize.METADATA, "kit": kit}, nbformat_minor=5)


def chinese(lesson: LessonFile, english: NotebookNode) -> NotebookNode:
    """The Chinese edition of a built English notebook.

    Lesson: 00
    """
    editions = [f"{one.name}.ipynb" for one in lessons(lesson.folder) if one.translation.exists()]
    notebook = translate.translated(english, lesson.translation, editions)
    notebook.cells[0].source = _badges(lesson, "zh")
    notebook.metadata["kit"]["language"] = "zh"
    return notebook


def messages(lesson: LessonFile) -> list[str]:
    """The English messages of a lesson's text (its generated cells have none).

    Lesson: 00
    """
    return translate.extract(read_source(lesson.source))


def fingerprint(notebook: NotebookNode) -> str:
    """A hash of all code that outputs come from: the cells and kit itself.

    Lesson: 00
    """
    root = Path(paths.__file__).parent
    parts = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for file in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        place = file.relative_to(root)
        if not _MACHINERY & {place.parts[0], file.name} and not place.parts[0].startswith("_"):
            parts += [str(place), file.read_text(encoding="utf-8")]
    return normalize.digest("\0".join(parts))[:16]


def finish(lesson: LessonFile, executed: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The notebook to store, and notes about outputs that moved.

    Lesson: 00
    """
    notebook = assemble(lesson)
    notebook.metadata["kit"]["fingerprint"] = fingerprint(notebook)
    for cell, ran in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.execution_count = ran.execution_count
            cell.outputs = normalize.clean_outputs(ran.outputs, ran.execution_count)
    old = nbformat.read(lesson.notebook, as_version=4) if lesson.notebook.exists() else None
    moved = set(normalize.keep_outputs(notebook, old))
    first_lines = [(c.source.strip().splitlines() or [""])[0] for c in notebook.cells if c.id in moved]
    advice = f"changed though no code did; round it or tag it {normalize.IGNORE}"
    return notebook, [f"{lesson.name}: the output of `{line}` {advice}" for line in first_lines]


def build(
    wanted: Sequence[str] = (),
    *,
    folder: Path | None = None,
    scratch: Path | None = None,
    jobs: int = 1,
    timeout: int = 600,
    on_event: Callable[[pool.Event], None] = lambda event: None,
) -> Built:
    """Execute lessons and write their notebooks, each whole or not at all.

    `timeout` is in seconds per cell. `scratch` holds the copies papermill works
    on (`build/notebooks` in the checkout for None).

    Raises: ValueError for an unknown lesson, or when another build holds `scratch`.
    Lesson: 00
    """
    chosen = [lesson for lesson in find(wanted, folder) if lesson.source.exists()]
    scratch = scratch or Path(paths.checkout() or ".") / "build" / "notebooks"
    by_name, result = {lesson.name: lesson for lesson in chosen}, Built()
    with pool.locked(scratch), tempfile.TemporaryDirectory() as home:
        logs = scratch / "logs"
        logs.mkdir(exist_ok=True)
        for lesson in chosen:
            normalize.write(assemble(lesson), scratch / f"{lesson.name}.source.ipynb")
        work = [
            pool.Job(
                name, scratch / f"{name}.source.ipynb", scratch / f"{name}.ipynb", one.folder, {}, timeout
            )
            for name, one in by_name.items()
        ]
        environment = pool.static_environment(Path(home))
        for event in pool.execute_all(work, workers=jobs, environment=environment, logs=logs):
            on_event(event)
            if event.kind == "done" and event.error:
                result.failed[event.name] = event.error
            elif event.kind == "done":
                _store(by_name[event.name], scratch, result)
    return result


def _store(lesson: LessonFile, scratch: Path, result: Built) -> None:
    executed = nbformat.read(scratch / f"{lesson.name}.ipynb", as_version=4)
    notebook, notes = finish(lesson, executed)
    result.notes += notes
    changed = normalize.write(notebook, lesson.notebook)
    if lesson.translation.exists():
        changed |= normalize.write(chinese(lesson, notebook), lesson.chinese)
        result.notes += translate.problems(lesson.translation, messages(lesson))
    (result.written if changed else result.unchanged).append(lesson.name)
