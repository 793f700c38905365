"""From text to numbers and back: what tokenizers share, and the simplest one.

    Tokenizer  CharTokenizer  pad_batch

Every tokenizer has `encode(text) -> list[int]`, `decode(ids) -> str`, `vocabulary`,
`len(tokenizer)`, and the ids `pad`, `unknown`, `mask`, `start`, `end` (None where it has none).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import torch

from kit import check
from kit.shapes import Bool, Int, Tensor

ROLES = ("pad", "unknown", "mask", "start", "end")


class Tokenizer:
    """Base of all tokenizers: a vocabulary and its special tokens. Lesson: 07.

    `special_tokens` (text -> id) never come apart in a text, unless `encode` is told
    that they mean nothing there. A subclass gives `_encode` and `_decode`.
    """

    pad: int | None
    unknown: int | None
    mask: int | None
    start: int | None
    end: int | None

    def __init__(self, vocabulary: Iterable[str], special: Iterable[str], roles: Mapping[str, str]):
        self.vocabulary = tuple(vocabulary)
        check.nonempty("vocabulary", self.vocabulary)
        self.ids = {token: i for i, token in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary):
            twice = next(t for i, t in enumerate(self.vocabulary) if self.ids[t] != i)
            raise ValueError(f"vocabulary holds {twice!r} twice; give each token once")
        self.special_tokens = {token: self.ids[token] for token in special}
        longest_first = sorted(self.special_tokens, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        for role in ROLES:
            setattr(self, role, self.ids.get(roles[role]) if role in roles else None)

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens)"

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids of `text`, [] for an empty one.

        The name of a special token in the text becomes that token; with `special=False` it stays
        plain text, as it should when the text comes from a stranger.
        Raises: TypeError unless a str, ValueError for what cannot be encoded.
        """
        if not isinstance(text, str):
            raise TypeError(f"text={check.show(text)} is not a text; give a str")
        ids, place = [], 0
        for match in self._special.finditer(text) if special and self._special else ():
            ids += [*self._encode(text[place : match.start()]), self.special_tokens[match[0]]]
            place = match.end()
        return ids + self._encode(text[place:])

    def decode(self, ids: Iterable[int] | Tensor, *, special: bool = True) -> str:
        """Text of `ids`, a sequence or a vector; `special=False` leaves special tokens out.

        Raises: ValueError for an id outside the vocabulary.
        """
        ids = [int(i) for i in (ids.tolist() if hasattr(ids, "tolist") else ids)]
        wrong = next((i for i in ids if not 0 <= i < len(self)), None)
        if wrong is not None:
            raise ValueError(f"ids holds {wrong}, which is no token; give ids from 0 to {len(self) - 1}")
        left_out = () if special else set(self.special_tokens.values())
        return self._decode([i for i in ids if i not in left_out])

    def _encode(self, text: str) -> list[int]:
        raise NotImplementedError("Abstract base: use CharTokenizer, BytePairTokenizer, WordPieceTokenizer")

    def _decode(self, ids: list[int]) -> str:
        raise NotImplementedError("Abstract base: use CharTokenizer, BytePairTokenizer, WordPieceTokenizer")


class CharTokenizer(Tokenizer):
    """One token per character, after the special ones. Lesson: 07.

    `special` names roles: ("pad", "start", "end") become the tokens <pad>, <start>, <end>.
    """

    def __init__(self, characters: Sequence[str], special: Sequence[str] = ()):
        for role in special:
            check.one_of("special", role, ROLES)
        roles = {role: f"<{role}>" for role in special}
        super().__init__([*roles.values(), *characters], roles.values(), roles)

    @classmethod
    def from_text(cls, text: str, special: Sequence[str] = ()) -> "CharTokenizer":
        """The characters of `text` in the order of their code points.

        Raises: ValueError for an empty text.
        """
        check.nonempty("text", text)
        return cls(sorted(set(text)), special)

    def _encode(self, text: str) -> list[int]:
        if self.unknown is not None:
            return [self.ids.get(c, self.unknown) for c in text]
        try:
            return [self.ids[c] for c in text]
        except KeyError as error:
            raise ValueError(
                f"text holds {error.args[0]!r}, which is not in the vocabulary of {len(self)} tokens; "
                "remove it, or reserve special=('unknown',)"
            ) from None

    def _decode(self, ids: list[int]) -> str:
        return "".join(self.vocabulary[i] for i in ids)


def pad_batch(
    sequences: Sequence[Sequence[int]], value: int
) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """Sequences of ids as one tensor, short ones filled up with `value` at their ends.

    Returns:
        tokens (B, T) int64, and padding (B, T) bool, true where `value` was filled in.

    Lesson: 07
    """
    check.nonempty("sequences", sequences)
    check.integer("value", value, 0)
    lengths = torch.tensor([len(s) for s in sequences])
    padding = torch.arange(int(lengths.max())) >= lengths[:, None]
    tokens = torch.full(padding.shape, value)
    tokens[~padding] = torch.tensor([i for s in sequences for i in s], dtype=torch.int64)
    return tokens, padding
