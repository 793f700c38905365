"""Set up `.venv` once, with nothing but the standard library.

TARGETS  reenter  ensure  lacking  chromium
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

#: Make's targets and the modules without which the present Python cannot run them.
TARGETS = {
    "course": ("typer", "torch", "papermill", "jupytext", "ipykernel", "ipywidgets"),
    "lab": ("typer", "torch", "jupyterlab", "ipykernel", "ipywidgets"),
    "test": (
        "typer",
        "torch",
        "papermill",
        "jupytext",
        "nbval",
        "xdist",
        "pytest",
        "ruff",
        "playwright",
        "jaxtyping",
    ),
    "bench": ("typer", "torch", "sklearn"),
    "lint": ("typer", "ruff"),
}
EXTRAS = "course,trust,dev"
OLDEST, NEWEST = (3, 11), (3, 13)
STAMP = "kit-setup.txt"
INSIDE = "KIT_INSIDE_VENV"  # set for the re-executed command, so that it never re-executes again
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def lacking(modules: tuple[str, ...]) -> list[str]:
    """Those of `modules` that this Python does not have.

    Lesson: 00
    """
    return [name for name in modules if importlib.util.find_spec(name) is None]


def reenter(words: list[str]) -> int | None:
    """Go on inside `.venv`, set up when needed; the exit code from there.

    None when this Python has what the target needs, or kit is no checkout:
    then the caller goes on by itself.

    Lesson: 00
    """
    root = Path(__file__).resolve().parents[2]
    if os.environ.get(INSIDE) or not lacking(TARGETS[words[0]]) or not (root / "pyproject.toml").exists():
        return None
    try:
        python = ensure(root)
        return subprocess.call([str(python), "-m", "kit", *words], env={**os.environ, INSIDE: "1"})
    except (RuntimeError, OSError) as error:
        print(f"kit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("kit: interrupted", file=sys.stderr)
        return 130


def ensure(root: Path) -> Path:
    """The Python of `root/.venv`, made when missing or out of date.

    Raises: RuntimeError for a Python that is too old or new, or when pip fails.
    Lesson: 00
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        have = ".".join(map(str, sys.version_info[:2]))
        raise RuntimeError(f"python={have} does not fit, 3.11 to 3.13 are needed; run with one of these")
    folder = root / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = _wanted(root)
    stamp = folder / STAMP
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    began = time.monotonic()
    print(f"kit: setting up {folder.name} (once; some minutes and about 2 GB)", flush=True)
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder)], root)
    _run([str(python), "-m", "pip", "install", "-q", "-c", "constraints.txt", "-e", f".[{EXTRAS}]"], root)
    stamp.write_text(wanted, encoding="utf-8")
    print(f"kit: set up in {time.monotonic() - began:.0f} s", flush=True)
    return python


def _wanted(root: Path) -> str:
    """What the environment is made from; a change makes it again."""
    parts = [(root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([*parts, EXTRAS.encode()])).hexdigest() + "\n"


def _run(command: list[str], root: Path) -> None:
    done = subprocess.run(command, cwd=root)
    if done.returncode:
        raise RuntimeError(
            f"`{' '.join(command)}` failed with exit code {done.returncode}; see its message above"
        )


def chromium(install: bool = False) -> str | None:
    """Path of Chromium; installed through apt when asked and possible.

    `CHROMIUM` names another one. None when there is none.

    Lesson: 00
    """
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    found = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    root_user = hasattr(os, "geteuid") and os.geteuid() == 0
    if found or not install or not root_user or not shutil.which("apt-get"):
        return found
    print("kit: installing Chromium with apt-get for the browser tests", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-q", *words], env=environment, timeout=600, **quiet)
    return next((path for path in map(shutil.which, CHROMIUM) if path), None)
