"""A small package index in a folder, and a registry that describes what is in it."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

NEGATIVE = "bad\nworse\nbad\n\nso so\n"
POSITIVE = "good\nso so\nbest\n"


class Index:
    """Wheels in a folder that pip searches instead of any network."""

    def __init__(self, folder: Path, datasets: Path):
        self.folder, self.datasets = folder, datasets
        self.registry: list[str] = []

    def wheel(self, package: str, files: dict[str, str | bytes]) -> Path:
        path = self.folder / f"{package}-1.0-py3-none-any.whl"
        info = f"{package}-1.0.dist-info/"
        meta = {
            info + "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
            info
            + "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},,\n" for name in [*files, *meta, info + "RECORD"])
        with zipfile.ZipFile(path, "w") as box:
            for name, text in {**files, **meta, info + "RECORD": record}.items():
                box.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
        return path

    def add(
        self,
        name: str,
        files: dict[str, str | bytes],
        *,
        reader="texts",
        extra="",
        file_extra="",
        archive=None,
    ):
        """Register `files` of a new wheel; `archive` overrides its hash."""
        path = self.wheel(f"pkg_{name}", files)
        lines = [
            f'[{name}]\ntitle = "{name}"\nway = "fetched"\nreader = "{reader}"',
            f'package = "pkg-{name}"\nversion = "1.0"',
            f'archive_sha256 = "{archive or sha256(path.read_bytes())}"',
            f"archive_bytes = {path.stat().st_size}",
            extra,
        ]
        for inside, text in files.items():
            raw = text if isinstance(text, bytes) else text.encode()
            lines += [
                f'[[{name}.files]]\ninside = "{inside}"\nsha256 = "{sha256(raw)}"\nbytes = {len(raw)}',
                file_extra,
            ]
        self.write("\n".join(lines))
        card = self.datasets / name / "card.md"
        card.parent.mkdir(exist_ok=True)
        card.write_text(
            f'+++\nname = "{name}"\n[licenses]\npackage = "a"\ndata = "b"\nsource = "c"\n+++\nText.\n'
        )

    def write(self, toml: str):
        self.registry.append(toml)
        (self.datasets / "registry.toml").write_text("\n\n".join(self.registry))


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch) -> Index:
    """An empty index and registry; the cache is tmp_path / "cache"; no network, no user settings."""
    import kit.paths

    folder, datasets = tmp_path / "wheels", tmp_path / "datasets"
    folder.mkdir()
    datasets.mkdir()
    monkeypatch.setattr(kit.paths, "datasets", lambda: datasets)
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    return Index(folder, datasets)


@pytest.fixture
def reviews(index) -> Index:
    """An index with the small text set `reviews`."""
    files = {"pkg_reviews/neg.txt": NEGATIVE, "pkg_reviews/pos.txt": POSITIVE}
    index.add("reviews", files, extra='options = { class_names = ["negative", "positive"] }')
    return index
