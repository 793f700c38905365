"""Set-up with nothing but the standard library, and what the environment files promise."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from kit.cli import setup

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder that looks like a checkout, and the commands that set-up would run there."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name, "utf-8")
    ran = []

    def fake(command, cwd):
        ran.append(command)
        python = tmp_path / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(setup.subprocess, "run", fake)
    monkeypatch.setattr(setup.os, "name", "posix")
    return tmp_path, ran


def test_environment_is_made_once_and_again_when_its_recipe_changes(checkout, capsys):
    root, ran = checkout
    python = setup.ensure(root)
    assert python == root / ".venv" / "bin" / "python"
    assert ran[0][1:3] == ["-m", "venv"]
    assert ran[1][1:] == ["-m", "pip", "install", "-q", "-c", "constraints.txt", "-e", ".[course,trust,dev]"]
    assert re.search(r"kit: set up in \d+ s", capsys.readouterr().out)
    setup.ensure(root)
    assert len(ran) == 2
    (root / "constraints.txt").write_text("other", "utf-8")
    setup.ensure(root)
    assert len(ran) == 3 and "pip" in ran[2]


def test_a_failed_install_is_one_error_and_leaves_no_stamp(checkout, monkeypatch):
    root, _ = checkout
    monkeypatch.setattr(setup.subprocess, "run", lambda command, cwd: subprocess.CompletedProcess(command, 3))
    with pytest.raises(RuntimeError, match=r"-m venv .* failed with exit code 3; see its message above"):
        setup.ensure(root)
    assert not (root / ".venv" / setup.STAMP).exists()


def test_a_python_that_does_not_fit_is_named(checkout, monkeypatch):
    monkeypatch.setattr(setup, "OLDEST", (3, 99))
    monkeypatch.setattr(setup, "NEWEST", (3, 99))
    with pytest.raises(RuntimeError) as told:
        setup.ensure(checkout[0])
    have = ".".join(map(str, sys.version_info[:2]))
    assert str(told.value) == f"python={have} does not fit, 3.11 to 3.13 are needed; run with one of these"


def test_a_target_goes_on_inside_the_environment(monkeypatch):
    calls = []
    monkeypatch.delenv(setup.INSIDE, raising=False)
    monkeypatch.setattr(setup, "lacking", lambda modules: ["ruff"])
    monkeypatch.setattr(setup, "ensure", lambda root: Path("venv-python"))
    monkeypatch.setattr(setup.subprocess, "call", lambda c, env: calls.append((c, env[setup.INSIDE])) or 7)
    assert setup.reenter(["lint"]) == 7
    assert calls == [(["venv-python", "-m", "kit", "lint"], "1")]
    monkeypatch.setattr(setup, "lacking", lambda modules: [])
    assert setup.reenter(["lint"]) is None


@pytest.mark.parametrize(
    "file", ["kit/__main__.py", "kit/cli/__init__.py", "kit/cli/setup.py", "kit/__init__.py"]
)
def test_set_up_needs_nothing_but_the_standard_library(file):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    outer = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    names = {(n.module or "") if isinstance(n, ast.ImportFrom) else n.names[0].name for n in outer}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_a_bare_python_reaches_set_up_and_says_what_it_lacks(tmp_path):
    (tmp_path / "run.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['kit', 'doctor']\n"
        "from kit.__main__ import main; main()",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "run.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "kit's command line needs typer; run `pip install 'large-model-kit[course]'`\n"


def test_chromium_can_be_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    assert setup.chromium() is None
    (tmp_path / "browser").touch()
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "browser"))
    assert setup.chromium() == str(tmp_path / "browser")


def parts(requirement):
    return re.fullmatch(r"([A-Za-z0-9_-]+)(?:\[.*\])?\s*(.*)", requirement).groups()


def test_conda_environment_asks_for_what_pyproject_asks_for():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    conda = dict(parts(one) for one in listed if isinstance(one, str) and one != "pip")
    wanted = dict(parts(d) for d in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["course"])
    wanted["pytorch"] = wanted.pop("torch")
    assert conda == wanted | {"python": PROJECT["requires-python"]}
    assert {"pip": ["-e .[trust,dev]"]} in listed


def test_constraints_pin_every_dependency_within_its_range():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = {canonicalize_name(n): v for n, v in (line.split("==") for line in lines)}
    assert (pins["torch"], pins["torchvision"]) == ("2.13.0", "0.28.0")
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["course"], *extras["trust"], *extras["dev"]]:
        need = Requirement(text)
        assert pins[canonicalize_name(need.name)] in need.specifier, text
