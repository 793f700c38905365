"""Stored notebooks that stay the same when nothing changed.

Cell ids come from content, metadata is reduced to what a reader needs, and
outputs lose what differs from run to run. A cell tagged
`nbval-ignore-output` keeps its stored outputs while the code is the same.

    IGNORE  cell_ids  clean_outputs  keep_outputs  compared  records  write
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

IGNORE = "nbval-ignore-output"
#: What nbval leaves out of its comparison (and therefore does not count as compared).
NOT_COMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
#: The memory address in a default repr differs from run to run and says nothing.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")


def digest(text: str) -> str:
    """sha256 of a text with Unix line ends, in hexadecimal.

    Lesson: 00
    """
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def cell_ids(cells: Sequence[NotebookNode]) -> list[str]:
    """An id per cell from type and source; repeats get `-2`, `-3`, ...

    Lesson: 00
    """
    ids, seen = [], {}
    for cell in cells:
        base = digest(f"{cell.cell_type}\n{cell.source}")[:12]
        seen[base] = seen.get(base, 0) + 1
        ids.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return ids


def tags(cell: NotebookNode) -> list[str]:
    """The cell's tags.

    Lesson: 00
    """
    return list(cell.metadata.get("tags", []))


def clean_outputs(outputs: Sequence[NotebookNode], count: int | None) -> list[NotebookNode]:
    """Outputs as stored: streams joined, no widgets, one execution count.

    Lesson: 00
    """
    kept: list[NotebookNode] = []
    for output in outputs:
        output = nbformat.from_dict(dict(output))
        output.pop("transient", None)
        if output.output_type == "stream":
            output.text = "".join(output.text)
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        for kind in ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"):
            output.get("data", {}).pop(kind, None)
        if "data" in output and "text/plain" in output.data:
            output.data["text/plain"] = _ADDRESS.sub("", "".join(output.data["text/plain"]))
        if output.output_type == "execute_result":
            output.execution_count = count
        if output.get("data") != {}:
            kept.append(output)
    return kept


def compared(cell: NotebookNode) -> list:
    """What nbval compares of a cell: its text; nothing for an ignored cell.

    Lesson: 00
    """
    if cell.cell_type != "code" or {IGNORE, "nbval-skip"} & set(tags(cell)):
        return []
    found = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            found.append((output.name, output.text))
        else:
            data = output.get("data", {})
            found += [(kind, data[kind]) for kind in sorted(data) if kind not in NOT_COMPARED]
    return found


def records(notebook: NotebookNode) -> Iterator[dict]:
    """Claim, erratum and exercise records in the outputs' metadata.

    Lesson: 00
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            record = output.get("metadata", {}).get("kit")
            for one in record if isinstance(record, list) else [record]:
                if isinstance(one, dict) and "record" in one:
                    yield dict(one)


def keep_outputs(new: NotebookNode, old: NotebookNode | None) -> list[str]:
    """Put back stored outputs where the new differ only in what may differ.

    Nothing is kept unless both notebooks were made by the same code: the same
    cells, and the same `kit` (`metadata.kit.fingerprint`). Then a cell tagged
    `nbval-ignore-output` keeps all of its stored outputs, and a compared cell
    keeps them (with the measured values in their metadata) when what is
    compared is equal. Returns the ids of cells whose compared output is new.

    Lesson: 00
    """
    if old is None or old.metadata.get("kit") != new.metadata.get("kit"):
        return []
    stored, changed = {cell.get("id"): cell for cell in old.cells}, []
    for cell in new.cells:
        before = stored.get(cell.id)
        if cell.cell_type != "code" or before is None or before.source != cell.source:
            continue
        if compared(cell) != compared(before):
            changed.append(cell.id)
        else:
            cell.outputs = before.outputs
    return changed


def write(notebook: NotebookNode, path: Path) -> bool:
    """Write a notebook whole or not at all; False when it is there already.

    Raises: nbformat.ValidationError for a notebook that is not valid.
    Lesson: 00
    """
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    text = text if text.endswith("\n") else text + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return True
