"""Run the benchmarks named on the command line, or all of them."""

import argparse
import importlib
from pathlib import Path

from benchmarks.harness import CLOCKS, Session

ENTRIES = (
    "imports",
    "optimizers",
    "trainer",
    "layers",
    "gpt",
    "generation",
    "interpret",
    "byte_pairs",
    "fairness",
    "privacy",
    "robust",
    "yardstick",
)


def main() -> None:
    """Parse the command line, measure, print the tables, append the results to build/."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "entries", nargs="*", metavar="|".join(ENTRIES), help="what to measure (default: all)"
    )
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs per comparison, or seeds")
    parser.add_argument("--text", type=Path, help="the yardstick's text (default: the bundled Shakespeare)")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch's threads")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="wall time, or this process's CPU time"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.entries) - set(ENTRIES)
    if unknown:
        parser.error(f"entries={sorted(unknown)} are not known; choose from {', '.join(ENTRIES)}")
    for entry in arguments.entries or ENTRIES:
        options = {"pairs": arguments.pairs, "threads": arguments.threads, "clock": arguments.clock}
        options["text"] = arguments.text
        with Session(entry, **options) as session:
            importlib.import_module(f"benchmarks.{entry}").measure(session)


if __name__ == "__main__":
    main()
