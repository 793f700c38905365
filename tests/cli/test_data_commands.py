"""`kit data`: what it prints, what it fetches, and when it fails."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import kit.data
from kit.cli import data
from kit.cli.app import app


def kit_data(*words):
    return CliRunner().invoke(app, ["data", *words])


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))


def test_list_names_every_entry_and_whether_it_is_here():
    lines = kit_data("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [entry.name for entry in kit.data.entries()]
    assert any(re.match(r"digits +here +dependency ", line) for line in lines)
    assert all("fetch" in line for line in lines if " fetched " in line)


def test_get_of_an_unknown_name_is_one_line():
    done = kit_data("get", "digitz")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("kit: name='digitz' is not known; did you mean 'digits'? choose from ")


def test_get_of_something_that_comes_with_a_package_downloads_nothing():
    assert kit_data("get", "digits").stdout == "digits: comes with a package\n"


@pytest.mark.parametrize(
    ("state", "code", "mark"), [("ok", 0, "[OK]"), ("missing", 0, "[SKIP]"), ("damaged", 1, "[FAIL]")]
)
def test_verify_fails_for_a_damaged_file_only(monkeypatch, state, code, mark):
    status = kit.data.Status("set", "a.bin", state, "e" * 64, "f" * 64)
    monkeypatch.setattr(kit.data, "verify", lambda name: [status])
    done = kit_data("verify")
    assert done.exit_code == code
    assert done.stdout.startswith(f"{mark:<6} set/a.bin: {state}")
    assert ("is expected" in done.stdout) == (state == "damaged")


def test_what_is_missing_is_fetched_and_what_cannot_be_is_named(monkeypatch, capsys):
    missing = [entry.name for entry in kit.data.entries() if not kit.data.available(entry.name)]
    assert missing, "an empty cache lacks the fetched entries"

    def get(name, *, progress):
        if name == missing[-1]:
            raise kit.data.DataError("no network; try again")
        return (Path(name),)

    monkeypatch.setattr(kit.data, "get", get)
    assert data.fetch_needed() == missing[:-1]
    assert capsys.readouterr().out == f"kit: not fetched: {missing[-1]}: no network; try again\n"
