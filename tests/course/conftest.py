"""A copy of the sample lesson, and its built notebook (built once a session)."""

import os
import shutil
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture
def lesson_folder(tmp_path):
    """A private notebooks folder with the sample lesson, not built."""
    folder = tmp_path / "notebooks"
    shutil.copytree(SAMPLE, folder)
    return folder


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    from kit.course import build

    root = tmp_path_factory.mktemp("built")
    shutil.copytree(SAMPLE, root / "notebooks")
    before = os.environ.get("KIT_HOME")
    made = build.build(folder=root / "notebooks", scratch=root / "scratch")
    assert (made.failed, made.written) == ({}, ["99_sample"])
    assert os.environ.get("KIT_HOME") == before
    return root / "notebooks"


@pytest.fixture
def built_folder(_built, tmp_path):
    """A private notebooks folder with the sample lesson and its built notebook."""
    folder = tmp_path / "notebooks"
    shutil.copytree(_built, folder)
    return folder
