"""The bootstrap line: nothing where kit is, an install where it is not, and another kit is noticed."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from kit.course import colab

LINE = colab.bootstrap_line("https://example.org/a/b", "main")


def run(line, cwd, *, setup="", isolated=False):
    """The line in a fresh Python that answers every pip call by printing it."""
    fake = "import subprocess, sys; subprocess.check_call = lambda c: print('PIP', c[1:]);"
    flags = ["-S", "-E"] if isolated else []
    return subprocess.run(
        [sys.executable, *flags, "-c", f"{fake}\n{setup}\n{line}"], cwd=cwd, capture_output=True, text=True
    )


def test_it_is_one_line_with_the_address():
    assert "\n" not in LINE
    assert "large-model-kit @ git+https://example.org/a/b@main" in LINE
    compile(LINE, "bootstrap", "exec")


def test_nothing_happens_where_kit_is_importable(tmp_path):
    done = run(LINE, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_kit_is_missing_it_is_installed_without_its_dependencies(tmp_path):
    done = run(LINE, tmp_path, isolated=True)
    assert "PIP ['-m', 'pip', 'install', '-q', '--no-deps', 'large-model-kit @ git+https" in done.stdout


def test_the_environment_can_name_a_wheel(tmp_path):
    setup = "import os; os.environ['KIT_WHEEL'] = 'some.whl'"
    assert "'--no-deps', 'some.whl']" in run(LINE, tmp_path, setup=setup, isolated=True).stdout


@pytest.mark.parametrize("place", ["kit.py", "kit/__init__.py"])
def test_another_package_named_kit_is_named(tmp_path, place):
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    done = run(LINE, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"another package named kit is in the way: {file}; rename or uninstall it and restart the kernel"
    )


def test_a_folder_named_kit_that_is_no_package_is_not_mistaken_for_it(tmp_path):
    (tmp_path / "kit").mkdir()
    assert "PIP" in run(LINE, tmp_path, isolated=True).stdout


def test_ready_installs_only_what_is_missing_under_constraints(monkeypatch):
    calls = []

    def pip(command, **_):
        calls.append((command, Path(command[command.index("-c") + 1]).read_text("utf-8")))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(colab, "NEEDED", {"tqdm": "tqdm>=4.66", "not_there_at_all": "surely-missing>=1"})
    monkeypatch.setattr(colab.subprocess, "run", pip)
    colab.ready()
    ((command, constraints),) = calls
    assert command[-1] == "surely-missing>=1" and "tqdm>=4.66" not in command
    assert f"torch=={importlib.metadata.version('torch')}\n" in constraints
    assert f"ipywidgets=={importlib.metadata.version('ipywidgets')}\n" in constraints


def test_a_failed_install_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(colab, "NEEDED", {"not_there_at_all": "surely-missing>=1"})
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: no network\n")
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(RuntimeError) as told:
        colab.ready()
    assert str(told.value) == (
        "pip could not install surely-missing>=1: ERROR: no network; install it by hand and run again"
    )
