"""Put a line, a text or a table on the page, with a record that a machine can read.

    line   markdown   table   source

In a notebook the record travels in the output's metadata under "kit", where
`kit run` collects it and nbval, which compares no metadata, leaves it alone.
"""

import html
import inspect
import textwrap
from pathlib import Path

from kit import session


def line(text: str, record: dict | None = None) -> None:
    """Show one line of plain text."""
    _publish({"text/plain": text}, text, record)


def markdown(text: str, record: dict | None = None) -> None:
    """Show Markdown, as plain text where there is no notebook."""
    _publish({"text/plain": text, "text/markdown": text}, text, record)


def folded(summary: str, code: str) -> None:
    """Show Python code folded behind `summary`."""
    body = f"<details><summary>{html.escape(summary)}</summary><pre>{html.escape(code)}</pre></details>"
    _publish({"text/plain": f"{summary}\n{code}", "text/html": body}, f"{summary}\n{code}", None)


def table(rows: list[dict], caption: str = "") -> None:
    """Show rows (dictionaries with the same keys) as a Markdown table."""
    markdown(to_markdown(rows, caption))


def to_markdown(rows: list[dict], caption: str = "") -> str:
    """Rows as the text of a Markdown table; "(none)" for no rows."""
    if not rows:
        return f"{caption}: (none)" if caption else "(none)"
    cells = [
        [str(row.get(key, "")).replace("|", "\\|").replace("\n", " ") for key in rows[0]] for row in rows
    ]
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    return (f"**{caption}**\n\n" if caption else "") + "\n".join(lines)


def source(thing) -> None:
    """Show the very code of a kit function or class, with the file it stands in.

    Raises TypeError for something that has no Python source.
    """
    inner = inspect.unwrap(thing)  # what a decorator wraps is meant, not the decorator's file
    try:
        code = textwrap.dedent(inspect.getsource(inner)).rstrip()
        where = Path(inspect.getsourcefile(inner)).resolve()
    except (TypeError, OSError) as error:
        raise TypeError(
            f"thing={thing!r} has no Python source to show; give a function or class written in Python"
        ) from error
    parts = where.parts
    inside = "/".join(parts[len(parts) - parts[::-1].index("kit") - 1 :]) if "kit" in parts else where.name
    markdown(f"`{inside}`\n\n```python\n{code}\n```")


def _publish(bundle: dict, text: str, record: dict | None) -> None:
    if not session.in_kernel():
        print(text)
        return
    from IPython.display import display

    display(bundle, raw=True, metadata={"kit": record} if record else {})
