"""`kit data list | get | verify`: a thin shell over `kit.data`.

fetch_needed
"""

from typing import Annotated

import typer

from kit.cli.report import errors

app = typer.Typer(no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Names from `kit data list`; all for none.")]
_MARKS = {"ok": "[OK]  ", "missing": "[SKIP]", "damaged": "[FAIL]"}


@app.command("list")
def show() -> None:
    """List the data sets and models: name, is it here, where from, title."""
    import kit.data

    with errors():
        entries = kit.data.entries()
        width = max(len(entry.name) for entry in entries)
        for entry in entries:
            here = "here " if kit.data.available(entry.name) else "fetch"
            print(f"{entry.name:<{width}}  {here}  {entry.way:<10}  {entry.title}")


@app.command()
def get(names: Names = None) -> None:
    """Fetch data sets and models once, and check their sums."""
    import kit.data

    with errors():
        for name in names or [entry.name for entry in kit.data.entries()]:
            files = kit.data.get(name, progress=lambda line: print(line, flush=True))
            print(f"{name}: {', '.join(file.name for file in files) or 'comes with a package'}", flush=True)


@app.command()
def verify(names: Names = None) -> None:
    """Compare files with their checksums; exit code 1 for a damaged one."""
    import kit.data

    with errors():
        found = [state for name in names or [None] for state in kit.data.verify(name)]
        for state in found:
            cure = {"ok": "", "missing": f"; run `kit data get {state.name}` to have it"}.get(
                state.state, f"; sha256 is {state.found}, {state.expected} is expected"
            )
            print(f"{_MARKS[state.state]} {state.name}/{state.file}: {state.state}{cure}")
    raise typer.Exit(any(state.state == "damaged" for state in found))


def fetch_needed() -> list[str]:
    """Fetch what lessons need and is not on this machine; the names fetched.

    A set that cannot be fetched is named in one line and left out: the lesson
    that uses it skips that section.

    Lesson: 00
    """
    import kit.data

    fetched = []
    for entry in kit.data.entries():
        if kit.data.available(entry.name):
            continue
        try:
            kit.data.get(entry.name, progress=lambda line: print(line, flush=True))
            fetched.append(entry.name)
        except kit.data.DataError as error:
            print(f"kit: not fetched: {entry.name}: {error}", flush=True)
    return fetched
