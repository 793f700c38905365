"""What the builders share: the archive they read, and the registry lines of what they wrote."""

import hashlib
import sys
from pathlib import Path

from kit import data, paths


def archive(name: str) -> Path:
    """The archive named on the command line, if it is the one that the registry names for `name`."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python datasets/build/{name}.py ARCHIVE (its docstring says where from)")
    place, wanted = Path(sys.argv[1]), data.registry.entry(name).archive_sha256
    found = hashlib.sha256(place.read_bytes()).hexdigest()
    if found != wanted:
        raise SystemExit(f"{place} has sha256 {found}, {wanted} is expected; get the version named above")
    return place


def write(name: str, file: str, content: bytes) -> None:
    """Write datasets/<name>/<file> and print its lines for the registry."""
    (paths.datasets() / name).mkdir(exist_ok=True)
    (paths.datasets() / name / file).write_bytes(content)
    print(f'[[{name}.files]]\ninside = "{file}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"')
    print(f"bytes = {len(content)}")
