"""Lessons run where the oldest widgets are (as on Colab), and nothing there is replaced."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest

from kit import paths
from kit.course import build, catalogue, colab

SAMPLE = Path(__file__).parents[1] / "course" / "sample"
LESSONS = [*catalogue.lessons(SAMPLE), *(one for one in catalogue.lessons() if one.source.exists())]

#: What a Colab runtime has beside torch; the bootstrap must work with exactly these.
OLD = [
    "setuptools<81", "ipywidgets==7.7.1", "IPython==7.34.0", "ipykernel==6.17.1", "traitlets==5.7.1",
    "jupyter_client==7.4.9", "matplotlib==3.10.0", "scikit-learn", "scikit-image", "pandas", "psutil",
    "nbclient", "nbformat", "pyarrow",
]  # fmt: skip
WATCHED = ("torch", "numpy", "ipywidgets", "IPython", "ipykernel", "matplotlib")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Makes every widget of the lesson, as a live session does, with warnings as errors.
LIVE = """
import warnings
import matplotlib.pyplot  # its own import warns of its own dependencies
import kit.widgets.explorer as _explorer
_init = _explorer.Explorer.__init__
def _strict(self, *args, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # matplotlib 3.10.0 calls pyparsing by old names; that is between the two of them.
        warnings.filterwarnings("ignore", message=".* deprecated(,| -) use ", category=DeprecationWarning)
        _init(self, *args, **named)
        print("widget made:", len(self.inputs), "controls")
_explorer.Explorer.__init__ = _strict
"""

EXECUTE = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


def run(python, *words, cwd, **more):
    done = subprocess.run([str(python), *words], cwd=cwd, capture_output=True, text=True, timeout=800, **more)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """kit's wheel, built from a copy of the checkout, so that nothing is written into it."""
    folder = tmp_path_factory.mktemp("wheel")
    root = paths.checkout()
    for name in ("kit", "notebooks", "datasets"):
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(root / name, folder / "src" / name, ignore=skip)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(root / name, folder / "src" / name)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "..", ".", cwd=folder / "src")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """A real environment of its own with the old versions, and this project's torch."""
    folder = tmp_path_factory.mktemp("old") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pins = (paths.checkout() / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in pins if line.split("==")[0] in ("torch", "torchvision", "numpy")]
    quiet = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run(python, *quiet, *pins, *OLD, cwd=folder)
    return python


def versions(python, cwd):
    code = (
        f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {WATCHED!r}}}))"
    )
    return json.loads(run(python, "-c", code, cwd=cwd))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_bootstrap_and_lesson_run_in_an_empty_folder(lesson, wheel, old_python, tmp_path):
    before = versions(old_python, tmp_path)
    assert before["ipywidgets"] == "7.7.1"
    notebook = build.assemble(lesson)
    bootstrap = next(i for i, cell in enumerate(notebook.cells) if "colab.ready()" in cell.source)
    notebook.cells.insert(bootstrap + 1, nbformat.v4.new_code_cell(LIVE))
    parameters = notebook.cells[bootstrap + 2]
    parameters.source = parameters.source.replace('profile = "laptop"', 'profile = "quick"')
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("KIT_", "PYTHON", "JUPYTER", "MPL"))
    }
    environment |= {"KIT_WHEEL": str(wheel), "KIT_STATIC": "0", "OMP_NUM_THREADS": "1"}
    environment |= {
        "KIT_HOME": str(tmp_path / "record"),
        "PATH": f"{old_python.parent}:{environment['PATH']}",
    }
    run(
        old_python,
        "-m",
        "pip",
        "uninstall",
        "-q",
        "-y",
        "large-model-kit",
        *sorted(set(colab.NEEDED) - {"filelock"}),
        cwd=tmp_path,
    )
    run(old_python, "-c", EXECUTE, "lesson.ipynb", cwd=tmp_path, env=environment)
    ran = nbformat.read(tmp_path / "lesson.ipynb", as_version=4)
    outputs = [o for cell in ran.cells if cell.cell_type == "code" for o in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert lesson.number == "00" or "widget made: " in str(outputs)
    assert versions(old_python, tmp_path) == before
    where = run(
        old_python, "-c", "import kit, pathlib; print(pathlib.Path(kit.__file__).parent)", cwd=tmp_path
    )
    assert str(old_python.parents[1]) in where, "kit came from the wheel, not from this checkout"
