"""One harness for all benchmarks: interleaved pairs, ratios, a table, a record.

Two candidates are never timed minutes apart: they run in turns, A B, B A, A B
..., in one process, and what counts is the median of the ratios of each pair.
A machine that slows down, or a neighbour that wakes up, then hits both.

    Comparison  compare  Session  machine
"""

import contextlib
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

RECORD = Path(__file__).resolve().parent.parent / "build" / "benchmarks.jsonl"

#: On a machine that others use too, the processor's time of this process says more than the wall's.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Comparison:
    """Two candidates side by side.

    ratio: median over the pairs of (time of `name`) / (time of `against`);
    low, high: its quartiles; seconds, against_seconds: median times of one run.
    """

    name: str
    against: str
    ratio: float
    low: float
    high: float
    seconds: float
    against_seconds: float
    pairs: int
    target: float | None = None


def compare(
    name: str,
    run: Callable[[], Callable[[], object]],
    against: str,
    other: Callable[[], Callable[[], object]],
    *,
    pairs: int = 15,
    target: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Time `run` against `other` in interleaved pairs after one warm-up of each.

    Each is a function that prepares a run, unmeasured, and returns the function
    that is timed. The order within a pair alternates.
    """
    for prepare in (run, other):
        prepare()()
    mine, theirs = [], []
    for i in range(pairs):
        turns = [(run, mine), (other, theirs)]
        for prepare, times in turns if i % 2 == 0 else reversed(turns):
            times.append(_time(prepare, clock))
    ratios = sorted(a / b for a, b in zip(mine, theirs))
    quarter = len(ratios) // 4
    return Comparison(
        name,
        against,
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        statistics.median(mine),
        statistics.median(theirs),
        pairs,
        target,
    )


def _time(prepare: Callable[[], Callable[[], object]], clock: Callable[[], float]) -> float:
    timed = prepare()
    began = clock()
    timed()
    return clock() - began


def machine(threads: int) -> dict[str, object]:
    """What was measured on: processor, threads, versions."""
    import torch

    return {
        "processor": _processor(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Version of an installed package, None where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


class Session:
    """One benchmark: prints its table line by line and appends its results to build/."""

    def __init__(
        self,
        entry: str,
        *,
        pairs: int = 15,
        threads: int = 1,
        clock: str = "wall",
        record: Path = RECORD,
        text: Path | None = None,
    ):
        self.entry, self.pairs, self.threads, self.record = entry, pairs, threads, record
        self.clock, self.text = clock, text
        self.results: list[dict[str, object]] = []

    def __enter__(self) -> "Session":
        import torch

        torch.set_num_threads(self.threads)
        self.machine = machine(self.threads) | {"clock": self.clock}
        print(f"\n{self.entry}: " + ", ".join(f"{key} {value}" for key, value in self.machine.items()))
        print(f"{'':34}{'against':34}{'ratio':>9}{'quartiles':>22}{'ms':>10}{'ms':>10}  target")
        return self

    def compare(self, name: str, run, against: str, other, *, target: float | None = None) -> Comparison:
        """`compare`, printed and recorded."""
        result = compare(name, run, against, other, pairs=self.pairs, target=target, clock=CLOCKS[self.clock])
        self.results.append(asdict(result))
        wanted = "" if target is None else f"<= {target:#.3g} {'met' if result.ratio <= target else 'MISSED'}"
        print(
            f"{result.name:33} {result.against:33} {result.ratio:#9.3g}"
            f"{result.low:#11.3g} -{result.high:#9.3g}"
            f"{result.seconds * 1e3:10.2f}{result.against_seconds * 1e3:10.2f}  {wanted}",
            flush=True,
        )
        return result

    def note(self, name: str, text: str, **values: object) -> None:
        """A line that is no comparison: a time, or a peer that is not installed."""
        self.results.append({"name": name, "note": text, **values})
        print(f"{name:33} {text}", flush=True)

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            self.record.parent.mkdir(parents=True, exist_ok=True)
            when = time.strftime("%Y-%m-%dT%H:%M:%S")
            row = {"entry": self.entry, "when": when, "machine": self.machine, "results": self.results}
            with open(self.record, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
