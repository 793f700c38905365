"""The countable rules of the house: length, arguments, who imports whom, docstrings, names."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import kit

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "kit").rglob("*.py"))
LEXICON = {"utils", "helpers", "common", "misc"}
LINE_OF = {room: i for i, line in enumerate(kit.LINES) for room in line}
#: Rooms that everyone may use: they import nothing of kit.
OPEN = set(kit.LINES[0][:4])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    return path.relative_to(ROOT / "kit").parts[0].removesuffix(".py")


def is_exercise(path: Path) -> bool:
    return "exercises" in path.parts


def public(tree: ast.Module):
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if all(getattr(mark, "id", "") != "overload" for mark in node.decorator_list):
            yield node


def kit_imports(tree: ast.AST):
    """(room, inside a function or not) of every import of kit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "kit":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kit."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("kit."))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_one_idea(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert path.stem not in LEXICON
    assert is_exercise(path) or len(path.read_text("utf-8").splitlines()) <= 400
    assert ast.get_docstring(tree), "a module says in its docstring what is in it"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, f"{node.name} has more than 60 lines"
            spec = node.args
            count = len(
                [a for a in spec.posonlyargs + spec.args + spec.kwonlyargs if a.arg not in ("self", "cls")]
            )
            assert count <= 8 or mirrors_torch(path), f"{node.name} takes {count} arguments, at most 8"


def mirrors_torch(path: Path) -> bool:
    """Layers, losses and optimizers keep the constructors of their counterparts in torch."""
    return room(path) in ("layers", "optim", "losses")


@pytest.mark.parametrize("path", [f for f in FILES if not is_exercise(f)], ids=name)
def test_public_names_have_a_docstring_with_a_short_first_line(path):
    for node in public(ast.parse(path.read_text("utf-8"))):
        doc = ast.get_docstring(node)
        assert doc, f"{node.name} has no docstring"
        assert len(doc.splitlines()[0]) <= 88, (
            f"{node.name}: first line of {len(doc.splitlines()[0])} characters"
        )


@pytest.mark.parametrize("path", [f for f in FILES if LINE_OF.get(room(f)) in (0, 1, 2, 3)], ids=name)
def test_a_public_class_says_which_lesson_teaches_it(path):
    for node in public(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert "Lesson" in ast.get_docstring(node), f"{node.name} names no lesson"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_room_imports_only_to_its_left_and_above(path):
    me = room(path)
    if me in ("__init__", "__main__"):
        return
    for other in set(kit_imports(ast.parse(path.read_text("utf-8")))) - {me} - OPEN:
        assert other in LINE_OF, f"kit.{other} is no room; add it to kit.LINES"
        assert LINE_OF[other] <= LINE_OF[me], f"{me} imports {other}, which stands on a lower line"
        line = kit.LINES[LINE_OF[me]]
        if LINE_OF[other] == LINE_OF[me]:
            assert line.index(other) < line.index(me), f"{me} imports {other}, which stands to its right"
        assert not (other == "models" and LINE_OF[me] in (2, 3)), (
            f"{me} works on any module and imports models"
        )


@pytest.mark.parametrize("path", [f for f in FILES if room(f) in OPEN], ids=name)
def test_open_rooms_import_nothing_of_kit(path):
    assert not list(kit_imports(ast.parse(path.read_text("utf-8"))))


HEAVY = {
    "matplotlib",
    "ipywidgets",
    "IPython",
    "nbformat",
    "papermill",
    "jupytext",
    "tqdm",
    "pandas",
    "sklearn",
}


@pytest.mark.parametrize("path", [f for f in FILES if LINE_OF.get(room(f), 9) <= 3], ids=name)
def test_lines_one_to_four_import_no_notebook_library_at_import_time(path):
    for node in ast.parse(path.read_text("utf-8")).body:
        roots = []
        if isinstance(node, ast.Import):
            roots = [a.name.split(".")[0] for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            roots = [(node.module or "").split(".")[0]]
        assert not HEAVY & set(roots), f"{HEAVY & set(roots)} at import time"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_star_import_exec_or_forgotten_note(path):
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.names[0].name != "*"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("exec", "eval")
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
            assert node.exc.id != "NotImplementedError" or "Abstract base" in text, "a stub"
    for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
        assert word not in text


def docstring_lines(tree: ast.AST) -> set[int]:
    """Numbers of the lines that docstrings take."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                found |= set(range(first.lineno, first.end_lineno + 1))
    return found


def code_lines(text: str) -> int:
    """Lines that are neither empty, comment nor docstring."""
    told = docstring_lines(ast.parse(text))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(s.strip()) and not s.strip().startswith("#") and i not in told for i, s in lines)


def test_a_room_fits_into_one_head():
    """At most 2,000 code lines a room without exercises, 20,000 in all (first planned: 12,000)."""
    assert code_lines('"""Doc."""\n# why\n\nx = 1  # a\n') == 1
    sizes = Counter()
    for path in FILES:
        sizes[room(path)] += 0 if is_exercise(path) else code_lines(path.read_text("utf-8"))
    assert {name: size for name, size in sizes.items() if size > 2_000} == {}
    assert sizes.total() <= 20_000


def test_every_room_is_listed():
    rooms = {room(f) for f in FILES} - {"__init__", "__main__"}
    assert rooms == set(LINE_OF)
