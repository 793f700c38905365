"""`kit runs list | compare`: the training runs that were logged to a folder."""

from pathlib import Path
from typing import Annotated

import typer

from kit.cli.report import errors

app = typer.Typer(no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Folder of the runs' .jsonl files.")]


@app.command("list")
def show(folder: Folder = Path("runs")) -> None:
    """List the runs of a folder, oldest first."""
    from kit.train import tracking

    with errors():
        for run in tracking.list_runs(folder):
            state = "finished" if run.finished else "cut"
            print(f"{run.name}  {run.started}  {len(run.epochs)} epochs  {state}  {run.note}".rstrip())


@app.command()
def compare(
    folder: Folder = Path("runs"),
    monitor: Annotated[str, typer.Option(help="The value that decides.")] = "loss",
    mode: Annotated[str, typer.Option(help="min or max.")] = "min",
) -> None:
    """Compare runs: differing settings and the best epoch, best first."""
    from kit.train import tracking

    with errors():
        rows = tracking.compare_runs(folder, monitor, mode=mode)
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = [names, *([_cell(row.get(name, "")) for name in names] for row in rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(names))]
        for line in table:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
