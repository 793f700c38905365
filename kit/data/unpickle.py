"""Read a pickled pandas table without pandas, and without running anything in it.

`python -P unpickle.py FILE` writes the table in FILE (a pickle under xz) as CSV to its
output. A pickle is a program: whoever loads one runs it. Here every name it may call is
in one list, the pandas names in it stand for "keep what you were given", and the whole
runs in a process of its own. It needs numpy alone.

    read
"""

import csv
import io
import lzma
import pickle
import sys
from pathlib import Path

import numpy as np


class Kept:
    """Stands in for a class of pandas: keeps its arguments and its state. Lesson: 20."""

    def __new__(cls, *args):
        self = super().__new__(cls)
        self.args = args
        return self

    def __init__(self, *args):
        self.state = {}

    def __setstate__(self, state):
        self.state = state


#: By package and name: the modules between have moved from version to version, and are not imported.
ALLOWED = {
    ("builtins", "slice"): slice,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "_reconstruct"): lambda kind, shape, code: np.empty(0, "b"),
    ("numpy", "_frombuffer"): lambda raw, kind, shape, order: np.frombuffer(raw, kind).reshape(
        shape, order=order
    ),
    ("pandas", "DataFrame"): Kept,
    ("pandas", "BlockManager"): Kept,
    ("pandas", "_unpickle_block"): lambda *parts: parts,
    ("pandas", "Index"): Kept,
    ("pandas", "RangeIndex"): Kept,
    ("pandas", "_new_Index"): lambda kind, parts: parts,
}


class Unpickler(pickle.Unpickler):
    """An unpickler that knows the names in ALLOWED and no others. Lesson: 20."""

    def find_class(self, module: str, name: str):
        """What `module.name` stands for. Raises: UnpicklingError for a name not allowed."""
        meant = (module.split(".")[0], name)
        if meant not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not among the names a table may use")
        return ALLOWED[meant]


def read(raw: bytes) -> dict[str, list]:
    """Columns of the pickled DataFrame in `raw`, by name, in its order.

    Raises: UnpicklingError for a pickle with anything else in it. Lesson: 20.
    """
    blocks, (names, _) = Unpickler(io.BytesIO(raw)).load().state["_mgr"].args
    names = names["data"].tolist()
    columns = dict.fromkeys(names)
    for values, places, _ in blocks:
        for name, column in zip(np.array(names)[places], values):
            columns[str(name)] = column.tolist()
    return columns


if __name__ == "__main__":
    table = read(lzma.decompress(Path(sys.argv[1]).read_bytes()))
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(["" if value != value else value for value in row] for row in zip(*table.values()))
