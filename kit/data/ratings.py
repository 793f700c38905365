"""Who gave how many stars to what: MovieLens.

Ratings  read_ratings
"""

import csv
from dataclasses import dataclass

import torch

from kit.data.registry import Card, Entry, path
from kit.shapes import Bool, Float, Int, Tensor


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of items by users, both numbered from 0.

    Shapes: users, items (N,) int64; ratings (N,) float32, 1 to 5 stars; timestamps (N,) int64,
    seconds since 1970 (UTC); titles I texts; genres (I, G) bool into genre_names. Lesson: 07.
    """

    name: str
    users: Int[Tensor, " N"]
    items: Int[Tensor, " N"]
    ratings: Float[Tensor, " N"]
    timestamps: Int[Tensor, " N"]
    titles: tuple[str, ...]
    genres: Bool[Tensor, "I G"]
    genre_names: tuple[str, ...]
    card: Card

    @property
    def user_count(self) -> int:
        """Number of users."""
        return int(self.users.max()) + 1

    @property
    def item_count(self) -> int:
        """Number of items, those without a rating included."""
        return len(self.titles)

    def __len__(self) -> int:
        """Number of ratings."""
        return len(self.ratings)

    def __repr__(self) -> str:
        return f"Ratings({self.name!r}: {len(self)} by {self.user_count} users of {self.item_count} items)"


def read_ratings(entry: Entry, card: Card) -> Ratings:
    """Two CSV files, ratings and items, whose numbers begin at 1. Lesson: 07."""
    (_, *rows), (head, *items) = (_rows(entry, file.name) for file in entry.files)
    users, rated, stars, times = torch.tensor([[int(v) for v in row] for row in rows]).T.contiguous()
    genres = torch.tensor([[v == "1" for v in row[2:]] for row in items])
    titles = tuple(row[1] for row in items)
    return Ratings(
        entry.name, users - 1, rated - 1, stars.float(), times, titles, genres, tuple(head[2:]), card
    )


def _rows(entry: Entry, file: str) -> list[list[str]]:
    with open(path(entry.name, file), encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))
