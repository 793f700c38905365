"""Tables about people: how alike the rows are, and how to make them alike.

class_sizes  k_anonymity  l_diversity  t_closeness  mondrian  Anonymized

A table is a mapping from column names to arrays of one length: a dict, a pandas DataFrame, or
anything with `table[name]`. Quasi-identifiers are the columns that somebody may know
from elsewhere (age, postal code, sex); rows that agree in all of them form a class. Missing
values count as a value of their own.

None of this is differential privacy: k, l and t speak of the table alone, against
someone who knows the quasi-identifiers you named and nothing else. Two k-anonymous releases
of the same people can identify them together, and remove direct identifiers (names,
numbers) yourself first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kit import check

#: Classes times sensitive values that one count table may have (8 bytes each).
LARGEST_COUNTS = 10**8


def class_sizes(table, quasi_identifiers: Sequence[str]) -> np.ndarray:
    """For each row, how many rows share its quasi-identifiers; 1 means unique.

    Shapes: -> (N,) int. 1/size is the chance to pick the right row of a person known to be in
    the table. Raises: ValueError for an unknown column, unequal lengths or an empty table.
    Source: Sweeney 2002. Lesson: 19
    """
    classes = _classes(table, quasi_identifiers)
    return np.bincount(classes)[classes]


def k_anonymity(table, quasi_identifiers: Sequence[str]) -> int:
    """The k of a table: the size of its smallest class.

    Raises: as `class_sizes`. Source: Sweeney 2002, definition 3. Lesson: 19
    """
    return int(np.bincount(_classes(table, quasi_identifiers)).min())


def l_diversity(table, quasi_identifiers, sensitive: str, *, method="distinct", c: float = 3.0) -> float:
    """How many sensitive values stand behind each class, in the worst class.

    distinct: their number.
    entropy: e^H, H the entropy of their shares: entropy l-diverse for every l up to it.
    recursive: the largest l with r_1 < c (r_l + ... + r_m), r sorted counts, in all classes; 0 for none.
        Here alone `c` is used.

    Raises: ValueError for an unknown column or method, c not > 0, an empty table.
    Source: Machanavajjhala et al. 2007, section 4. Lesson: 19
    """
    check.one_of("method", method, ("distinct", "entropy", "recursive"))
    check.number("c", c, above=0)
    counts = _counts(table, quasi_identifiers, sensitive)  # (classes, values)
    if method == "distinct":
        return float((counts > 0).sum(axis=1).min())
    if method == "entropy":
        shares = counts / counts.sum(axis=1, keepdims=True)
        return float(np.exp(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)).min())
    falling = -np.sort(-counts, axis=1)
    tails = falling[:, ::-1].cumsum(axis=1)[:, ::-1]  # r_l + ... + r_m at l-1
    holds = (falling[:, :1] < c * tails).all(axis=0)  # in all classes; once false, false for larger l
    return float(holds.sum())


def t_closeness(table, quasi_identifiers, sensitive: str, *, ordered: bool) -> float:
    """The t of a table: how far a class's sensitive values are from everybody's.

    The largest earth mover's distance, in [0, 1]. ordered=True: the m values in sorted order (text by its
    letters; a pandas Categorical by its categories), one step costs 1/(m-1), so sum |cumulative
    difference| / (m-1); ordered=False: all values equally far, so sum |difference| / 2.

    Raises: as `l_diversity`. Source: Li, Li & Venkatasubramanian 2007, section 4. Lesson: 19
    """
    counts = _counts(table, quasi_identifiers, sensitive)
    shares = counts / counts.sum(axis=1, keepdims=True)
    difference = shares - counts.sum(axis=0) / counts.sum()
    moved, steps = (difference.cumsum(axis=1), counts.shape[1] - 1) if ordered else (difference, 2)
    return float(np.abs(moved).sum(axis=1).max() / max(1, steps))


@dataclass(frozen=True)
class Anonymized:
    """A generalized table: columns, class of each row, its k, and what it lost.

    loss: normalized certainty penalty in [0, 1], the mean over rows and quasi-identifiers of
    (width of the interval) / (width of the column): 0 exact, 1 all the same. Lesson: 19
    """

    table: dict[str, np.ndarray]
    classes: np.ndarray
    k: int
    loss: float


def mondrian(table, quasi_identifiers: Sequence[str], *, k: int) -> Anonymized:
    """Generalize quasi-identifiers until the table is k-anonymous (strict Mondrian).

    Cuts the rows at the median of the column that is relatively widest, again and again, as
    long as both halves keep k rows. Then numbers become ranges "20-29" and categories sets "{a, b}",
    taken in sorted order. Other columns stay as they are.

    Raises: ValueError for fewer than k rows, a missing number, or an unknown column.
    Source: LeFevre, DeWitt & Ramakrishnan 2006, section 4. Lesson: 19
    """
    check.integer("k", k, 1)
    _check_names(quasi_identifiers)
    columns = {name: np.asarray(_column(table, name)) for name in quasi_identifiers}
    check.same_length(**columns)
    for name in [name for name, column in columns.items() if _is_number(column)]:
        check.finite(name, columns[name])
    places = [column if _is_number(column) else _codes(column) for column in columns.values()]
    points = np.stack(places, axis=1).astype(np.float64)  # (N, Q)
    if len(points) < k:
        raise ValueError(f"k={k} is more than the table's {len(points)} rows; lower k")
    width = np.maximum(np.ptp(points, axis=0), np.finfo(float).tiny)
    parts, classes, lost = _cut(points / width, k), np.empty(len(points), int), 0.0
    texts = {name: np.empty(len(points), object) for name in columns}
    for number, rows in enumerate(parts):
        classes[rows] = number
        lost += len(rows) * float((np.ptp(points[rows], axis=0) / width).sum()) / points.size
        for name, column in columns.items():
            texts[name][rows] = _generalized(column[rows])
    result = {name: texts[name].astype(str) if name in texts else np.asarray(table[name]) for name in table}
    return Anonymized(result, classes, min(map(len, parts)), lost)


def _is_number(column: np.ndarray) -> bool:
    return column.dtype.kind in "iuf"


def _cut(points: np.ndarray, k: int) -> list[np.ndarray]:
    """The rows of each final part."""
    waiting, done = [np.arange(len(points))], []
    while waiting:
        rows = waiting.pop()
        for column in np.argsort(-np.ptp(points[rows], axis=0), kind="stable"):
            values = points[rows, column]
            low = values <= np.sort(values)[(len(values) - 1) // 2]
            if k <= low.sum() <= len(rows) - k:
                waiting += [rows[low], rows[~low]]
                break
        else:
            done.append(rows)
    return done


def _generalized(values: np.ndarray) -> str:
    distinct = np.unique(values if _is_number(values) else values.astype(str))
    if len(distinct) == 1:
        return str(distinct[0])
    return f"{distinct[0]}-{distinct[-1]}" if _is_number(values) else "{" + ", ".join(distinct) + "}"


def _column(table, name: str):
    check.one_of("column", name, tuple(table))
    values = table[name] if hasattr(table[name], "factorize") else np.asarray(table[name])
    check.nonempty(name, values)
    return values


def _check_names(quasi_identifiers) -> None:
    if isinstance(quasi_identifiers, str):
        raise TypeError(f"quasi_identifiers={quasi_identifiers!r} is one text; give a list of column names")
    check.nonempty("quasi_identifiers", quasi_identifiers)


def _classes(table, quasi_identifiers: Sequence[str]) -> np.ndarray:
    """Number of each row's class, 0 ... G-1."""
    _check_names(quasi_identifiers)
    coded = {name: _codes(_column(table, name)) for name in quasi_identifiers}
    check.same_length(**coded)
    classes = np.zeros(len(next(iter(coded.values()))), np.int64)
    for codes in coded.values():
        classes = _dense(classes * (int(codes.max()) + 1) + codes)
    return classes


