"""Running text: whole works as documents, and pairs of a text and its translation.

Corpus  Pairs  read_poems  read_plays  read_pairs
"""

from dataclasses import dataclass

from kit.data.registry import Card, Entry, path


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents and their titles in the order of the source; `text` is all of them.

    In `text` an empty line (plays) or a line end (poems) stands between two documents. Lesson: 07.
    """

    name: str
    text: str
    documents: tuple[str, ...]
    titles: tuple[str, ...]
    card: Card

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.documents)

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}: {len(self)} documents, {len(self.text):,} characters)"


@dataclass(frozen=True, eq=False)
class Pairs:
    """Texts and their translations: `source[i]` means `target[i]`. Lesson: 08."""

    name: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    card: Card

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.source)

    def __repr__(self) -> str:
        return f"Pairs({self.name!r}: {len(self)} pairs)"


def read_poems(entry: Entry, card: Card) -> Corpus:
    """One poem per line: author, title, text; its title becomes author《title》. Lesson: 07."""
    rows = [line.split("\t") for line in _text(entry).splitlines()]
    documents = tuple(text for _, _, text in rows)
    titles = tuple(f"{author}《{title}》" for author, title, _ in rows)
    return Corpus(entry.name, "\n".join(documents) + "\n", documents, titles, card)


def read_plays(entry: Entry, card: Card) -> Corpus:
    """Plays with a form feed between two, each beginning with its title. Lesson: 09."""
    documents = tuple(_text(entry).split("\f"))
    titles = tuple(play.split("\n", 1)[0] for play in documents)
    return Corpus(entry.name, "\n".join(documents), documents, titles, card)


def read_pairs(entry: Entry, card: Card) -> Pairs:
    """One pair per line, a tab between text and translation. Lesson: 08."""
    rows = [line.split("\t") for line in _text(entry).splitlines()]
    return Pairs(entry.name, tuple(row[0] for row in rows), tuple(row[1] for row in rows), card)


def _text(entry: Entry) -> str:
    return path(entry.name).read_text(encoding="utf-8")
