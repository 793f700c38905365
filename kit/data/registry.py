"""Which data there are, where they come from, and whether they are what they should be.

`datasets/registry.toml` names every data set and pretrained model in one of three ways:
it ships with a dependency, it is bundled in `datasets/<name>/`, or it is fetched once
out of a published package into `kit.paths.cache()`. Nothing here uses the network.

    Entry  File  Card  Status  DataError
    entries  entry  card  path  available  verify
"""

import hashlib
import importlib.util
import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from kit import check, paths

WAYS = ("dependency", "bundled", "fetched")


class DataError(RuntimeError):
    """Data are missing, damaged or out of reach; the message says the cure.

    Lesson: 01.
    """


@dataclass(frozen=True)
class File:
    """One file of an entry: its path inside the package, and what it must be.

    `sha256` and `bytes` are those of the published file. A table with `columns` keeps
    only these, and `kept_sha256` is the hash of what is left, the file in the cache.
    Lesson: 01.
    """

    inside: str
    sha256: str
    bytes: int
    columns: tuple[str, ...] = ()
    kept_sha256: str = ""

    @property
    def name(self) -> str:
        """The file's name in the cache or in `datasets/<entry>/`; a table is kept as CSV."""
        name = self.inside.rsplit("/", 1)[-1]
        return re.sub(r"\.(parquet\.brotli|pkl\.compress)$", ".csv", name) if self.columns else name

    @property
    def expected(self) -> str:
        """sha256 of the file as it lies on disk."""
        return self.kept_sha256 if self.columns else self.sha256


