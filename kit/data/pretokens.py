r"""Where a byte-pair tokenizer may not merge: the cuts between words, and the bytes.

    split_words  BYTE_CHARACTERS  SPLITS

Python's `re` has no \p{L} (letters) and \p{N} (numbers), so the classes are built from
`unicodedata`; a character newer than Python's Unicode version counts as neither.
"""

import re
import unicodedata
from functools import lru_cache

from kit import check

#: How a text is cut: as for GPT-2, or (SmolLM) with every digit on its own before that.
SPLITS = ("gpt2", "smollm")

_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Unicode's White_Space


def _byte_characters() -> tuple[str, ...]:
    """GPT-2's printable character for each byte: itself, or one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte) if byte in printable else chr(next(others)) for byte in range(256))


#: Byte -> the character that stands for it in a vocabulary (a space is "Ġ").
BYTE_CHARACTERS = _byte_characters()


def split_words(text: str, split: str = "gpt2") -> list[str]:
    """Cut `text` into words, numbers, signs and spaces; joined they are `text` again.

    A word takes the one space before it along. Source: Radford et al. (2019), 2.2. Lesson: 09.
    """
    check.one_of("split", split, SPLITS)
    words, numbers = _patterns()
    if split == "gpt2":
        return words.findall(text)
    found: list[str] = []
    for i, piece in enumerate(numbers.split(text)):  # every second piece is the digit it was split at
        found += [piece] if i % 2 else words.findall(piece)
    return found


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern, re.Pattern]:
    letter, number, space = _class("L"), _class("N"), _SPACE
    words = (
        f"'(?:[sdmt]|ll|ve|re)| ?[{letter}]+| ?[{number}]+| ?[^{space}{letter}{number}]+"
        f"|[{space}]+(?![^{space}])|[{space}]+"
    )
    return re.compile(words), re.compile(f"([{number}])")


def _class(major: str) -> str:
    """The inside of a character class: all characters whose category begins with `major`."""
    ranges: list[list[int]] = []
    for code in range(0x110000):
        if unicodedata.category(chr(code))[0] == major:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
