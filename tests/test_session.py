"""A session is static when nobody sits in front of it."""

import types

import pytest

from kit import session


@pytest.mark.parametrize(("value", "static"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_environment_decides(monkeypatch, value, static):
    monkeypatch.setenv("KIT_STATIC", value)
    assert session.is_static() is static


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("0", False), ("", False)])
def test_strictness_is_asked_for(monkeypatch, value, strict):
    monkeypatch.setenv("KIT_STRICT", value)
    assert session.is_strict() is strict


def test_a_script_is_static(monkeypatch):
    monkeypatch.delenv("KIT_STATIC", raising=False)
    assert session.is_static()


@pytest.mark.parametrize(
    ("command", "static"),
    [
        (["/usr/bin/papermill", "a.ipynb"], True),
        (["/v/bin/python", "-m", "papermill", "a.ipynb"], True),
        (["python.exe", "-m", "pytest"], True),
        (["/v/bin/python", "/v/bin/jupyter-nbconvert", "--execute"], True),
        (["/v/bin/python", "-m", "jupyterlab", "/home/pytest/course"], False),
        (["/v/bin/python", "/v/bin/jupyter-lab", "papermill.ipynb"], False),
        ([], False),
    ],
)
def test_a_kernel_is_static_under_a_driver(monkeypatch, command, static):
    parent = types.SimpleNamespace(cmdline=lambda: command)
    monkeypatch.delenv("KIT_STATIC", raising=False)
    monkeypatch.setattr("kit.session.in_kernel", lambda: True)
    monkeypatch.setattr("psutil.Process", lambda: types.SimpleNamespace(parent=lambda: parent))
    assert session.is_static() is static


def test_a_kernel_whose_parent_is_hidden_is_live(monkeypatch):
    def refuse():
        raise PermissionError

    monkeypatch.delenv("KIT_STATIC", raising=False)
    monkeypatch.setattr("kit.session.in_kernel", lambda: True)
    monkeypatch.setattr("psutil.Process", refuse)
    assert not session.is_static()
