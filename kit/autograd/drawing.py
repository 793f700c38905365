"""The computation graph as data, as DOT and as SVG text, without other programs."""

import html

import numpy as np

from kit import check
from kit.autograd.engine import Value


def to_rows(value: Value) -> list[dict]:
    """The graph as data: one dict per node, inputs first.

    Keys: id, name, op, value, grad, and inputs, a list of {id, rule, local}.

    Lesson: 04
    """
    order = value.graph()
    number = {id(node): i for i, node in enumerate(order)}
    return [
        {
            "id": i,
            "name": node.name,
            "op": node.op,
            "value": node.data,
            "grad": node.grad,
            "inputs": [{"id": number[id(e.parent)], "rule": e.rule, "local": e.local} for e in node.edges],
        }
        for i, node in enumerate(order)
    ]


def to_dot(value: Value) -> str:
    """The graph in the DOT language, as text. Lesson: 04"""
    lines = ["digraph {", "  rankdir=LR;", "  node [shape=box];"]
    for row in to_rows(value):
        label = "\\n".join(_label(row)).replace('"', '\\"')
        lines.append(f'  n{row["id"]} [label="{label}"];')
        lines += [f"  n{e['id']} -> n{row['id']};" for e in row["inputs"]]
    return "\n".join([*lines, "}"])


def to_svg(value: Value, *, marked: int | None = None) -> str:
    """The graph drawn as SVG text, inputs on the left; needs no other program.

    Args:
        value: the last node.
        marked: id of a node (see `to_rows`) to draw in colour, or None.

    Raises:
        TypeError, ValueError: `marked` is not an id of the graph.

    Lesson: 04
    """
    rows = to_rows(value)
    if marked is not None:
        check.integer("marked", marked, 0, len(rows) - 1)
    width, height, gap = 150, 64, 40
    column: list[int] = []
    for row in rows:
        column.append(1 + max((column[e["id"]] for e in row["inputs"]), default=-1))
    place = []
    for i, c in enumerate(column):
        place.append((gap + c * (width + gap), gap // 2 + column[:i].count(c) * (height + gap // 2)))
    total_w = max(x for x, _ in place) + width + gap
    total_h = max(y for _, y in place) + height + gap // 2
    title = f"Computation graph of {len(rows)} nodes, from inputs to {html.escape(rows[-1]['op'])}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_w} {total_h}" role="img" '
        f'style="background:white" font-family="monospace" font-size="12"><title>{title}</title>'
    ]
    for row, (x, y) in zip(rows, place, strict=True):
        for e in row["inputs"]:
            x0, y0 = place[e["id"]]
            ends = f'x1="{x0 + width}" y1="{y0 + height // 2}" x2="{x}" y2="{y + height // 2}"'
            parts.append(f'<line {ends} stroke="gray"/>')
    for row, (x, y) in zip(rows, place, strict=True):
        fill = "moccasin" if row["id"] == marked else "white"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" stroke="black"/>'
        )
        for i, text in enumerate(_label(row)):
            parts.append(f'<text x="{x + 8}" y="{y + 18 + 18 * i}">{html.escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def _label(row: dict) -> list[str]:
    head = f"{row['name']}: {row['op']}" if row["name"] else row["op"]
    return [head, f"value {_short(row['value'])}", f"grad {_short(row['grad'])}"]


def _short(array: np.ndarray) -> str:
    return f"{array.item():.4g}" if array.size == 1 else "×".join(map(str, array.shape))
