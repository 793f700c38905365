"""Targets follow from recorded seeds by the stated rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit.course
from kit.course import targets
from kit.course.claims import Recorded, Target, recorded
from kit.course.run import Finished, Report


def entry(form, values, digits=2, target=0.0):
    return Recorded("03", "a", form, digits, target, tuple(values), "cpu")


def test_rule_is_three_standard_deviations_rounded_away():
    values = [0.97, 0.972, 0.968, 0.971, 0.969]
    assert entry("at_least", values).follows() == 0.96
    assert entry("at_most", values).follows() == 0.98


@given(st.lists(st.floats(0, 1), min_size=5, max_size=9), st.integers(1, 4))
def test_a_target_never_passes_the_mean(values, digits):
    mean = sum(values) / len(values)
    assert entry("at_least", values, digits).follows() <= mean + 1e-8
    assert entry("at_most", values, digits).follows() >= mean - 1e-8


@pytest.mark.parametrize("recorded_claim", recorded(), ids=lambda r: f"{r.lesson} {r.name}")
def test_every_recorded_target_follows_from_its_seeds(recorded_claim):
    assert len(recorded_claim.values) >= 5 and recorded_claim.cpu
    assert recorded_claim.target == recorded_claim.follows()


@pytest.mark.parametrize(
    ("target", "met", "missed", "words"),
    [
        (Target(at_least=0.5), 0.5, 0.49, ">= 0.5"),
        (Target(at_most=1000), 1000, 1001, "<= 1,000"),
        (Target(between=(0.93, 0.97)), 0.95, 0.98, "in [0.93, 0.97]"),
        (Target(equals=109_482_240), 109_482_240, 109_482_241, "= 109,482,240"),
        (Target(equals=1.2, within=0.1), 1.29, 1.31, "= 1.2 within 0.1"),
    ],
)
def test_targets(target, met, missed, words):
    assert target.met(met) and not target.met(missed) and not target.met(float("nan"))
    assert target.words() == words


def test_a_result_takes_its_target_from_the_register(monkeypatch, capsys):
    monkeypatch.setattr("kit.course.claims.recorded", lambda: (entry("at_least", [0.97] * 5, target=0.96),))
    lesson = kit.course.start("03")
    lesson.claim("a", 0.97)
    lesson.claim("b", 0.97)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "holds: a >= 0.96",
        "no target yet: b; run kit claims 03",
    ]


CLAIMS = """# head

[[claim]]
lesson = "03"
name = "a"
form = "at_least"
digits = 2

[[claim]]
lesson = "04"
name = "b \\"quoted\\""
form = "at_most"
digits = 1
target = 2.0
values = [1, 1, 1, 1, 2]
cpu = "c"
"""


@pytest.fixture
def register(tmp_path, monkeypatch):
    file = tmp_path / "claims.toml"
    file.write_text(CLAIMS, "utf-8")
    monkeypatch.setattr("kit.course.claims.FILE", file)
    recorded.cache_clear()
    yield file
    recorded.cache_clear()


def fake_run(values, error=None):
    def run(lessons, given, *, out, jobs):
        record = {"record": "claim", "name": "a", "value": values[given["seed"]]}
        return Report({"cpu": "this one"}, [Finished("03", "03_x", 1.0, error, [record])], 1)

    return run


def test_measured_values_and_their_target_replace_the_entry_and_nothing_else(register, monkeypatch):
    monkeypatch.setattr("kit.course.run.run", fake_run([0.97, 0.972, 0.968, 0.971, 0.969, 0.97]))
    targets.write(targets.measure("03"), register)
    first, second = recorded()
    assert (first.target, first.cpu, len(first.values)) == (0.96, "this one", 6)
    assert second.name == 'b "quoted"' and second.target == 2.0
    assert register.read_text("utf-8").startswith("# head\n")
    before = register.read_text("utf-8")
    targets.write(recorded(), register)
    assert register.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("lesson", "seeds", "error", "message"),
    [
        ("03", range(4), None, r"seeds=\[0, 1, 2, 3\] are 4; give at least five"),
        ("05", range(5), None, "lesson='05' has no entry in claims.toml; add lesson, name, form and digits"),
        ("04", range(5), None, "name of a claim of lesson 04='b \"quoted\"' is not known; choose from a"),
        ("03", range(5), "cell 3: NameError", "lesson 03 failed at seed 0: cell 3: NameError"),
    ],
)
def test_measuring_refuses(register, monkeypatch, lesson, seeds, error, message):
    monkeypatch.setattr("kit.course.run.run", fake_run([0.9] * 6, error))
    with pytest.raises((ValueError, RuntimeError), match=message):
        targets.measure(lesson, seeds)
