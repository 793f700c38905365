"""The lessons as files: which there are and what each can be told.

A lesson is `notebooks/source/NN_name.md` (its text), `notebooks/NN_name.ipynb`
(what people open) and, where there is one, `notebooks/source/zh/NN_name.po`
with `notebooks/zh/NN_name.ipynb` (the Chinese edition).

    LessonFile  lessons  find  parameters  check_parameters
"""

import ast
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit import check, paths

PROFILES = ("quick", "laptop", "gpu")
_NAME = re.compile(r"(\d\d)_[a-z0-9_]+")


@dataclass(frozen=True, order=True)
class LessonFile:
    """A lesson's number, name (`NN_name`) and notebooks folder.

    Lesson: 00
    """

    number: str
    name: str
    folder: Path

    @property
    def source(self) -> Path:
        """The text: MyST Markdown."""
        return self.folder / "source" / f"{self.name}.md"

    @property
    def notebook(self) -> Path:
        """The executed English notebook."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def translation(self) -> Path:
        """The Chinese message catalogue (it may be missing)."""
        return self.folder / "source" / "zh" / f"{self.name}.po"

    @property
    def chinese(self) -> Path:
        """The Chinese notebook."""
        return self.folder / "zh" / f"{self.name}.ipynb"


def lessons(folder: Path | None = None) -> list[LessonFile]:
    """All lessons that have a source or a notebook, by number.

    Raises: ValueError when two lessons share a number.
    Lesson: 00
    """
    folder = folder or paths.notebooks()
    files = [*(folder / "source").glob("*.md"), *folder.glob("*.ipynb")]
    names = sorted({f.stem for f in files if _NAME.fullmatch(f.stem)})
    found = [LessonFile(name[:2], name, folder) for name in names]
    for one, other in itertools.pairwise(found):
        if one.number == other.number:
            raise ValueError(
                f"lesson {one.number} is there twice, {one.name} and {other.name}; rename one of them"
            )
    return found


def find(wanted: Iterable[str | int | Path] = (), folder: Path | None = None) -> list[LessonFile]:
    """The wanted lessons (`3`, `03`, `03_name` or a path); all for none given.

    Raises: ValueError for a lesson that does not exist, with the nearest name.
    Lesson: 00
    """
    known = lessons(folder)
    keys = {lesson.name: lesson for lesson in known} | {lesson.number: lesson for lesson in known}
    chosen = []
    for text in wanted:
        key = Path(str(text)).stem
        key = key.zfill(2) if key.isdigit() else key
        if key not in keys:
            check.one_of("lesson", key, [lesson.name for lesson in known] or ["none yet"])
        chosen.append(keys[key])
    return sorted(set(chosen)) if chosen else known


def parameters(cells: Sequence[Mapping]) -> dict[str, object]:
    """Names and default values in the cell tagged `parameters`.

    Only literal values count (numbers, text, True, None, lists, tuples, dicts).
    Lesson: 00
    """
    values = {}
    for cell in cells:
        if "parameters" not in cell.get("metadata", {}).get("tags", []):
            continue
        for node in ast.parse("".join(cell["source"])).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and isinstance(targets[0], ast.Name)
                and node.value
            ):
                values[targets[0].id] = _literal(node.value)
    return values


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def read_value(text: str) -> object:
    """A command-line value: a Python literal, else the text itself.

    Lesson: 00
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text)


def check_parameters(lesson: str, given: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Raise unless the lesson has each parameter, with a value of its type.

    Raises: ValueError for an unknown name (with the nearest one) or profile,
    TypeError for a value of another type. An int is accepted for a float.
    Lesson: 00
    """
    for name, value in given.items():
        check.one_of(f"parameter of lesson {lesson}", name, defaults)
        default = defaults[name]
        if name == "profile":
            check.one_of("profile", value, PROFILES)
        kinds = (int, float) if isinstance(default, float) else (list, tuple)
        kinds = kinds if isinstance(default, float | list | tuple) else (type(default),)
        wrong_bool = isinstance(value, bool) and not isinstance(default, bool)
        if default is not None and (wrong_bool or not isinstance(value, kinds)):
            raise TypeError(
                f"{name}={check.show(value)} is not of type {type(default).__name__}; "
                f"lesson {lesson} has {name}={check.show(default)}, give a value like it"
            )
