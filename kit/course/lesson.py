"""What a lesson says to kit: claims, errata, exercises.

start   Lesson

lesson = kit.course.start("03", seed=seed, profile=profile)
lesson.claim("digits test accuracy", value, at_least=0.96)
lesson.erratum("M01", computed)
lesson.check("1", answer)
lesson.claims()
"""

import os
import random
import re

from kit import check, session
from kit.course import claims, display, errata, exercise, exercises, learner

PROFILES = ("quick", "laptop", "gpu")


def start(number: str, *, seed: int = 0, profile: str = "laptop") -> "Lesson":
    """Begin a lesson: seed, threads, device; prints one line, the same everywhere.

    Raises ValueError for a number that is not two digits, or an unknown profile.
    """
    if not (isinstance(number, str) and re.fullmatch(r"\d\d", number)):
        raise ValueError(f"number={number!r} is not a lesson; give two digits such as '03'")
    lesson = Lesson(number, seed, profile, begin(seed, profile))
    learner.remember(number)
    display.line(f"lesson {number} · seed {seed} · profile {profile}")
    if profile == "gpu" and lesson.device.type == "cpu":
        display.line("profile gpu: no GPU was found, running the full size on the CPU")
    return lesson


def begin(seed: int, profile: str):
    """Seed Python, NumPy and torch, ask for determinism, choose threads and device.

    Returns the torch device: a GPU only for `profile="gpu"` where there is one.
    Raises TypeError or ValueError for a bad seed or an unknown profile.
    """
    check.integer("seed", seed, 0, 2**32 - 1)
    check.one_of("profile", profile, PROFILES)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products on a GPU
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries a learner adds may read the old global state
    torch.manual_seed(seed)
    gpu = profile == "gpu" and torch.cuda.is_available()
    torch.use_deterministic_algorithms(True, warn_only=gpu)
    if session.is_static() and not gpu:
        torch.set_num_threads(1)  # two lessons run side by side, and sums do not depend on the cores
    return torch.device("cuda" if gpu else "cpu")


class Lesson:
    """One run of one lesson. Attributes: `number`, `seed`, `profile`, `device`."""

    def __init__(self, number: str, seed: int, profile: str, device):
        self.number, self.seed, self.profile, self.device = number, seed, profile, device
        self._claims: dict[str, dict] = {}
        self._hints: dict[str, int] = {}

    def pick(self, *, quick, laptop, gpu=None):
        """The value for this run's profile; `gpu` falls back to `laptop`."""
        return {"quick": quick, "laptop": laptop, "gpu": laptop if gpu is None else gpu}[self.profile]

    def seeds(self, count: int) -> list[int]:
        """`count` seeds for repeated experiments; two runs of a lesson share none of them."""
        return [1000 * self.seed + i for i in range(count)]

    def generator(self, offset: int = 0):
        """A fresh torch.Generator on the CPU, seeded with `seed + offset`."""
        import torch

        return torch.Generator().manual_seed(self.seed + offset)

    def rng(self, offset: int = 0):
        """A fresh numpy Generator, seeded with `seed + offset`."""
        import numpy as np

        return np.random.default_rng(self.seed + offset)

    def claim(
        self, name: str, value, *, unit: str = "", n=None, interval=None, kind: str = "result", **target
    ) -> None:
        """Check a measured value: prints one line, keeps the record.

        The target is one of `at_least=`, `at_most=`, `between=(low, high)`,
        `equals=` (with `within=`). Kind "result" is a measurement: without a
        target here it takes the one that its seeds gave, from claims.toml.
        "exact" is arithmetic or parity, "timing" never fails. Raises ClaimError
        in strict mode when the claim does not hold at the laptop or gpu profile
        (the quick profile is too small to judge results).
        """
        wanted = None if target or kind != "result" else claims.target_of(self.number, name)
        if wanted is None and (target or kind != "result"):
            check.one_of(
                "target", next(iter(target), "nothing"), ("at_least", "at_most", "between", "equals")
            )
            wanted = claims.Target(**target)
        record = claims.judge(
            self.number, name, value, wanted, unit=unit, n=n, interval=interval, kind=kind
        ) | {"profile": self.profile}
        self._claims[name] = record | {"words": wanted.words() if wanted else "not measured yet"}
        line = claims.line(record, wanted)
        display.line(line, record)
        judged = kind == "exact" or (kind == "result" and wanted and self.profile != "quick")
        if session.is_strict() and judged and not record["holds"]:
            raise claims.ClaimError(f"lesson {self.number}: {line}")

    def claims(self) -> None:
        """The closing table: every claim of this run with target, measured value and outcome."""
        rows = [
            {
                "claim": r["name"],
                "target": f"{r['words']} {r['unit']}".strip(),
                "measured": _measured(r),
                "n": r["n"] or "",
                "holds": "timing" if r["kind"] == "timing" else "yes" if r["holds"] else "NO",
            }
            for r in self._claims.values()
        ]
        display.table(rows, f"Claims of lesson {self.number}")

    def erratum(self, id: str, evidence=None) -> None:
        """Show one error of the articles: what is printed, what is right, and the evidence.

        Evidence: a computed number, a function that runs the listing, or the
        outcome of a check, by the erratum's kind. Raises ValueError for an
        unknown id, or for an erratum of another lesson; ErratumError when the
        evidence does not show it.
        """
        check.one_of("id", id, errata.errata())
        entry = errata.errata()[id]
        if entry.lesson != self.number:
            raise ValueError(f"id={id!r} belongs to lesson {entry.lesson}, not {self.number}; show it there")
        shown = errata.demonstrate(entry, evidence)
        quote = f"“{entry.quote}”: {entry.statement}" if entry.quote else entry.statement
        text = (
            f"**Erratum {id}** · article {entry.where}\n\n"
            f"- The article: {quote}\n- Right: {entry.right}\n- Shown: {shown}"
        )
        record = {"record": "erratum", "lesson": self.number, "id": id, "kind": entry.kind, "shown": True}
        display.markdown(text, record)

    def check(self, number: str, answer) -> None:
        """Check an exercise: prints "correct", "not answered yet", or a hint for the mistake."""
        status, words = exercise.examine(self._exercise(number), answer)
        if status != "unanswered":
            learner.remember(self.number, number, status)
        record = {"record": "exercise", "lesson": self.number, "number": number, "status": status}
        display.line(f"exercise {number}: {words}", record)

    def hint(self, number: str) -> None:
        """Show the next hint of an exercise; after the last one it starts again."""
        hints = self._exercise(number).hints
        shown = self._hints.get(number, 0) % len(hints)
        self._hints[number] = shown + 1
        display.line(f"hint {shown + 1} of {len(hints)}: {hints[shown]}")

    def solution(self, number: str) -> None:
        """Show the reference solution of an exercise, folded."""
        display.folded(f"Solution of exercise {number}", self._exercise(number).solution_code)

    def _exercise(self, number: str):
        known = exercises.of(self.number)
        check.one_of("number", number, known)
        return known[number]


def _measured(record: dict) -> str:
    value = record["value"]
    if isinstance(value, str):
        return value
    text = f"{value:,.0f}" if value == round(value) and abs(value) >= 1000 else f"{value:.4g}"
    if record["interval"] is None:
        return text
    low, high = record["interval"]
    return f"{text} [{low:.4g}, {high:.4g}]"
