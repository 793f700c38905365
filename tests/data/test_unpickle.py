"""Pickled tables: read without pandas, and nothing in them is run."""

import lzma
import math
import pickle
import subprocess
import sys

import pandas as pd
import pytest

from kit import data
from kit.data import DataError, fetch, unpickle

KINDS = {"a": int, "b": int, "f": float, "w": object, "v": object}


class Evil:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return (subprocess.run, (self.command,))


def test_a_pickle_that_runs_something_is_refused(tmp_path):
    trace = tmp_path / "trace"
    raw = pickle.dumps(Evil([sys.executable, "-c", f"open({str(trace)!r}, 'w')"]))
    with pytest.raises(pickle.UnpicklingError) as caught:
        unpickle.read(raw)
    assert str(caught.value) == "subprocess.run is not among the names a table may use"
    assert not trace.exists()
    part = tmp_path / "evil.pkl.compress.part"
    part.write_bytes(lzma.compress(raw))
    with pytest.raises(DataError) as caught:
        fetch._unpickled(part)
    assert str(caught.value) == (
        "evil.pkl.compress is no plain table: _pickle.UnpicklingError: subprocess.run is not among the names "
        "a table may use; update kit, its registry is out of date"
    )
    assert not trace.exists()


def test_only_a_table_is_read(index):
    index.add(
        "evil",
        {"pkg_evil/t.pkl.compress": lzma.compress(pickle.dumps(print))},
        reader="frame",
        file_extra='columns = ["a"]\nkept_sha256 = "0"',
    )
    with pytest.raises(DataError, match=r"builtins.print is not among the names a table may use; update kit"):
        data.get("evil")


def test_a_table_is_what_pandas_wrote(tmp_path):
    columns = {
        "a": [1, 2, 3],
        "w": ["x", "", "ž"],
        "f": [0.1, math.nan, -2.5],
        "b": [7, 8, 9],
        "v": ["p", "q", "r"],
    }
    frame = pd.DataFrame({name: pd.Series(column, dtype=KINDS[name]) for name, column in columns.items()})
    frame.columns = pd.Index(list(columns), dtype=object)
    raw = pickle.dumps(frame)
    read = unpickle.read(raw)
    assert list(read) == list(columns)
    assert repr(read) == repr(columns)
    part = tmp_path / "t.pkl.compress.part"
    part.write_bytes(lzma.compress(raw))
    assert fetch._unpickled(part) == "a,w,f,b,v\n1,x,0.1,7,p\n2,,,8,q\n3,ž,-2.5,9,r\n"
