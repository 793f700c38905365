"""The installed wheel: lessons and data travel inside, and `kit run` works in an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from kit import paths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """kit's wheel, built from a copy of the checkout and unpacked, as pip would lay it."""
    folder = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("kit", "notebooks", "datasets"):
        shutil.copytree(paths.checkout() / name, folder / "src" / name, ignore=skip)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(paths.checkout() / name, folder / "src" / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "..", "."]
    done = subprocess.run(build, cwd=folder / "src", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def kit(unpacked, cwd, *words):
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "kit", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=250)


def test_lessons_run_in_an_empty_folder(unpacked, tmp_path):
    number = next((unpacked / "kit" / "_notebooks").glob("[0-9][0-9]_*.ipynb")).name[:2]
    done = kit(unpacked, tmp_path, "run", number, "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed" in done.stdout
    course = json.loads((tmp_path / "build" / "course.json").read_text("utf-8"))
    assert course["lessons"][0]["error"] is None and course["records"]
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["build"]


def test_lessons_are_built_in_a_checkout_only(unpacked, tmp_path):
    done = kit(unpacked, tmp_path, "build")
    assert done.returncode == 1
    assert (
        done.stderr == "kit: kit is not in a checkout, lessons are built there only; clone the repository\n"
    )
