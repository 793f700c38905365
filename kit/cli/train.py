"""`kit train`: a training run outside a notebook, also under torchrun.

train
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from kit.cli.report import errors


def train(
    config: Annotated[str, typer.Argument(help="A TOML file, or a name that comes with kit.")],
    out: Annotated[Path | None, typer.Option(help="Folder for weights, log and checkpoints.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Train what a configuration says; `torchrun -m kit train CONFIG` uses several processes."""
    from kit.train.config import read_config, run_config
    from kit.train.distributed import Rank

    with errors():
        chosen = read_config(config)
        folder = out or Path("build") / "train" / chosen.name
        history = run_config(chosen, folder, resume=resume, device=device, progress=True)
    if Rank(int(os.environ.get("RANK", "0"))).first:
        print(history.table())
        print(f"weights: {folder / 'model.safetensors'}   log: {folder / 'run.jsonl'}")
        if history.stopped:
            print(history.stopped)
            raise typer.Exit(130 if "interrupted" in history.stopped else 0)
