"""How a command tells a person what went wrong, and how far a long one is.

errors  Progress
"""

import contextlib
import sys
import time
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """A user's mistake becomes one line and exit code 1; Ctrl-C gives 130.

    Lesson: 00
    """
    try:
        yield
    except typer.Exit:  # a RuntimeError, but no mistake
        raise
    except (ValueError, TypeError, FileNotFoundError, ImportError, RuntimeError) as error:
        print(f"kit: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("kit: interrupted; what was there before is untouched", file=sys.stderr)
        raise typer.Exit(130) from None


class Progress:
    """Lessons on their way: a bar on a terminal, elsewhere a line each.

    Lesson: 00
    """

    def __init__(self, total: int, live: bool | None = None):
        self.total, self.done, self.began = total, 0, time.monotonic()
        self.live = sys.stderr.isatty() if live is None else live
        self.at: dict[str, str] = {}
        self.width = 0

    def __call__(self, event) -> None:
        """Take an event of `kit.course.pool` and show it."""
        if event.kind == "cell":
            self.at[event.name] = f"{event.name} cell {event.index + 1}/{event.cells}"
        elif event.kind == "start":
            self.at[event.name] = f"{event.name} starting"
        else:
            self.at.pop(event.name, None)
            self.done += 1
            word = "failed" if event.error else "done"
            self.line(f"[{self.done}/{self.total}] {event.name} {word} in {event.seconds:.1f} s")
            if event.error:
                self.line(f"    {event.error.splitlines()[0]}")
        if self.live:
            self.draw()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.clear()
        print(text, file=sys.stderr, flush=True)

    def draw(self) -> None:
        """Draw the bar: finished lessons, seconds, the cells being run."""
        filled = 20 * self.done // max(self.total, 1)
        elapsed = time.monotonic() - self.began
        bar = "#" * filled + "." * (20 - filled)
        text = f"[{bar}] {self.done}/{self.total}  {elapsed:.0f} s  {'  '.join(self.at.values())}"[:118]
        print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = len(text)

    def clear(self) -> None:
        """Wipe the bar."""
        if self.width:
            print("\r" + " " * self.width + "\r", end="", file=sys.stderr, flush=True)
        self.width = 0
