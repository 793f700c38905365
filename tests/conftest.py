"""Shared test set-up: one thread, a private cache and home, optional shape checking."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption("--shapes", action="store_true", help="check jaxtyping shapes of every kit function")


def pytest_configure(config):
    if config.getoption("--shapes"):
        from jaxtyping import install_import_hook

        install_import_hook("kit", "beartype.beartype")


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    """No test reads or writes the learner's own record."""
    monkeypatch.setenv("KIT_HOME", str(tmp_path / "home"))