@dataclass(frozen=True)
class Entry:
    """One data set or model of the registry. Units: sizes in bytes. Lesson: 00."""

    name: str
    title: str
    way: str
    reader: str
    package: str = ""
    version: str = ""
    archive_sha256: str = ""
    archive_bytes: int = 0
    files: tuple[File, ...] = ()
    options: dict = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the files lie, whether or not they exist."""
        return (paths.datasets() if self.way == "bundled" else paths.cache()) / self.name


@dataclass(frozen=True)
class Card:
    """What a person must know before using the data; Croissant's field names.

    `fields` holds them (`name`, `creator`, `rai:dataBiases` ...), `licenses` the three
    quoted licences (package, data, source), `text` the prose below. Lesson: 11.
    """

    fields: dict
    licenses: dict
    text: str

    def __str__(self) -> str:
        rows = [f"{key}: {value}" for key, value in self.fields.items()]
        rows += [f"licence of the {key}: {value}" for key, value in self.licenses.items()]
        return "\n".join([*rows, "", self.text])


@dataclass(frozen=True)
class Status:
    """Result of checking one file: `state` is "ok", "missing" or "damaged".

    Lesson: 01.
    """

    name: str
    file: str
    state: str
    expected: str = ""
    found: str = ""


def entries() -> tuple[Entry, ...]:
    """All entries of the registry, in its order.

    Raises: DataError without a registry. Lesson: 00.
    """
    registry = paths.datasets() / "registry.toml"
    if not registry.is_file():
        raise DataError(f"{registry} is missing; restore it from the repository, or install kit again")
    return _read_registry(registry, registry.stat().st_mtime_ns)


def entry(name: str) -> Entry:
    """The entry `name`.

    Raises: ValueError for an unknown name, with the nearest one. Lesson: 00.
    """
    known = {e.name: e for e in entries()}
    check.one_of("name", name, known)
    return known[name]


def card(name: str) -> Card:
    """The card of `name`: who, what, when, licences, biases, misuse. Lesson: 11."""
    return read_card(paths.datasets() / entry(name).name / "card.md")


def read_card(file: Path) -> Card:
    """Read a card: TOML between two lines `+++`, then Markdown.

    Raises: ValueError for a file without that frame or without the three licences. Lesson: 11.
    """
    parts = file.read_text(encoding="utf-8").split("+++\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise ValueError(f"card={file.name} has no TOML between two +++ lines; add it at the top")
    fields = tomllib.loads(parts[1])
    licenses = fields.pop("licenses", {})
    absent = [key for key in ("package", "data", "source") if key not in licenses]
    if absent:
        raise ValueError(
            f"card={file.parent.name}/{file.name} lacks licenses.{absent[0]}; quote it, or say 'unstated'"
        )
    return Card(fields, licenses, parts[2].strip())


def path(name: str, file: str | None = None) -> Path:
    """The verified file of `name`; `file` chooses one where there are several.

    The hash is computed once per process and again whenever the file has changed.
    Raises: DataError when it is missing or damaged, ValueError for an unknown name or file. Lesson: 01.
    """
    e = entry(name)
    if e.way == "dependency":
        raise ValueError(
            f"name={name!r} lies inside the package {e.package}, not in a file; use kit.data.load({name!r})"
        )
    names = [f.name for f in e.files]
    if file is None and len(names) > 1:
        raise ValueError(f"name={name!r} has {len(names)} files; choose file from {', '.join(names)}")
    if file is not None:
        check.one_of("file", file, names)
    chosen = e.files[names.index(file) if file else 0]
    state = status(e, chosen)
    if state.state == "missing":
        raise DataError(f"{name} is not on this machine ({size(e)}); run: kit data get {name}")
    if state.state == "damaged":
        raise DataError(damage(state, e.folder / chosen.name, cure(e)))
    return e.folder / chosen.name


def available(name: str) -> bool:
    """Whether `load(name)` will find undamaged files, without a download.

    Raises: ValueError for an unknown name. Lesson: 00.
    """
    e = entry(name)
    if e.way == "dependency":
        return importlib.util.find_spec(e.options["module"].split(".")[0]) is not None
    return all(status(e, f).state == "ok" for f in e.files)


def verify(name: str | None = None) -> list[Status]:
    """Check every file of `name`, or of all entries, against its sha256.

    Entries that ship with a dependency have no file of ours and are left out. Lesson: 00.
    """
    chosen = entries() if name is None else (entry(name),)
    return [status(e, f) for e in chosen for f in e.files]


def status(e: Entry, file: File) -> Status:
    """Whether one file is there and is what it should be."""
    place = e.folder / file.name
    if not place.is_file():
        return Status(e.name, file.name, "missing", file.expected)
    found = sha256_of(place)
    return Status(e.name, file.name, "ok" if found == file.expected else "damaged", file.expected, found)


def sha256_of(place: Path) -> str:
    """Hash of a file, remembered while its size, time and inode stay the same."""
    info = place.stat()
    return _hash(place, info.st_size, info.st_mtime_ns, info.st_ino)


def damage(state: Status, place: Path, way_out: str) -> str:
    """The message about a file with a wrong hash."""
    return (
        f"{place} is damaged and not used: sha256 is {state.found}, {state.expected} is expected; {way_out}"
    )


def cure(e: Entry) -> str:
    """What to do about a missing or damaged file."""
    if e.way == "bundled":
        return "restore it from the repository, or install kit again"
    return f"run: kit data get {e.name} (it keeps the damaged file beside the new one)"


def size(e: Entry) -> str:
    """Size of the download, for people."""
    return f"a download of {(e.archive_bytes or sum(f.bytes for f in e.files)) / 1e6:.0f} MB"


@lru_cache(maxsize=64)
def _hash(place: Path, length: int, changed: int, inode: int) -> str:
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=8)
def _read_registry(file: Path, changed: int) -> tuple[Entry, ...]:
    with open(file, "rb") as stream:
        return tuple(_entry(name, body) for name, body in tomllib.load(stream).items())


def _entry(name: str, body: dict) -> Entry:
    files = tuple(File(**{**f, "columns": tuple(f.get("columns", ()))}) for f in body.get("files", ()))
    check.one_of("way", body["way"], WAYS)
    for f in files:
        if f.columns and not f.kept_sha256:
            raise ValueError(f"registry entry {name}: {f.name} has columns and no kept_sha256; add it")
    return Entry(**{**body, "name": name, "files": files})
