"""The command line: one clear line for a mistake, exit codes, and what each command prints."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kit import paths
from kit.cli.app import app
from kit.cli.report import Progress
from kit.course import anatomy, catalogue
from kit.course.pool import Event

SAMPLE = Path(__file__).parents[1] / "course" / "sample"


@pytest.fixture
def kit(monkeypatch, tmp_path):
    """Run a command on a private notebooks folder."""
    folder = tmp_path / "notebooks"
    shutil.copytree(SAMPLE, folder)
    monkeypatch.setattr(paths, "notebooks", lambda: folder)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


def test_an_unknown_lesson_is_one_line_and_exit_code_one(kit):
    done = kit("run", "42")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "kit: lesson='42' is not known; choose from 99_sample\n"


def test_a_parameter_without_value_is_told(kit):
    done = kit("run", "99", "-p", "seed")
    assert done.exit_code == 1
    assert done.stderr == "kit: -p seed is not name=value; write for example -p seed=1\n"


def test_build_check_names_what_is_stale_and_fails(kit):
    done = kit("build", "--check", "99")
    assert done.exit_code == 1
    assert done.stdout == "99_sample.ipynb: not built yet; run `kit build 99`\n"


def test_new_lesson_follows_the_anatomy_and_its_name_is_checked(kit):
    done = kit("new-lesson", "7", "attention")
    assert done.stdout == "wrote notebooks/source/07_attention.md; next: `kit build 07`\n"
    text = (paths.notebooks() / "source" / "07_attention.md").read_text("utf-8")
    assert anatomy.sections(text) == list(anatomy.SECTIONS)
    assert kit("new-lesson", "07", "other").stderr == (
        "kit: number=07 is taken by 07_attention.md; choose another number\n"
    )
    assert "kit: name='A b' is not a lesson name" in kit("new-lesson", "08", "A b").stderr
    assert "kit: number='x' is not a lesson number" in kit("new-lesson", "x", "a").stderr


@pytest.mark.slow
def test_a_new_lesson_builds_and_runs(kit, monkeypatch, tmp_path):
    (paths.notebooks() / "source" / "99_sample.md").unlink()
    kit("new-lesson", "07", "attention")
    from kit.course import build

    made = build.build(["07"], scratch=tmp_path / "scratch")
    assert made.failed == {}
    done = kit("run", "7", "-p", "flips_per_seed=100", "--profile", "quick")
    assert done.exit_code == 0, done.output
    assert "1 passed, 0 failed" in done.stdout
    assert (tmp_path / "build" / "course.json").exists()
    assert "[1/1] 07_attention done" in done.stderr


def test_translate_writes_a_catalogue_for_the_lesson_asked_for(kit):
    done = kit("translate", "99")
    assert done.stdout.startswith("99_sample: ") and "messages" in done.stdout
    assert catalogue.find(["99"])[0].translation.exists()


def test_runs_are_listed_and_compared(kit, tmp_path):
    from kit.train.tracking import JSONLines

    for name, loss in (("a", 0.5), ("b", 0.25)):
        log = JSONLines(tmp_path / "runs", name)
        log.start({"lr": 0.1 if name == "a" else 0.2})
        log.write(1, {"loss": loss})
        log.finish()
    assert [line.split()[0] for line in kit("runs", "list").stdout.splitlines()] == ["a", "b"]
    lines = kit("runs", "compare").stdout.splitlines()
    assert lines[0].split()[:2] == ["run", "lr"] and lines[1].split()[0] == "b"
    assert kit("runs", "list", "--folder", "none").exit_code == 1


def test_doctor_gives_a_line_per_requirement(kit, tmp_path, monkeypatch):
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    done = kit("doctor")
    lines = done.stdout.splitlines()
    assert all(line.startswith(("[OK]", "[FAIL]", "[SKIP]")) for line in lines[:-1])
    assert any(line.startswith("[OK]   torch: ") for line in lines)
    failed = sum(line.startswith("[FAIL]") for line in lines)
    assert done.exit_code == (1 if failed else 0)


def test_progress_shows_lesson_cell_and_time(capsys):
    progress = Progress(2, live=True)
    progress(Event("03_neurons", "start"))
    progress(Event("03_neurons", "cell", index=4, cells=40))
    assert "0/2  0 s  03_neurons cell 5/40" in capsys.readouterr().err
    progress(Event("03_neurons", "done", seconds=2.0, error="ValueError: no\nmore"))
    said = capsys.readouterr().err
    assert "[1/2] 03_neurons failed in 2.0 s\n    ValueError: no\n" in said


def test_help_needs_no_torch():
    code = "import sys; import kit.cli.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_claims_are_measured_and_written(kit, monkeypatch):
    from kit.course import claims, targets

    entry = claims.Recorded("99", "a", "at_least", 2, 0.96, (0.97,) * 5, "cpu")
    asked, written = [], []
    monkeypatch.setattr(
        targets, "measure", lambda lesson, seeds, say: asked.append((lesson, seeds)) or [entry]
    )
    monkeypatch.setattr(targets, "write", written.append)
    done = kit("claims", "99", "--seeds", 5)
    assert done.stdout == "a: at least 0.96\nnext: `kit build 99`\n"
    assert asked == [("99", range(5))] and written == [[entry]]
    assert kit("claims", "99", "--seeds", 4).exit_code != 0


@pytest.mark.parametrize(("user", "flags"), [(0, ["--allow-root"]), (1000, [])])
def test_lab_opens_the_start_page_and_works_in_a_container(kit, monkeypatch, user, flags):
    import subprocess

    calls = []
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: calls.append(command) or 0)
    assert kit("lab", "99").exit_code == 0
    page = "--LabApp.default_url=/lab/tree/notebooks/99_sample.ipynb"
    assert calls == [[sys.executable, "-m", "jupyterlab", page, *flags]]


def test_course_fetches_runs_and_says_how_to_open(kit, monkeypatch):
    import typer

    from kit.cli import course, data

    order = []
    monkeypatch.setattr(data, "fetch_needed", lambda: order.append("fetch"))

    def run(*given):
        order.append("run")
        raise typer.Exit(1)

    monkeypatch.setattr(course, "run", run)
    done = kit("course")
    assert order == ["fetch", "run"] and done.exit_code == 1
    assert done.stdout == (
        "data: 0 s; lessons: 0 s (set-up apart, above)\n"
        "open the lessons with `make lab` (or `kit lab 03`); the executed copies are in build/\n"
    )
