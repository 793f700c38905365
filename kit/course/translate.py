"""The Chinese edition: a gettext message per block, the same code and outputs.

`notebooks/source/zh/NN_name.po` holds the messages. Fenced code and `$$`
formulas are no messages and stay as they are. When an English block changes,
its message keeps the old translation and becomes fuzzy until a person has read it.

    blocks  extract  update  problems  lost  translated
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import polib
from nbformat import NotebookNode

#: How alike an old and a new English block must be for the old translation to be offered.
LIKENESS = 0.5
#: What stands in a translation as it stands in the English.
_KEPT = {
    "code": re.compile(r"`[^`]+`"),
    "formula": re.compile(r"(?<![\\$])\$[^$]+\$"),
    "link": re.compile(r"\]\([^)]*\)|https?://[^\s)>,]+"),
    "heading": re.compile(r"^#{1,6}(?= )", re.M),
    "level": re.compile(r"★+"),
}
_FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,}|\$\$)")


def blocks(text: str) -> list[str]:
    """A Markdown text cut into blocks; newlines join them again.

    A fence or a `$$` formula is one block with its lines; an empty line is the
    block "".

    Lesson: 00
    """
    found, current, fence = [], [], None
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence is None and mark and not (mark[1] == "$$" and line.count("$$") > 1):
            if current:
                found.append("\n".join(current))
            current, fence = [line], mark[1]
        elif fence is not None:
            current.append(line)
            if line.strip().endswith(fence) if fence == "$$" else line.strip().startswith(fence):
                found.append("\n".join(current))
                current, fence = [], None
        elif not line.strip():
            if current:
                found.append("\n".join(current))
            current = []
            found.append(line)
        else:
            current.append(line)
    return [*found, "\n".join(current)] if current else found


def is_message(block: str) -> bool:
    """Whether a block is prose: not empty, no fence, no `$$` formula.

    Lesson: 00
    """
    return bool(block.strip()) and not _FENCE.match(block)


def extract(cells: Sequence[NotebookNode]) -> list[str]:
    """The messages of a lesson in the order of its text, each once.

    Lesson: 00
    """
    found = {}
    for cell in cells:
        if cell.cell_type == "markdown":
            found |= {block: None for block in blocks(cell.source) if is_message(block)}
    return list(found)


def update(catalogue: Path, messages: Sequence[str], lesson: str) -> polib.POFile:
    """Bring a catalogue up to date with the English messages and write it.

    A message that is gone offers its translation to the new message most like
    it, marked fuzzy, with the old English in `previous_msgid`. Nothing else is
    kept of it.

    Lesson: 00
    """
    old = polib.pofile(str(catalogue), encoding="utf-8") if catalogue.exists() else polib.POFile()
    known = {entry.msgid: entry for entry in old if not entry.obsolete}
    gone = {msgid: entry for msgid, entry in known.items() if msgid not in set(messages) and entry.msgstr}
    new = polib.POFile(wrapwidth=0)
    new.metadata = {
        "Project-Id-Version": "large-model-kit",
        "Language": "zh_CN",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    for place, message in enumerate(messages):
        entry = polib.POEntry(msgid=message, occurrences=[(lesson, str(place))])
        before = known.get(message)
        near = [] if before else difflib.get_close_matches(message, gone, n=1, cutoff=LIKENESS)
        if before:
            entry.msgstr, entry.flags, entry.previous_msgid = (
                before.msgstr,
                before.flags,
                before.previous_msgid,
            )
            entry.tcomment = before.tcomment
        elif near:
            entry.msgstr, entry.flags, entry.previous_msgid = gone[near[0]].msgstr, ["fuzzy"], near[0]
        new.append(entry)
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(catalogue))
    return new


def problems(catalogue: Path, messages: Sequence[str]) -> list[str]:
    """One line per message missing, not translated, fuzzy, damaged or unused.

    Lesson: 00
    """
    entries = {
        entry.msgid: entry for entry in polib.pofile(str(catalogue), encoding="utf-8") if not entry.obsolete
    }
    found = []
    for message in messages:
        entry = entries.get(message)
        if entry is None:
            found.append(f"{catalogue.name}: no message for {_short(message)}")
        elif "fuzzy" in entry.flags:
            found.append(f"{catalogue.name}: the English changed, translation is fuzzy: {_short(message)}")
        elif not entry.msgstr.strip():
            found.append(f"{catalogue.name}: not translated: {_short(message)}")
        else:
            found += [
                f"{catalogue.name}: {fault} in: {_short(message)}" for fault in lost(message, entry.msgstr)
            ]
    unused = [m for m in entries if m not in set(messages)]
    found += [f"{catalogue.name}: no longer in the lesson: {_short(m)}" for m in unused]
    return found


def lost(message: str, translation: str) -> list[str]:
    """What a translation must keep and does not: code, formulas, links, headings, stars.

    Lesson: 00
    """
    faults = []
    for what, pattern in _KEPT.items():
        there, here = (
            {" ".join(m.split()) for m in pattern.findall(text)} for text in (message, translation)
        )
        absent = sorted(there - here)
        faults += [f"the {what} {text!r} is lost" for text in absent]
    return faults


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")


def translated(notebook: NotebookNode, catalogue: Path, editions: Sequence[str] = ()) -> NotebookNode:
    """A copy of an English notebook with its prose from the catalogue.

    Cells, ids, code and outputs are the same. A message without a valid
    translation stays English. `editions` are the notebook names that exist in
    Chinese; relative links to anything else get `../`.

    Lesson: 00
    """
    import copy

    entries = polib.pofile(str(catalogue), encoding="utf-8")
    known = {
        e.msgid: e.msgstr for e in entries if e.msgstr.strip() and "fuzzy" not in e.flags and not e.obsolete
    }
    result = copy.deepcopy(notebook)
    for cell in result.cells:
        if cell.cell_type == "markdown":
            text = "\n".join(known.get(block, block) for block in blocks(cell.source))
            cell.source = relink(text, editions)
    return result


def relink(text: str, editions: Sequence[str]) -> str:
    """Relative Markdown links as seen from one folder further down.

    Lesson: 00
    """

    def moved(match: re.Match) -> str:
        target = match[2]
        name = target.split("#")[0]
        stays = re.match(r"[a-z][a-z+.-]*:|#|/|attachment:", target) or name in editions
        return match[0] if stays else f"{match[1]}../{target})"

    return re.sub(r"(\]\()([^)\s]+)\)", moved, text)
