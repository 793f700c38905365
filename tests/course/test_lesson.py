"""What a lesson may say, and what it is told when it says it wrongly."""

import random
import re

import numpy as np
import pytest
import torch

import kit.course
from kit.course import ClaimError, errata, exercises
from kit.course.errata import Erratum
from kit.course.exercise import Exercise, Mistake, Number


@pytest.fixture(autouse=True)
def restore_torch():
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(strict)


@pytest.fixture
def lesson(capsys):
    started = kit.course.start("03", seed=7, profile="laptop")
    capsys.readouterr()
    return started


def test_start_prints_one_stable_line(capsys):
    kit.course.start("03", seed=7, profile="quick")
    assert capsys.readouterr().out == "lesson 03 · seed 7 · profile quick\n"


def test_start_seeds_python_numpy_and_torch():
    def draw():
        kit.course.start("03", seed=7)
        return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002

    assert draw() == draw()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"number": "3"}, ValueError, "number='3' is not a lesson; give two digits such as '03'"),
        (
            {"number": "03", "seed": -1},
            ValueError,
            "seed=-1 is out of range; give an int >= 0 and <= 4294967295",
        ),
        ({"number": "03", "seed": 0.5}, TypeError, "seed=0.5 is not a whole number; give an int >= 0"),
        (
            {"number": "03", "profile": "laptp"},
            ValueError,
            "profile='laptp' is not known; did you mean 'laptop'? choose from quick, laptop, gpu",
        ),
    ],
)
def test_start_rejects(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        kit.course.start(**arguments)


def test_gpu_profile_without_gpu_says_so(capsys):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    kit.course.start("03", profile="gpu")
    assert "profile gpu: no GPU was found" in capsys.readouterr().out


def test_pick_follows_the_profile():
    picked = [
        kit.course.start("03", profile=p).pick(quick=1, laptop=2, gpu=3) for p in ("quick", "laptop", "gpu")
    ]
    assert picked == [1, 2, 3]
    assert kit.course.start("03", profile="gpu").pick(quick=1, laptop=2) == 2


def test_two_runs_share_no_seed():
    first, second = (kit.course.start("03", seed=s).seeds(5) for s in (0, 1))
    assert len(set(first + second)) == 10 and first == [0, 1, 2, 3, 4]


def test_generators_are_fresh_and_differ_by_offset(lesson):
    first = torch.rand(3, generator=lesson.generator())
    assert torch.equal(first, torch.rand(3, generator=lesson.generator()))
    assert not torch.equal(first, torch.rand(3, generator=lesson.generator(1)))
    assert lesson.rng().random() == lesson.rng().random() != lesson.rng(1).random()


def test_claim_line_does_not_show_the_measured_value(lesson, capsys):
    lesson.claim("digits test accuracy", torch.tensor(0.9712), at_least=0.96, unit="")
    assert capsys.readouterr().out == "holds: digits test accuracy >= 0.96\n"


def test_missed_claim_shows_the_measured_value(lesson, capsys, monkeypatch):
    monkeypatch.delenv("KIT_STRICT", raising=False)
    lesson.claim("digits test accuracy", 0.9, at_least=0.96)
    assert capsys.readouterr().out == "does not hold: digits test accuracy >= 0.96; measured 0.9\n"


def test_missed_claim_stops_a_strict_run(lesson, monkeypatch):
    monkeypatch.setenv("KIT_STRICT", "1")
    with pytest.raises(ClaimError, match=re.escape("lesson 03: does not hold: a >= 1; measured 0")):
        lesson.claim("a", 0, at_least=1)


def test_quick_profile_is_judged_only_on_exact_claims(monkeypatch):
    monkeypatch.setenv("KIT_STRICT", "1")
    quick = kit.course.start("03", profile="quick")
    quick.claim("a", 0, at_least=1)
    with pytest.raises(ClaimError):
        quick.claim("b", 0, equals=1, kind="exact")


def test_timing_claim_prints_the_same_line_whatever_was_measured(lesson, capsys, monkeypatch):
    monkeypatch.setenv("KIT_STRICT", "1")
    lesson.claim("step", 9.0, at_most=5, unit="ms", kind="timing")
    lesson.claim("step", 1.0, at_most=5, unit="ms", kind="timing")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["timing: step <= 5 ms (judged by make bench)"] * 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"value": "much", "at_least": 1},
            TypeError,
            "value='much' of claim 'a' is not a number; give one float",
        ),
        (
            {"value": 1, "kind": "exact"},
            ValueError,
            "target='nothing' is not known; choose from at_least, at_most, between, equals",
        ),
        ({"value": 1, "at_last": 1}, ValueError, "target='at_last' is not known; did you mean 'at_least'?"),
        ({"value": 1, "at_least": 1, "at_most": 2}, ValueError, "is not one target"),
        (
            {"value": 1, "between": (2, 1)},
            ValueError,
            "between=(2, 1) is empty; give (low, high) with low < high",
        ),
        ({"value": 1, "at_least": 1, "kind": "guess"}, ValueError, "kind='guess' is not known"),
    ],
)
def test_claim_rejects(lesson, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        lesson.claim("a", **arguments)


def test_claims_table_shows_measured_values(lesson, capsys):
    lesson.claim("count", 109_482_240, equals=109_482_240, kind="exact")
    lesson.claim("accuracy", 0.9712, at_least=0.96, n=5, interval=(0.968, 0.975))
    capsys.readouterr()
    lesson.claims()
    out = capsys.readouterr().out
    assert "| count | = 109,482,240 | 109,482,240 |  | yes |" in out
    assert "| accuracy | >= 0.96 | 0.9712 [0.968, 0.975] | 5 | yes |" in out


ENTRY = Erratum(
    id="Z01",
    kind="number",
    where="004 §4",
    quote="≈ 0.46",
    statement="wrong",
    right="1.204 nats",
    source="definition",
    lesson="03",
    printed=0.46,
    value=1.204,
)


def test_erratum_shows_article_and_right_value(lesson, capsys, monkeypatch):
    monkeypatch.setattr(errata, "errata", lambda: {"Z01": ENTRY})
    lesson.erratum("Z01", 1.2040)
    out = capsys.readouterr().out
    assert "Erratum Z01" in out and "≈ 0.46" in out and "computed 1.204, the article prints 0.46" in out


def test_erratum_of_another_lesson_or_unknown_is_refused(lesson, monkeypatch):
    monkeypatch.setattr(errata, "errata", lambda: {"Z01": ENTRY})
    with pytest.raises(ValueError, match="id='Z1' is not known; did you mean 'Z01'"):
        lesson.erratum("Z1", 1.2)
    with pytest.raises(ValueError, match="id='Z01' belongs to lesson 03, not 04; show it there"):
        kit.course.start("04").erratum("Z01", 1.2)


def solution():
    return 4


@pytest.fixture
def with_exercise(lesson, monkeypatch):
    answer = Number(solution, (Mistake(5, "one too many"), Mistake(3, "one too few")))
    known = {"1": Exercise("1", "two and two", 1, 2, ("add", "count"), answer)}
    monkeypatch.setattr(exercises, "of", lambda number: known)
    monkeypatch.setattr(exercises, "lessons", lambda: ["03"])
    monkeypatch.setenv("KIT_STATIC", "0")
    return lesson


def test_check_says_what_to_look_at(with_exercise, capsys):
    for answer, words in [(..., "not answered yet"), (5, "one too many"), (4, "correct")]:
        with_exercise.check("1", answer)
        assert capsys.readouterr().out == f"exercise 1: {words}\n"


def test_unknown_exercise_is_named(with_exercise):
    with pytest.raises(ValueError, match="number='9' is not known; choose from 1"):
        with_exercise.check("9", 1)


def test_hints_come_one_by_one_and_start_again(with_exercise, capsys):
    for words in ("hint 1 of 2: add", "hint 2 of 2: count", "hint 1 of 2: add"):
        with_exercise.hint("1")
        assert capsys.readouterr().out == words + "\n"


def test_solution_shows_its_code(with_exercise, capsys):
    with_exercise.solution("1")
    assert "return 4" in capsys.readouterr().out


def test_progress_remembers_a_right_answer(with_exercise, capsys):
    with_exercise.check("1", 5)
    with_exercise.check("1", 4)
    with_exercise.check("1", 5)
    capsys.readouterr()
    kit.course.progress()
    assert "| 03 | 1 of 1 |" in capsys.readouterr().out
