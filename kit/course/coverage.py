"""Every item of the articles has a place in the course, and it exists.

`kit/course/coverage.toml` holds one table per inventory id (quote the id: it has dots):

    ["S0-1.1"]
    topic = "nets of 10^6 to 10^11 parameters"
    lesson = "01"                      # two digits; a lesson not built yet is allowed
    kind = "demo"                      # a code cell shows it ...
    shows = "claim: BERT-large size"   # ... or "erratum: M01" or "exercise: 3"

    ["S0-1.1.3"]
    lesson = "01"
    kind = "card"                      # a text tells it:
    card = "Impact"                    # the Markdown block under the heading "Card: Impact"

A card has 60 words or more (a Chinese character counts as half a word), a line
that begins with "Source" and a question. `kind`, `shows` and `card` are checked
as soon as the lesson's notebook exists; until then they may be absent.

    Entry  read  problems  totals
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kit.course import normalize
from kit.course.catalogue import lessons

FILE = Path(__file__).with_name("coverage.toml")
LEAST_WORDS = 60
_SHOWS = re.compile(r"(claim|erratum|exercise): ?(.+)")
_CARD = re.compile(r"^#{2,4} Card: (.+?)\s*$", re.M)


@dataclass(frozen=True)
class Entry:
    """Where one inventory id is covered.

    Lesson: 00
    """

    id: str
    topic: str = ""
    lesson: str = ""
    kind: str = ""
    shows: str = ""
    card: str = ""


def read(file: Path = FILE) -> tuple[list[Entry], list[str]]:
    """The entries of a coverage file, and a line per malformed one.

    Lesson: 00
    """
    entries, found = [], []
    for id, table in _tables(tomllib.loads(file.read_text(encoding="utf-8"))):
        unknown = sorted(
            k for k, v in table.items() if k not in Entry.__match_args__ and not isinstance(v, dict)
        )
        known = {k: str(table[k]) for k in ("topic", "lesson", "kind", "shows", "card") if k in table}
        entry = Entry(id, **known)
        entries.append(entry)
        if unknown:
            found.append(
                f"coverage {id}: {', '.join(unknown)} is not a key; use topic, lesson, kind, shows, card"
            )
        if not re.fullmatch(r"\d\d", entry.lesson):
            found.append(
                f"coverage {id}: lesson={entry.lesson!r} is not a number of two digits; give its lesson"
            )
        if not entry.topic:
            found.append(f"coverage {id}: topic is missing; say in a few words what the articles have there")
        if entry.kind not in ("", "demo", "card"):
            found.append(f'coverage {id}: kind={entry.kind!r} is not known; choose "demo" or "card"')
        if entry.shows and not _SHOWS.fullmatch(entry.shows):
            found.append(
                f"coverage {id}: shows={entry.shows!r} names nothing; write claim:, erratum: or exercise:"
            )
    return entries, found


def _tables(tree: Mapping, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping]]:
    """Tables with values, by dotted path (an unquoted id nests)."""
    if path and (not tree or any(not isinstance(value, dict) for value in tree.values())):
        yield ".".join(path), tree
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _tables(value, (*path, key))


def problems(file: Path = FILE, folder: Path | None = None) -> list[str]:
    """One line per id that has no place, or whose place does not show it.

    Lesson: 00
    """
    if not file.exists():
        return [f"{file.name}: no such file; every inventory id needs a lesson and a kind there"]
    entries, found = read(file)
    built = {lesson.number: lesson for lesson in lessons(folder) if lesson.notebook.exists()}
    notebooks = {}
    for entry in entries:
        if entry.lesson not in built:
            continue
        if entry.lesson not in notebooks:
            notebooks[entry.lesson] = nbformat.read(built[entry.lesson].notebook, as_version=4)
        found += _place_problems(entry, notebooks[entry.lesson])
    return found


def _place_problems(entry: Entry, notebook: NotebookNode) -> list[str]:
    where = f"coverage {entry.id}: lesson {entry.lesson}"
    if entry.kind == "card":
        cards = cards_of(notebook)
        if entry.card not in cards:
            return [f'{where} has no card "{entry.card}"; write it under a heading "Card: {entry.card}"']
        return [f'{where}, card "{entry.card}" {fault}' for fault in card_faults(cards[entry.card])]
    shown = _SHOWS.fullmatch(entry.shows)
    if not shown:
        return [
            f"{where} is built, but names no claim, erratum, exercise or card; add kind and shows or card"
        ]
    kind, name = shown[1], shown[2].strip()
    key = {"claim": "name", "erratum": "id", "exercise": "number"}[kind]
    names = {str(r.get(key)) for r in normalize.records(notebook) if r["record"] == kind}
    return (
        []
        if name in names
        else [f"{where} shows no {kind} {name!r}; it has {', '.join(sorted(names)) or 'none'}"]
    )


def cards_of(notebook: NotebookNode) -> dict[str, str]:
    """The cards of a lesson: heading -> text up to the next heading.

    Lesson: 00
    """
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for match in _CARD.finditer(cell.source):
                found[match[1]] = re.split(r"^#{1,4} ", cell.source[match.end() :], maxsplit=1, flags=re.M)[0]
    return found


def card_faults(text: str) -> list[str]:
    """What a card lacks: words, a source, a question.

    Lesson: 00
    """
    han = len(re.findall(r"[一-鿿]", text))
    words = len(re.findall(r"[A-Za-z0-9][\w'’.%-]*", text)) + han // 2
    faults = [f"has {words} words, {LEAST_WORDS} are needed"] if words < LEAST_WORDS else []
    if not re.search(r"^\W*(Sources?|来源)\b", text, flags=re.M):
        faults.append('names no source; begin a line with "Source"')
    if not re.search(r"[?？]", text):
        faults.append("asks no question; end it with one")
    return faults


def totals(entries: list[Entry]) -> dict[str, Counter]:
    """Counts of entries by kind, by lesson and by article.

    Lesson: 00
    """
    return {
        "kind": Counter(entry.kind for entry in entries),
        "lesson": Counter(entry.lesson for entry in entries),
        "article": Counter(entry.id.split("-")[0] for entry in entries),
    }
