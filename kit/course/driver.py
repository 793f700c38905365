"""One process that runs notebooks, one after another, as its parent asks.

A kernel takes 3-4 s before its first cell and papermill as long again to be
imported, so a driver lives for many notebooks. It reads one job per line (JSON)
and answers with events, one per line: `start`, `cell`, `done`.

    execute  main
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty


def execute(
    source: Path,
    target: Path,
    *,
    parameters: Mapping[str, object],
    cwd: Path,
    timeout: int,
    on_cell: Callable[[int, int], None],
) -> str | None:
    """Run a notebook with papermill; None, or what went wrong.

    `timeout` is in seconds per cell. `on_cell(index, cells)` is called before
    each cell. `target` holds the executed copy, complete up to a failing cell.

    Lesson: 00
    """
    import papermill
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    papermill_engines.register("kit", _engine())
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=dict(parameters),
            engine_name="kit",
            cwd=str(cwd),
            progress_bar=False,
            autosave_cell_every=0,
            request_save_on_cell_execute=False,
            start_timeout=120,
            execution_timeout=timeout,
            on_cell=on_cell,
        )
    except PapermillExecutionError as error:
        where = error.source.strip().splitlines()[0] if error.source.strip() else ""
        print(str(error), file=sys.stderr)
        return f"{error.ename}: {error.evalue} (in the cell that begins `{where}`)"
    except Exception as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return None


def _engine():
    from nbclient.util import run_sync
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine

    class SlicedClient(PapermillNotebookClient):
        """Waits for a reply in slices of one second.

        nbclient's poll can miss a reply that arrives while another task uses the
        same socket (jupyter/nbclient#312) and then waits for ever.
        """

        async def async_start_new_kernel_client(self):
            client = await super().async_start_new_kernel_client()
            client.shell_channel.get_msg = _in_slices(client.shell_channel.get_msg)
            return client

        start_new_kernel_client = run_sync(async_start_new_kernel_client)

    class KitEngine(Engine):
        """papermill's engine with the client above and an event per cell."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            on_cell, start = options["on_cell"], nb_man.cell_start
            total = len(nb_man.nb.cells)

            def cell_start(cell, index=None, **more):
                on_cell(index, total)
                return start(cell, index, **more)

            nb_man.cell_start = cell_start
            client = SlicedClient(
                nb_man,
                kernel_name=kernel_name,
                timeout=options["execution_timeout"],
                startup_timeout=options["start_timeout"],
            )
            return client.execute()

    return KitEngine


def _in_slices(get: Callable, step: float = 1.0) -> Callable:
    async def get_msg(timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = step if end is None else min(step, max(0.0, end - time.monotonic()))
            try:
                return await get(timeout=left)
            except Empty:
                if end is not None and time.monotonic() >= end:
                    raise

    return get_msg


def main() -> None:
    """Read jobs from standard input; write events to standard output.

    Lesson: 00
    """
    pipe = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")

    def tell(**event) -> None:
        print(json.dumps(event), file=pipe)

    for line in sys.stdin:
        job = json.loads(line)
        # Whatever papermill, the kernel or a library prints goes to the lesson's log, not into the events.
        with open(job["log"], "w", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        began = time.monotonic()
        tell(event="start")
        error = execute(
            Path(job["source"]),
            Path(job["target"]),
            parameters=job["parameters"],
            cwd=Path(job["cwd"]),
            timeout=job["timeout"],
            on_cell=lambda index, cells: tell(event="cell", index=index, cells=cells),
        )
        tell(event="done", seconds=round(time.monotonic() - began, 2), error=error)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
