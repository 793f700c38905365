"""`kit run`: checks before anything runs, failures that stay alone, records, and Ctrl-C."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from kit.course import catalogue, pool, run


def add_lesson(folder, number, old='print("first line")', new='print("first line")'):
    text = (folder / "99_sample.ipynb").read_text("utf-8")
    escaped = [json.dumps(part)[1:-1] for part in (old, new)]
    assert escaped[0] in text
    (folder / f"{number}_other.ipynb").write_text(text.replace(*escaped, 1), "utf-8")


def test_lessons_are_found_by_number_name_and_path(built_folder):
    for key in ("99", "99_sample", "notebooks/99_sample.ipynb", 99):
        assert [one.name for one in catalogue.find([key], built_folder)] == ["99_sample"]
    assert [one.name for one in catalogue.find((), built_folder)] == ["99_sample"]


def test_unknown_lesson_names_the_nearest(built_folder):
    with pytest.raises(ValueError) as told:
        run.plan(["99_sampel"], folder=built_folder)
    assert str(told.value) == (
        "lesson='99_sampel' is not known; did you mean '99_sample'? choose from 99_sample"
    )


def test_a_number_used_twice_is_named(built_folder):
    shutil.copy(built_folder / "99_sample.ipynb", built_folder / "99_twin.ipynb")
    with pytest.raises(
        ValueError, match="lesson 99 is there twice, 99_sample and 99_twin; rename one of them"
    ):
        catalogue.lessons(built_folder)


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no built notebook here; run `kit build` first"):
        run.plan(folder=tmp_path)


def test_lesson_without_notebook_is_named(lesson_folder):
    with pytest.raises(ValueError, match="lesson=99_sample is not built; run `kit build 99` first"):
        run.plan(["99"], folder=lesson_folder)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (
            {"flip": 3},
            ValueError,
            "parameter of lesson 99='flip' is not known; did you mean 'flips'? "
            "choose from seed, profile, flips, rate",
        ),
        (
            {"flips": 2.5},
            TypeError,
            "flips=2.5 is not of type int; lesson 99 has flips=200, give a value like it",
        ),
        (
            {"flips": True},
            TypeError,
            "flips=True is not of type int; lesson 99 has flips=200, give a value like it",
        ),
        (
            {"rate": "a"},
            TypeError,
            "rate='a' is not of type float; lesson 99 has rate=0.5, give a value like it",
        ),
        (
            {"profile": "lapto"},
            ValueError,
            "profile='lapto' is not known; did you mean 'laptop'? choose from quick, laptop, gpu",
        ),
    ],
)
def test_wrong_parameter_is_told_before_anything_runs(built_folder, tmp_path, given, kind, message):
    with pytest.raises(kind) as told:
        run.run(["99"], given, out=tmp_path / "out", folder=built_folder)
    assert str(told.value) == message
    assert not (tmp_path / "out").exists()


def test_values_from_the_command_line_are_literals_or_text():
    values = [catalogue.read_value(t) for t in ("3", "0.5", "true", "[1, 2]", "'a b'", "adam")]
    assert values == [3, 0.5, True, [1, 2], "a b", "adam"]


def test_an_int_is_taken_for_a_float():
    catalogue.check_parameters("99", {"rate": 1}, {"rate": 0.5})


def test_a_failing_lesson_does_not_stop_the_others(built_folder, tmp_path):
    add_lesson(built_folder, 97, new="1 / 0")
    out, seen = tmp_path / "out", []
    report = run.run(
        (),
        {"flips": 100, "seed": 1},
        out=out,
        jobs=2,
        folder=built_folder,
        on_event=lambda e: seen.append(e.kind),
    )
    assert not report.passed
    good, bad = report.lessons[1], report.lessons[0]
    assert (good.name, good.error, good.claims) == ("99_sample", None, (1, 1))
    assert bad.error == "ZeroDivisionError: division by zero (in the cell that begins `1 / 0`)"
    assert seen.count("done") == 2 and seen.count("cell") > 15
    assert "(100,)" in (out / "99_sample.ipynb").read_text("utf-8")
    assert "ZeroDivisionError" in (out / "logs" / "97_other.log").read_text("utf-8")
    course = json.loads((out / "course.json").read_text("utf-8"))
    assert {"python", "torch", "cpu", "seconds"} <= set(course["facts"])
    assert course["facts"]["parameters"] == {"flips": 100, "seed": 1}
    assert [r["name"] for r in course["records"]] == ["mean of the coins"]
    lines = run.table(report).splitlines()
    assert lines[0].split() == ["lesson", "seconds", "claims", "result"]
    assert lines[-1] == "1 passed, 1 failed"
    assert not (out / ".lock").exists()


def test_a_driver_that_dies_fails_its_lesson_only(built_folder, tmp_path):
    killer = "import os, psutil; psutil.Process(os.getpid()).parent().kill()"
    add_lesson(built_folder, 97, new=killer)
    report = run.run((), out=tmp_path / "out", jobs=1, folder=built_folder)
    bad, good = report.lessons
    assert good.error is None
    assert bad.error.startswith("the driver process ended with exit code -9 ")


def test_the_folder_of_another_run_is_refused(built_folder, tmp_path):
    with pool.locked(tmp_path / "out"), pytest.raises(ValueError, match="out/ is being written by process"):
        run.run(["99"], out=tmp_path / "out", folder=built_folder)


@pytest.mark.slow
def test_interrupt_stops_the_children_and_reports_what_finished(built_folder, tmp_path):
    import psutil

    add_lesson(built_folder, 98, new="import time; time.sleep(60)")
    shutil.move(built_folder / "99_sample.ipynb", built_folder / "01_sample.ipynb")
    script = (
        "import pathlib; from kit.course import run\n"
        f"report = run.run((), out=pathlib.Path('out'), folder=pathlib.Path({str(built_folder)!r}),"
        " on_event=lambda e: print(e.name, e.index, flush=True))\n"
        "print(run.table(report))"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    while child.stdout.readline().strip() != "98_other 6":
        assert child.poll() is None
    time.sleep(0.5)
    family = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=30)
    assert "1 passed, 0 failed, 1 not finished (interrupted)" in said
    assert json.loads((tmp_path / "out" / "course.json").read_text("utf-8"))["interrupted"] is True
    # They end by themselves when the parent has gone; on a busy machine that takes its time.
    assert len(family) >= 2 and not psutil.wait_procs(family, timeout=45)[1]


def test_an_experiment_goes_on_after_a_claim_that_does_not_hold(built_folder, tmp_path):
    miss = 'lesson.claim("always missed", 0.5, at_least=1)'
    add_lesson(built_folder, 97, new=miss)
    strict = run.run(["97"], out=tmp_path / "a", folder=built_folder).lessons[0]
    assert "always missed" in strict.error
    changed = run.run(["97"], {"flips": 100}, out=tmp_path / "b", folder=built_folder).lessons[0]
    assert changed.error is None
    assert changed.claims == (1, 2)
