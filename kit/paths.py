"""Where things lie: lessons, bundled data, the user's cache and records.

In a checkout the folders are beside `kit/`; in an installed wheel they travel
inside it. `KIT_CACHE` and `KIT_HOME` move the two folders kit writes to.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def checkout() -> Path | None:
    """The repository folder, or None when kit runs from an installed wheel."""
    return (
        _CHECKOUT if (_CHECKOUT / "pyproject.toml").exists() and (_CHECKOUT / "notebooks").is_dir() else None
    )


def _beside(name: str) -> Path:
    return (checkout() / name) if checkout() else _PACKAGE / f"_{name}"


def notebooks() -> Path:
    """Folder of the lessons (`NN_name.ipynb`, `source/`, `zh/`, `experiments/`)."""
    return _beside("notebooks")


def datasets() -> Path:
    """Folder of the bundled data sets and of `registry.toml`."""
    return _beside("datasets")


def cache() -> Path:
    """Folder for fetched data and models; `KIT_CACHE` overrides it. Not created here."""
    if "KIT_CACHE" in os.environ:
        return Path(os.environ["KIT_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return Path(base).expanduser() / "large-model-kit" if base else Path.home() / ".cache" / "large-model-kit"


def home() -> Path:
    """Folder of the learner's own record; `KIT_HOME` overrides it. Not created here."""
    if "KIT_HOME" in os.environ:
        return Path(os.environ["KIT_HOME"]).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or (os.environ.get("APPDATA") if os.name == "nt" else None)
    return (
        Path(base).expanduser() / "large-model-kit" if base else Path.home() / ".local/share/large-model-kit"
    )
