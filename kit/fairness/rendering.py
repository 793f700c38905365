"""Small tables for people: aligned Markdown, and HTML without a style sheet.

markdown_table  html_table  markdown_text  cell
"""

import html
import math
import re
from collections.abc import Callable


def cell(value) -> str:
    """A number with four digits, nan as "undefined", else the text on one line. Lesson: 20."""
    if isinstance(value, float):
        return "undefined" if math.isnan(value) else f"{value:,.0f}" if value > 1e4 else f"{value:.4g}"
    text = " / ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return " ".join(text.split())


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it stands: no HTML, no border of a cell. Lesson: 20."""
    return re.sub(r"([\\<|])", r"\\\1", text)


def markdown_table(head: list, rows: list[list], escape: Callable[[str], str] = markdown_text) -> str:
    """A Markdown table whose columns are aligned in plain text, too. Lesson: 20."""
    table = [[escape(cell(value)) for value in row] for row in (head, *rows)]
    wide = [max(map(len, column)) for column in zip(*table)]
    table.insert(1, ["-" * n for n in wide])
    return "\n".join("| " + " | ".join(text.ljust(n) for text, n in zip(row, wide)) + " |" for row in table)


def html_table(head: list, rows: list[list]) -> str:
    """The same as an HTML table; every text is escaped. Lesson: 20."""
    table = [[f"<td>{html.escape(cell(value))}</td>" for value in row] for row in (head, *rows)]
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in table)
    return f"<table>{lines.replace('td>', 'th>', 2 * len(head))}</table>"
