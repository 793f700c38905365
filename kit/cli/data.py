"""`kit data list | get | verify`: a thin shell over `kit.data`.

fetch_needed
"""

from typing import Annotated

import typer

from kit.cli.report import errors

app = typer.Typer(no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Names from `kit data list`; all for none.")]


@app.command("list")
def show() -> None:
    """List the data sets and models, and which are on this machine."""
    import kit.data

    with errors():
        entries = kit.data.entries()
        width = max([len(name) for name in entries] + [4])
        for name, entry in sorted(entries.items()):
            here = "here " if kit.data.available(name) else "fetch"
            print(f"{name:<{width}}  {here}  {getattr(entry, 'licence', '') or ''}".rstrip())


@app.command()
def get(names: Names = None) -> None:
    """Fetch data sets and models once, and check their sums."""
    import kit.data

    with errors():
        for name in names or sorted(kit.data.entries()):
            print(f"{name}: {kit.data.get(name).name}", flush=True)


@app.command()
def verify(names: Names = None) -> None:
    """Compare what is on this machine with its checksums."""
    import kit.data

    bad = 0
    with errors():
        for name in names or sorted(n for n in kit.data.entries() if kit.data.available(n)):
            try:
                kit.data.verify(name)
                print(f"[OK]   {name}")
            except ValueError as error:
                bad += 1
                print(f"[FAIL] {name}: {error}")
    raise typer.Exit(bool(bad))


def fetch_needed() -> list[str]:
    """Fetch what lessons need and is not on this machine; the names fetched.

    A set that cannot be fetched is named in one line and left out: the lesson
    that uses it skips that section.

    Lesson: 00
    """
    import kit.data

    fetched = []
    for name in sorted(kit.data.entries()):
        if kit.data.available(name):
            continue
        try:
            kit.data.get(name)
            fetched.append(name)
            print(f"fetched {name}", flush=True)
        except (ValueError, OSError, RuntimeError) as error:
            print(f"not fetched: {name}: {error}", flush=True)
    return fetched
