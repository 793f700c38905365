"""`kit doctor`: one line per requirement, with the cure.

Finding  examine
"""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit import paths
from kit.cli import setup

#: Distribution -> the oldest version that works (as in pyproject.toml).
PACKAGES = {
    "torch": "2.6", "numpy": "1.26", "jupyterlab": "4.2", "ipywidgets": "7.7.1", "papermill": "2.6",
    "nbval": "0.11", "jupytext": "1.16", "matplotlib": "3.8", "scikit-learn": "1.4", "pandas": "2.1",
}  # fmt: skip
LEAST_FREE = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One requirement: is it met, what was found, the cure, is it optional.

    Lesson: 00
    """

    name: str
    ok: bool
    found: str
    cure: str = ""
    optional: bool = False

    def __str__(self) -> str:
        mark = "[OK]  " if self.ok else "[SKIP]" if self.optional else "[FAIL]"
        return f"{mark} {self.name}: {self.found}" + ("" if self.ok else f"; {self.cure}")


def examine() -> Iterator[Finding]:
    """Every requirement in turn.

    Lesson: 00
    """
    version = ".".join(map(str, sys.version_info[:3]))
    fits = setup.OLDEST <= sys.version_info[:2] <= setup.NEWEST
    yield Finding("python", fits, version, "install Python 3.11, 3.12 or 3.13")
    for name, oldest in PACKAGES.items():
        yield package(name, oldest)
    yield torchvision()
    yield only_one_kit()
    yield free_disk(paths.cache())
    yield writable("cache", paths.cache())
    yield writable("record", paths.home())
    yield bundled_data()
    browser = setup.chromium()
    yield Finding("chromium", bool(browser), browser or "not there", "only the browser tests need it", True)


def package(name: str, oldest: str) -> Finding:
    """Is a package there, and new enough?

    Lesson: 00
    """
    cure = f"run `pip install '{name}>={oldest}'`"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not there", cure)
    return Finding(name, _numbers(version) >= _numbers(oldest), version, cure)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("+")[0].split(".")[:3]
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)


def torchvision() -> Finding:
    """Can torchvision be imported (kit mends it beside a CPU torch)?

    Lesson: 00
    """
    if importlib.util.find_spec("torchvision") is None:
        return Finding("torchvision", False, "not there", "run `pip install torchvision`")
    if importlib.util.find_spec("kit.data") and importlib.util.find_spec("kit.data.images"):
        importlib.import_module("kit.data.images")
    try:
        import torchvision as found
    except Exception as error:
        reason = f"import fails ({type(error).__name__}: {str(error).splitlines()[0]})"
        return Finding(
            "torchvision",
            False,
            reason,
            "install the build that fits this torch; no lesson needs it yet",
            True,
        )
    return Finding("torchvision", True, found.__version__)


def only_one_kit() -> Finding:
    """Is another package named `kit` installed or in the way?

    Lesson: 00
    """
    owners = set(importlib.metadata.packages_distributions().get("kit", [])) - {"large-model-kit"}
    here = Path(paths.__file__).resolve().parent
    places = [Path(entry or ".").resolve() for entry in sys.path]
    others = [p / name for p in places for name in ("kit", "kit.py") if _is_module(p / name)]
    others = sorted({str(p) for p in others if p.resolve() != here})
    found = [f"the package {name}" for name in sorted(owners)] + others
    cure = "uninstall or rename it, Python may import it in place of this one"
    return Finding(
        "kit", not found, ", ".join(found) if found else f"only {here.parent.name}/{here.name}", cure
    )


def _is_module(path: Path) -> bool:
    return path.is_file() if path.suffix else (path / "__init__.py").is_file()


def free_disk(folder: Path) -> Finding:
    """Is there room for data and models?

    Lesson: 00
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk", free >= LEAST_FREE, f"{free / 2**30:.1f} GiB free", "2 GiB are needed; free some space"
    )


def writable(name: str, folder: Path) -> Finding:
    """Can files be made in a folder kit writes to?

    Lesson: 00
    """
    variable = {"cache": "KIT_CACHE", "record": "KIT_HOME"}[name]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding(name, True, _tilde(folder))
    except OSError as error:
        return Finding(
            name,
            False,
            f"{_tilde(folder)} ({error.strerror})",
            f"set {variable} to a folder you can write to",
        )


def _tilde(folder: Path) -> str:
    text, home = str(folder), os.path.expanduser("~")
    return "~" + text[len(home) :] if text.startswith(home + os.sep) else text


def bundled_data() -> Finding:
    """Are the data sets that travel with kit there?

    Lesson: 00
    """
    registry = paths.datasets() / "registry.toml"
    cure = "reinstall kit, or run from a complete checkout"
    return Finding(
        "bundled data", registry.exists(), "there" if registry.exists() else "no registry.toml", cure
    )
