"""Tables about people: columns of numbers and of words, a decision, and who is concerned.

people = kit.data.load("adult")
people["race"]                                  # one column, an array
people.y                                        # 1 for an income above 50,000 dollars
table = people.encode(without=("race", "gender"))  # numbers for a model

Frame  read_frame
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from kit import check
from kit.data.registry import Card, Entry, path
from kit.data.tables import Table
from kit.shapes import Int, Tensor


@dataclass(frozen=True, eq=False)
class Frame:
    """Columns by name, the column to predict, and which columns name groups of people.

    columns: arrays (N,) of whole numbers, of floats (nan where missing) or of texts, as
        `pandas.DataFrame(frame.columns)` takes them. Units stand in the card.
    target, positive: the column to predict, and its value that counts as 1.
    features: the columns a model may use, those of `sensitive` among them.
    train, test: int64 row numbers of the split its publisher made; without one, all
        rows are in train.

    Lesson: 20.
    """

    name: str
    columns: dict[str, np.ndarray]
    target: str
    positive: str | int
    features: tuple[str, ...]
    sensitive: tuple[str, ...]
    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]
    card: Card

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.columns[self.target])

    def __getitem__(self, column: str) -> np.ndarray:
        """The column (N,). Raises: ValueError for an unknown name, with the nearest."""
        check.one_of("column", column, self.columns)
        return self.columns[column]

    def __repr__(self) -> str:
        rows = f"{len(self)} rows, {len(self.columns)} columns"
        return f"Frame({self.name!r}: {rows}, predict {self.target}={self.positive})"

    @property
    def y(self) -> Int[Tensor, " N"]:
        """1 where the target has its positive value, else 0."""
        return torch.from_numpy(self[self.target] == self.positive).long()

    @property
    def complete(self) -> np.ndarray:
        """Rows (N,) bool with a value in every column; a "?" counts as a value."""
        return ~np.any([_gaps(column) for column in self.columns.values()], axis=0)

    def where(self, rows) -> "Frame":
        """The rows for which the mask `rows` (N,) is true, split as before.

        Raises: ValueError for a mask that is not bool or not of this length.
        """
        rows = np.asarray(rows)
        if rows.dtype != bool or rows.shape != (len(self),):
            raise ValueError(f"rows={check.show(rows)} is no mask; give {len(self)} values of type bool")
        mask, number = torch.from_numpy(rows), torch.from_numpy(rows.cumsum() - 1)
        train, test = (number[part[mask[part]]] for part in (self.train, self.test))
        return replace(self, columns={k: c[rows] for k, c in self.columns.items()}, train=train, test=test)

    def encode(self, *, without: Iterable[str] = (), dtype: torch.dtype = torch.float32) -> Table:
        """Features as numbers: texts become one column per value ("race=White").

        A text column of two values becomes one column, for the later in the alphabet.
        Values are those of all rows, so encode first and split afterwards; a number is
        left as it is (see `Standardizer`).

        Raises: ValueError for an unknown column in `without`, or a missing value.
        """
        without = tuple(without)
        for name in without:
            check.one_of("without", name, self.features)
        names, x = [], []
        for name in (f for f in self.features if f not in without):
            column = self.columns[name]
            if gaps := int(_gaps(column).sum()):
                raise ValueError(
                    f"column {name!r} lacks {gaps} of {len(self)} values; keep the whole rows: "
                    "frame.where(frame.complete)"
                )
            if column.dtype.kind == "U":
                values = np.unique(column)
                chosen = values[1:] if len(values) == 2 else values
                names += [f"{name}={value}" for value in chosen]
                x += [column == value for value in chosen]
            else:
                names.append(name)
                x.append(column)
        matrix = torch.from_numpy(np.stack(x, axis=1).astype(np.float64)).to(dtype)
        other = next(iter({str(v) for v in self[self.target].tolist()} - {str(self.positive)}), "other")
        classes = (other, str(self.positive))
        return Table(self.name, matrix, self.y, tuple(names), classes, self.card, self.train, self.test)


def read_frame(entry: Entry, card: Card) -> Frame:
    """A CSV file with a head; `test_rows` of its first rows are the official test. Lesson: 20."""
    with open(path(entry.name), encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    columns = {name: _column(values) for name, values in zip(head, zip(*rows))}
    options = entry.options
    order, first = torch.arange(len(rows)), options.get("test_rows", 0)
    return Frame(
        entry.name,
        columns,
        options["target"],
        options["positive"],
        tuple(options["features"]),
        tuple(options["sensitive"]),
        order[first:],
        order[:first],
        card,
    )


def _gaps(column: np.ndarray) -> np.ndarray:
    return column == "" if column.dtype.kind == "U" else np.isnan(column)


def _column(values: tuple[str, ...]) -> np.ndarray:
    """Whole numbers, else floats with nan for an empty cell, else texts."""
    for kind in (np.int64, np.float64):
        try:
            return np.array([value or "nan" for value in values]).astype(kind)
        except ValueError:  # not all of them are such numbers
            continue
    return np.array(values)
