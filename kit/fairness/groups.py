"""Sensitive features as whole numbers: every later count is one `np.bincount`.

Groups  columns  factorize
"""

import functools
import itertools
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kit import check
from kit.metrics import inputs

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_BLOCK = 2**15  # rows whose text fits into the cache


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of every row: all combinations of the levels of one or more features.

    names: one a feature; levels: its values, sorted; codes (N,): number of the row's
    combination, the last feature running fastest. Combinations without a row count, too.
    Lesson: 20.
    """

    names: tuple[str, ...]
    levels: tuple[list, ...]
    codes: np.ndarray

    @classmethod
    def of(cls, name: str, features, rows: int) -> "Groups":
        """Read features in any of Fairlearn's forms; None is no feature and one group.

        Raises: ValueError for missing values or another length than `rows`.
        """
        table, found = {} if features is None else columns(name, features), []
        for key, column in table.items():
            label = name if len(table) == 1 else f"{name}[{key!r}]"
            check.same_length(**{"y_true": range(rows), label: column})
            codes, levels = factorize(label, column)
            found.append(cls((key,), (levels,), codes))
        return functools.reduce(cls.__mul__, found) if found else cls((), (), np.zeros(rows, np.intp))

    def __mul__(self, other: "Groups") -> "Groups":
        """All combinations of these groups with those of another feature."""
        if both := set(self.names) & set(other.names):
            raise ValueError(f"the feature {min(both)!r} is given twice; rename or drop one")
        codes = self.codes * len(other) + other.codes if self.names else other.codes
        return Groups(self.names + other.names, self.levels + other.levels, codes)

    @cached_property
    def keys(self) -> list:
        """One key a group: its level, or the tuple of its levels."""
        return list(itertools.product(*self.levels)) if len(self.levels) > 1 else list(*self.levels)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of rows of every group, (G,)."""
        return np.bincount(self.codes, minlength=len(self))

    def __len__(self) -> int:
        """Number of combinations."""
        return math.prod(map(len, self.levels))


def columns(name: str, features) -> dict:
    """Features in any form as a mapping from names to columns. Lesson: 20."""
    if isinstance(features, Mapping) or hasattr(features, "columns"):
        names = features if isinstance(features, Mapping) else features.columns
        return {str(key): features[key] for key in names}
    base = name.removesuffix("s")
    if len(getattr(features, "shape", ())) == 2:
        return {f"{base}_{i}": column for i, column in enumerate(inputs.to_numpy(features).T)}
    label = getattr(features, "name", None)
    return {f"{base}_0" if label is None else str(label): features}


def factorize(name: str, values) -> tuple[np.ndarray, list]:
    """Code of every row, and the levels that the codes count off.

    Levels are sorted, those of a category stay in its order. Whole numbers, categories and arrays
    of texts take 5 to 30 ns a row.
    Shapes: values (N,) -> codes (N,), L levels. Raises: ValueError for missing values, no row, or
    more than one dimension. Lesson: 20.
    """
    check.nonempty(name, values)
    if str(getattr(values, "dtype", "")) == "category":
        values = getattr(values, "array", values)  # of a Series
        return _finish(name, np.asarray(values.codes), list(values.categories), sort=False)
    if isinstance(values, (list, tuple)):  # not np.asarray, which makes the text "None" of a missing one
        values = np.array(values, dtype=object)
    if not hasattr(values, "factorize") or values.dtype.kind != "O":
        values = inputs.to_numpy(values)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}, one dimension is needed; give one value a row")
    kind = values.dtype.kind
    if kind == "b":
        return _finish(name, values, [False, True])
    if kind in "iu" and (low := int(values.min())) + 2**16 > (high := int(values.max())):
        codes = np.subtract(values, low, dtype=np.int64 if kind == "i" else None) if low else values
        return _finish(name, codes, range(low, high + 1))
    if kind == "U" and (found := _text(values)):
        return _finish(name, *found)
    if kind == "O" and "pandas" in sys.modules:  # its hash table is several times faster than a dict
        values = sys.modules["pandas"].Series(values)
    if hasattr(values, "factorize"):
        codes, levels = values.factorize()
        return _finish(name, codes, list(levels))
    items = values.tolist()
    code = {item: i for i, item in enumerate(i for i in dict.fromkeys(items) if i is not None and i == i)}
    return _finish(name, np.array([code.get(item, -1) for item in items]), list(code))


def _text(values: np.ndarray) -> tuple[np.ndarray, list] | None:
    """Codes through a hash of each text, proved by comparing with the first text of its code.

    None where two texts share one of the 65,536 slots (or where there are too many texts).
    """
    words = np.ascontiguousarray(values).view(np.uint32).reshape(len(values), -1)
    words = words.view(np.uint64) if words.shape[1] % 2 == 0 else words
    code_of, firsts = np.full(2**16, -1, np.intp), []
    codes = np.empty(len(values), np.intp)
    for start in range(0, len(values), _BLOCK):
        block = words[start : start + _BLOCK]
        hashed = block[:, 0] * _ODD
        for j in range(1, block.shape[1]):
            hashed += block[:, j]
            hashed *= _ODD
        slot = (hashed >> np.uint64(48)).astype(np.intp)
        new, rows = np.unique(slot[code_of[slot] < 0], return_index=True)
        rows = np.flatnonzero(code_of[slot] < 0)[rows]
        code_of[new] = np.arange(len(firsts), len(firsts) + len(new))
        firsts += (start + rows).tolist()
        found = code_of[slot]
        if len(firsts) > 2**10 or (words[firsts].take(found, axis=0) != block).any():
            return None
        codes[start : start + _BLOCK] = found
    return codes, values[firsts].tolist()


def _finish(name: str, codes: np.ndarray, levels, sort: bool = True) -> tuple[np.ndarray, list]:
    """Refuse missing values (code -1), leave out levels without a row, sort the rest."""
    codes = codes.astype(np.intp, copy=False)
    if gone := int((codes < 0).sum()) if codes.min() < 0 else 0:
        raise ValueError(
            f"{name} holds {gone} missing values of {len(codes)}; "
            "drop these rows, or give the missing ones a group of their own, 'unknown' say"
        )
    present = np.flatnonzero(np.bincount(codes, minlength=len(levels))).tolist()
    if sort:
        present.sort(key=lambda i: (type(levels[i]).__name__, levels[i]))
    if present != list(range(len(levels))):
        rank = np.empty(len(levels), np.intp)
        rank[present] = np.arange(len(present))
        codes = rank[codes]
    return codes, [levels[i] for i in present]
