"""Exercises that check the learner's answer and say what to look at next.

    Exercise   Number   Function   Choice   examine

An answer is a value (`Number`, `Choice`) or a function (`Function`, graded on
random cases that the learner does not see). Every mistake that can be foreseen
is listed beside the answer, with the hint it deserves; the tests prove that
the solution passes and that each listed mistake gets its own hint.
"""

import ctypes
import inspect
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kit import check

UNANSWERED = "not answered yet"
SECONDS = 5.0


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer (a value, or a function for `Function`) and its hint."""

    answer: Any
    hint: str


@dataclass(frozen=True)
class Number:
    """A number to find, up to `relative` and `absolute`; `solution()` computes it."""

    solution: Callable[[], float]
    mistakes: tuple[Mistake, ...] = ()
    relative: float = 0.005
    absolute: float = 0.0

    def hint(self, answer) -> str | None:
        """None for a right answer, otherwise the hint for this mistake."""
        given = _as_number(answer)
        if given is None:
            return f"give one number; {check.show(answer)} is not one"
        if self._near(given, float(self.solution())):
            return None
        for mistake in self.mistakes:
            if self._near(given, float(mistake.answer)):
                return mistake.hint
        return "not this number; read the first hint with lesson.hint(...) and compute it step by step"

    def _near(self, a: float, b: float) -> bool:
        return math.isclose(a, b, rel_tol=self.relative, abs_tol=self.absolute)


@dataclass(frozen=True)
class Choice:
    """One or several of named options; `solution()` returns one or a set of them."""

    options: tuple[str, ...]
    solution: Callable[[], Any]
    mistakes: tuple[Mistake, ...] = ()

    def hint(self, answer) -> str | None:
        """None for a right answer, otherwise the hint for this mistake."""
        given = _as_set(answer)
        if given is None or not given <= set(self.options):
            return f"choose from {', '.join(self.options)}; give one of them, or a set of several"
        if given == _as_set(self.solution()):
            return None
        for mistake in self.mistakes:
            if given == _as_set(mistake.answer):
                return mistake.hint
        return "not this choice; read the first hint with lesson.hint(...)"


@dataclass(frozen=True)
class Function:
    """A function to write; graded on `trials` cases drawn by `cases(rng)`.

    `cases` takes a numpy Generator and returns the tuple of arguments of one
    call. The learner's result must equal the solution's up to the tolerances;
    a result equal to a listed mistake's (itself a function) gets its hint.
    """

    solution: Callable
    cases: Callable
    mistakes: tuple[Mistake, ...] = ()
    trials: int = 20
    relative: float = 1e-4
    absolute: float = 1e-6

    def hint(self, answer) -> str | None:
        """None for a right answer, otherwise the hint for this mistake."""
        import numpy as np

        if not callable(answer):
            return f"give the function itself, as in lesson.check(..., my_function); got {check.show(answer)}"
        draws = [self.cases(np.random.default_rng(20_260 + i)) for i in range(self.trials)]
        for arguments in draws:
            wanted = self.solution(*arguments)
            try:
                got = answer(*_copies(arguments))
            except Exception as error:
                return f"your function raised {type(error).__name__}: {error}"
            if not self._same(got, wanted):
                return self._explain(answer, arguments, got, wanted, draws)
        return None

    def _same(self, got, wanted) -> bool:
        return _close(got, wanted, self.relative, self.absolute)

    def _explain(self, answer, arguments, got, wanted, draws) -> str:
        for mistake in self.mistakes:
            if _agrees(answer, mistake.answer, draws, self._same):
                return mistake.hint
        if got is None or got is Ellipsis:
            return "your function returns nothing; end it with a return"
        given = ", ".join(check.show(a) for a in arguments)
        told = f"for ({given}) your function gives {check.show(got)}, right is {check.show(wanted)}"
        return told + (_first_difference(got, wanted) if hasattr(wanted, "dtype") else "")


@dataclass(frozen=True)
class Exercise:
    """One exercise of level 1 to 3; `answer` is a Number, Choice or Function."""

    number: str
    title: str
    level: int
    minutes: int
    hints: tuple[str, ...]
    answer: Number | Choice | Function

    def __post_init__(self):
        check.integer("level", self.level, 1, 3)
        check.integer("minutes", self.minutes, 1)
        check.nonempty("hints", self.hints)
        if len(self.answer.mistakes) < 2:
            raise ValueError(
                f"exercise {self.number} lists {len(self.answer.mistakes)} mistakes; list at least 2"
            )

    @property
    def heading(self) -> str:
        """The heading that stands above the exercise in the lesson."""
        return f"### Exercise {self.number} · {'★' * self.level} · {self.minutes} min · {self.title}"

    @property
    def solution_code(self) -> str:
        """Source of the reference solution."""
        return inspect.getsource(self.answer.solution).rstrip()


def examine(exercise: Exercise, answer, seconds: float = SECONDS) -> tuple[str, str]:
    """Grade an answer: ("unanswered" | "right" | "wrong", what to tell the learner).

    Survives anything a learner returns: an exception, a wrong type, an endless
    loop (stopped after `seconds`).
    """
    if is_unanswered(answer):
        return "unanswered", UNANSWERED
    try:
        hint = within(seconds, exercise.answer.hint, answer)
    except OutOfTime:
        return "wrong", f"your answer was still running after {seconds:g} s; look for a loop that never ends"
    except Exception as error:
        return "wrong", f"your answer could not be checked: {type(error).__name__}: {error}"
    return ("right", "correct") if hint is None else ("wrong", hint)


def is_unanswered(answer) -> bool:
    """True for `...`, None, and a function whose body is only `...` or `return ...`."""
    if answer is None or answer is Ellipsis:
        return True
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    constants = [c for c in code.co_consts if c is not None and c is not Ellipsis and c != answer.__doc__]
    return not constants and not code.co_names and _returns_constant(code)


class OutOfTime(BaseException):
    """Raised inside an answer that runs too long; no `except Exception` swallows it."""


def within(seconds: float, call: Callable, *arguments):
    """`call(*arguments)` in a thread; raises OutOfTime after `seconds`."""
    box: dict[str, Any] = {}

    def work():
        try:
            box["value"] = call(*arguments)
        except BaseException as error:  # handed to the caller below
            box["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        # CPython delivers this between two bytecodes, on every operating system, unlike a signal.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(OutOfTime))
        thread.join(1.0)
        raise OutOfTime
    if "error" in box:
        raise box["error"]
    return box["value"]


def _returns_constant(code) -> bool:
    import dis

    names = {step.opname for step in dis.get_instructions(code)}
    return names <= {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


def _as_number(answer) -> float | None:
    if isinstance(answer, (str, bool)) or answer is None:
        return None
    try:
        return float(answer)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _as_set(answer) -> set | None:
    if isinstance(answer, str):
        return {answer.strip()}
    try:
        return {str(item).strip() for item in answer}
    except TypeError:
        return None


def _copies(arguments: tuple) -> tuple:
    """Copies, so that a function that changes its arguments spoils nothing."""
    return tuple(
        a.clone() if hasattr(a, "clone") else a.copy() if hasattr(a, "copy") else a for a in arguments
    )


def _agrees(answer, other, draws, same) -> bool:
    try:
        return all(same(answer(*_copies(draw)), other(*_copies(draw))) for draw in draws)
    except Exception:
        return False


def _close(got, wanted, relative: float, absolute: float) -> bool:
    """Equal in value, whatever the form: number, list, tuple, array, tensor, text, dictionary."""
    import numpy as np

    if isinstance(wanted, dict):
        return (
            isinstance(got, dict)
            and got.keys() == wanted.keys()
            and all(_close(got[k], wanted[k], relative, absolute) for k in wanted)
        )
    if isinstance(wanted, (str, bool)) or wanted is None:
        return bool(got == wanted) if np.ndim(got) == 0 else False
    if isinstance(wanted, Sequence) and isinstance(got, Sequence) and not isinstance(got, str):
        return len(got) == len(wanted) and all(
            _close(a, b, relative, absolute) for a, b in zip(got, wanted, strict=True)
        )
    try:
        a, b = _array(got), _array(wanted)
    except (TypeError, ValueError, RuntimeError):
        return False
    if a.dtype.kind not in "biufc" or a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=relative, atol=absolute, equal_nan=True))


def _first_difference(got, wanted) -> str:
    """Where two arrays of one shape part, for a message: their own text shows only the shape."""
    import numpy as np

    try:
        a, b = _array(got), _array(wanted)
    except (TypeError, ValueError, RuntimeError):
        return ""
    if a.shape != b.shape or not b.size or "b" in (a.dtype.kind + b.dtype.kind):
        return ""
    gaps = np.nan_to_num(np.abs(a - b), nan=np.inf)
    place = np.unravel_index(int(np.argmax(gaps)), b.shape)
    at = ", ".join(str(int(i)) for i in place)
    return f"; they differ most at [{at}]: {a[place]:.4g} instead of {b[place]:.4g}"


def _array(value):
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float().numpy() if "bfloat16" in str(value.dtype) else value.numpy()
    return np.asarray(value)
