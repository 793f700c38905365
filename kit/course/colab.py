"""The one-line bootstrap cell, and what it installs on Colab.

Where `kit` is importable the line does nothing. Elsewhere (Colab, a bare
notebook server) it installs kit with `--no-deps`, then only those of `NEEDED`
that are missing, under constraints that freeze what is already there.
`KIT_WHEEL` replaces the address kit is installed from.

    bootstrap_line  ready  missing  frozen
"""

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

#: Module -> requirement: what lessons import beside torch, numpy and the notebook itself.
NEEDED = {
    "filelock": "filelock>=3.13",
    "jaxtyping": "jaxtyping>=0.2.36",
    "safetensors": "safetensors>=0.4",
    "tqdm": "tqdm>=4.66",
}

#: Never replaced: Colab's own programs are built against exactly these.
FROZEN = (
    "torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib",
    "ipywidgets", "ipython", "ipykernel", "traitlets", "jupyter-client",
)  # fmt: skip

_LINE = (
    "import importlib.util as u, os, subprocess, sys; "
    'getattr(u.find_spec("kit"), "origin", None) or '
    'subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", '
    'os.environ.get("KIT_WHEEL", "large-model-kit @ git+{repository}@{branch}")]); '
    'hasattr(__import__("kit"), "LINES") or sys.exit("another package named kit is in the way: " + '
    'str(sys.modules["kit"].__file__) + "; rename or uninstall it and restart the kernel"); '
    "from kit.course import colab; colab.ready()"
)


def bootstrap_line(repository: str, branch: str) -> str:
    """The bootstrap cell's one line for a repository's address and branch.

    Lesson: 00
    """
    return _LINE.replace("{repository}", repository).replace("{branch}", branch)


def missing() -> list[str]:
    """Requirements of `NEEDED` whose module is not there.

    Lesson: 00
    """
    return [requirement for module, requirement in NEEDED.items() if importlib.util.find_spec(module) is None]


def frozen() -> list[str]:
    """Constraints that hold the installed versions of `FROZEN`.

    Lesson: 00
    """
    lines = []
    for name in FROZEN:
        try:
            lines.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return lines


def ready() -> None:
    """Install what lessons need and is missing; change nothing that is there.

    Raises: RuntimeError with pip's last line when an install fails.
    Lesson: 00
    """
    wanted = missing()
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(frozen()) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "-q", "-c", str(constraints), *wanted]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"pip could not install {', '.join(wanted)}: {last}; install it by hand and run again"
        )
    importlib.invalidate_caches()