def _dense(codes: np.ndarray) -> np.ndarray:
    """Renumber whole numbers >= 0 without gaps."""
    if int(codes.max()) > 16 * len(codes):  # marks would take longer than sorting
        return np.unique(codes, return_inverse=True)[1]
    return (np.cumsum(np.bincount(codes) > 0) - 1)[codes]


def _codes(values) -> np.ndarray:
    """The rank of each value among the distinct ones, in sorted order."""
    if hasattr(values, "factorize"):  # a pandas column knows best, the order of its categories, too
        return values.factorize(sort=True, use_na_sentinel=False)[0]
    if values.dtype.kind not in "OUS":
        return np.unique(values, return_inverse=True)[1]
    listed = values.tolist()  # sorting the distinct texts alone is many times faster than sorting all
    distinct = set(listed)
    missing = {v for v in distinct if v is None or v != v}  # a NaN equals nothing, not even another
    try:
        known = sorted(distinct - missing)
    except TypeError:  # values of several kinds have no order but that of their texts
        known = sorted(distinct - missing, key=str)
    rank = {v: i for i, v in enumerate(known)} | dict.fromkeys(missing, len(known))
    return np.fromiter(map(rank.__getitem__, listed), np.int64, len(listed))


def _counts(table, quasi_identifiers: Sequence[str], sensitive: str) -> np.ndarray:
    """Rows of each class (G) with each sensitive value in sorted order (S): (G, S)."""
    classes, codes = _classes(table, quasi_identifiers), _codes(_column(table, sensitive))
    check.same_length(quasi_identifiers=classes, sensitive=codes)
    shape = int(classes.max()) + 1, int(codes.max()) + 1
    if shape[0] * shape[1] > LARGEST_COUNTS:
        raise ValueError(f"{sensitive} has {shape[1]} values in {shape[0]} classes, too many; bin it")
    return np.bincount(classes * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)
