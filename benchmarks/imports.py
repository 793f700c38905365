"""How long imports take: `kit` alone, its rooms, and torch for comparison.

Every import is timed inside a fresh interpreter, in turns, so that the start
of Python itself does not count.
"""

import statistics
import subprocess
import sys

from benchmarks.harness import Session

STATEMENTS = ("import kit", "import torch", "import kit.layers", "import kit.train")


def seconds(statement: str) -> float:
    """Time of one statement in a fresh interpreter."""
    code = (
        f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)\n"
        "import sys; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, has_torch = done.stdout.split()
    if statement == "import kit" and has_torch == "True":
        raise RuntimeError("import kit loaded torch")
    return float(took)


def measure(session: Session) -> None:
    """Medians of as many rounds as there are pairs; the first round warms the disk cache."""
    rounds = [[seconds(statement) for statement in STATEMENTS] for _ in range(session.pairs + 1)][1:]
    for statement, times in zip(STATEMENTS, zip(*rounds)):
        median = statistics.median(times)
        wanted = ""
        if statement == "import kit":
            wanted = f"   target <= 50 ms: {'met' if median <= 0.05 else 'MISSED'}"
        session.note(statement, f"{median * 1e3:.1f} ms{wanted}", seconds=median)


if __name__ == "__main__":
    with Session("imports") as session:
        measure(session)
