"""Answers are graded by value, whatever their form, and nothing a learner returns breaks the check."""

import re
import time

import numpy as np
import pytest
import torch

from kit.course import exercises
from kit.course.exercise import Choice, Exercise, Function, Mistake, Number, examine, is_unanswered


def solve_number():
    return 1.204


def solve_function(x):
    return x.clamp(min=0) if hasattr(x, "clamp") else np.maximum(x, 0)


def forgot_negative(x):
    return x


def absolute(x):
    return abs(x)


def draw(rng):
    return (torch.from_numpy(rng.normal(size=5)),)


def make(answer):
    return Exercise("1", "title", 2, 5, ("a hint",), answer)


NUMBER = make(Number(solve_number, (Mistake(0.46, "log base?"), Mistake(1.737, "these are bits"))))
FUNCTION = make(
    Function(solve_function, draw, (Mistake(forgot_negative, "negative"), Mistake(absolute, "abs")))
)
CHOICE = make(Choice(("a", "b", "c"), lambda: {"a", "b"}, (Mistake("a", "one more"), Mistake("c", "not c"))))


@pytest.mark.parametrize(
    "answer", [1.204, 1.2039, np.float32(1.204), torch.tensor(1.204), torch.tensor([1.204])]
)
def test_number_in_any_form_is_right(answer):
    assert examine(NUMBER, answer) == ("right", "correct")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.46, "log base?"),
        (1.737, "these are bits"),
        (9, "not this number"),
        ("1.2", "is not one"),
        ([1, 2], "is not one"),
    ],
)
def test_wrong_number_gets_its_hint(answer, words):
    status, said = examine(NUMBER, answer)
    assert status == "wrong" and words in said


def as_list(x):
    return [max(0.0, float(v)) for v in x]


def in_half_precision(x):
    return solve_function(x).float()


def spoils_its_argument(x):
    x[x < 0] = 0
    return x


@pytest.mark.parametrize("answer", [solve_function, as_list, in_half_precision, spoils_its_argument])
def test_function_in_any_form_is_right(answer):
    assert examine(FUNCTION, answer) == ("right", "correct")


def raises(x):
    return x.no_such_method()


def returns_nothing(x):
    y = x + 1  # noqa: F841


def exits(x):
    raise SystemExit


def wrong_shape(x):
    return x[:2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (forgot_negative, "negative"),
        (absolute, "abs"),
        (raises, "your function raised AttributeError"),
        (returns_nothing, "returns nothing"),
        (wrong_shape, "your function gives"),
        (lambda x: "text", "your function gives 'text'"),
        (3, "give the function itself"),
    ],
)
def test_wrong_function_gets_its_hint(answer, words):
    status, said = examine(FUNCTION, answer)
    assert status == "wrong" and words in said


def test_a_wrong_array_says_where_it_is_wrong():
    mistakes = Mistake(lambda x: x, "double it"), Mistake(lambda x: -x, "sign")
    task = make(Function(lambda x: x * 2, lambda rng: (rng.uniform(0, 1, size=(2, 3)),), mistakes))

    def off_in_one_place(x):
        y = x * 2
        y[1, 2] = 7
        return y

    status, said = examine(task, off_in_one_place)
    assert status == "wrong" and re.search(r"they differ most at \[1, 2\]: 7 instead of [01]\.\d+$", said)
    assert "they differ" not in examine(task, lambda x: x[:1])[1]


def test_endless_loop_is_stopped():
    def endless(x):
        while True:
            try:
                time.sleep(0.001)
            except Exception:
                continue

    status, said = examine(FUNCTION, endless, seconds=0.2)
    assert status == "wrong" and "still running after 0.2 s" in said


@pytest.mark.parametrize("answer", [{"a", "b"}, ["b", "a"], ("a", " b")])
def test_choice_in_any_form_is_right(answer):
    assert examine(CHOICE, answer) == ("right", "correct")


@pytest.mark.parametrize(
    ("answer", "words"), [("a", "one more"), ("c", "not c"), ("z", "choose from a, b, c"), (7, "choose")]
)
def test_wrong_choice_gets_its_hint(answer, words):
    status, said = examine(CHOICE, answer)
    assert status == "wrong" and words in said


def left_open(x):
    """Write me."""
    return ...


def left_empty(x): ...


@pytest.mark.parametrize("answer", [None, ..., left_open, left_empty])
def test_unanswered(answer):
    assert is_unanswered(answer)
    assert examine(FUNCTION, answer) == ("unanswered", "not answered yet")


@pytest.mark.parametrize("answer", [0, False, "", solve_function, lambda x: x, lambda x: 0, []])
def test_answered(answer):
    assert not is_unanswered(answer)


def test_an_exercise_needs_two_mistakes_and_a_hint():
    with pytest.raises(ValueError, match="exercise 1 lists 0 mistakes; list at least 2"):
        make(Number(solve_number))
    with pytest.raises(ValueError, match="hints is empty; give at least one item"):
        Exercise("1", "t", 1, 1, (), NUMBER.answer)
    with pytest.raises(ValueError, match=re.escape("level=4 is out of range; give an int >= 1 and <= 3")):
        Exercise("1", "t", 4, 1, ("h",), NUMBER.answer)


ALL = [(lesson, e) for lesson in exercises.lessons() for e in exercises.of(lesson).values()]


@pytest.mark.parametrize(("lesson", "exercise"), ALL, ids=[f"{n}-{e.number}" for n, e in ALL])
def test_every_exercise_accepts_its_solution_and_rejects_each_mistake(lesson, exercise):
    answer = exercise.answer
    solved = answer.solution if isinstance(answer, Function) else answer.solution()
    assert examine(exercise, solved) == ("right", "correct")
    for mistake in answer.mistakes:
        assert examine(exercise, mistake.answer) == ("wrong", mistake.hint)


@pytest.mark.parametrize("lesson", exercises.lessons())
def test_every_lesson_has_five_exercises_and_two_functions(lesson):
    of = list(exercises.of(lesson).values())
    assert len(of) >= 5 and [e.number for e in of] == [str(i + 1) for i in range(len(of))]
    assert sum(isinstance(e.answer, Function) for e in of) >= 2


@pytest.mark.parametrize(("lesson", "exercise"), ALL, ids=[f"{n}-{e.number}" for n, e in ALL])
@pytest.mark.parametrize(
    "nonsense", ["text", [], {}, object(), lambda *a: None, lambda *a: object(), float("nan"), 1j]
)
def test_no_answer_breaks_a_check(lesson, exercise, nonsense):
    assert examine(exercise, nonsense)[0] in ("wrong", "unanswered")
