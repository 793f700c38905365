"""Shared test set-up: one thread, a private cache and home, optional shape checking."""

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
# The shape hook imports its checker by name, and "conftest" will also be the name of other folders' set-up.
sys.modules["kit_test_setup"] = sys.modules[__name__]


def check_types(function):
    """beartype with Python's own idea of numbers: an int is a float."""
    import beartype

    return beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))(function)


def pytest_addoption(parser):
    parser.addoption("--shapes", action="store_true", help="check jaxtyping shapes of every kit function")


def pytest_configure(config):
    if config.getoption("--shapes"):
        from jaxtyping import install_import_hook

        install_import_hook("kit", "kit_test_setup.check_types")


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    """No test reads or writes the learner's own record."""
    monkeypatch.setenv("KIT_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def determinism_as_before():
    """A lesson's start asks PyTorch for deterministic kernels; what comes after it decides for itself."""
    torch = sys.modules.get("torch")
    before = torch is not None and torch.are_deterministic_algorithms_enabled()
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.use_deterministic_algorithms(before)
