"""Labelled texts, with their repetitions in plain sight.

Texts  read_texts
"""

from dataclasses import dataclass

import torch

from kit.data.registry import Card, Entry, path
from kit.shapes import Bool, Int, Tensor


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts with a class each, in the order of the source, repetitions included.

    Shapes: N texts, labels (N,) int64 into class_names; duplicate (N,) bool, true where the
    same text came before, in whichever class; conflicting (N,) bool, true where it also
    stands in another class. Lesson: 11.
    """

    name: str
    texts: tuple[str, ...]
    labels: Int[Tensor, " N"]
    class_names: tuple[str, ...]
    duplicate: Bool[Tensor, " N"]
    conflicting: Bool[Tensor, " N"]
    card: Card

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.texts)

    def __repr__(self) -> str:
        repeats = int(self.duplicate.sum())
        classes = len(self.class_names)
        return f"Texts({self.name!r}: {len(self)} texts, {repeats} of them repeats, {classes} classes)"

    def without_duplicates(self) -> "Texts":
        """Each text once, and no text of two classes: its class is unknown."""
        kept = (~self.duplicate & ~self.conflicting).nonzero().squeeze(1)
        texts = tuple(self.texts[i] for i in kept.tolist())
        none = torch.zeros(len(kept), dtype=torch.bool)
        return Texts(self.name, texts, self.labels[kept], self.class_names, none, none, self.card)


def read_texts(entry: Entry, card: Card) -> Texts:
    """One text per line, one file per class; empty lines are no texts. Lesson: 11."""
    texts: list[str] = []
    labels: list[int] = []
    for label, file in enumerate(entry.files):
        lines = path(entry.name, file.name).read_text(encoding="utf-8").split("\n")
        found = [line.strip() for line in lines if line.strip()]
        texts += found
        labels += [label] * len(found)
    seen: dict[str, set[int]] = {}
    duplicate = []
    for text, label in zip(texts, labels):
        duplicate.append(text in seen)
        seen.setdefault(text, set()).add(label)
    return Texts(
        entry.name,
        tuple(texts),
        torch.tensor(labels),
        tuple(entry.options["class_names"]),
        torch.tensor(duplicate),
        torch.tensor([len(seen[text]) > 1 for text in texts]),
        card,
    )
