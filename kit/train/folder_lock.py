"""A lock on a folder: two runs writing one folder give one clear error.

FolderLock
"""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

#: Folders locked by this process: the system's locks hold between processes only.
_held: set[Path] = set()


class FolderLock:
    """Holds a folder for one run.

    Given up by `release`, or by the system when the process dies.

    Raises (acquire): RuntimeError where another run holds it, OSError where
    the folder cannot be written. Lesson: 05
    """

    def __init__(self, folder: Path):
        self.folder, self._file = Path(folder), None

    def acquire(self) -> None:
        """Take the lock, or say who is in the way."""
        busy = RuntimeError(
            f"folder={str(self.folder)!r} is being written by another run; "
            "wait for it or choose another folder"
        )
        key = self.folder.resolve()
        if key in _held:
            raise busy
        handle = open(self.folder / "run.lock", "a+")  # noqa: SIM115 - stays open as long as the lock is held
        try:
            _lock(handle)
        except BlockingIOError:
            handle.close()
            raise busy from None
        except OSError:  # a file system without locks: the rest works there all the same
            pass
        self._file = handle
        _held.add(key)

    def release(self) -> None:
        """Give the lock up; nothing happens where it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None
            _held.discard(self.folder.resolve())


def _lock(handle) -> None:
    # Record locks: not inherited by loader workers, gone when the process is killed.
    if fcntl is not None:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except PermissionError as error:  # some systems say EACCES for "locked"
            raise BlockingIOError(*error.args) from None
    else:
        handle.seek(0)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None


def sync_folder(folder: Path) -> None:
    """Wait until a rename in the folder is on the disk. Lesson: 05"""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
