"""WordPiece, the tokenizer of BERT: words, and pieces of the words it does not know.

WordPieceTokenizer
"""

import string
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from kit.data.tokenizers import Tokenizer

_ROLES = {"pad": "[PAD]", "unknown": "[UNK]", "mask": "[MASK]", "start": "[CLS]", "end": "[SEP]"}
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
_LONGEST = 100  # characters; a longer word is unknown


class WordPieceTokenizer(Tokenizer):
    """Lower case, no accents, words cut greedily into the longest known pieces.

    A piece inside a word begins with ##. `encode` adds no [CLS] and [SEP]: they are `start` and
    `end`. What case, accents and spaces were is lost. About 500 characters newer than Unicode 8 are
    cut off where transformers, with older tables, leaves them. Source: Devlin et al. (2019). Lesson: 07.
    """

    def __init__(self, vocabulary: Sequence[str]):
        if "[UNK]" not in vocabulary:
            raise ValueError("vocabulary has no '[UNK]'; give BERT's vocab.txt")
        super().__init__(vocabulary, [t for t in _ROLES.values() if t in vocabulary], _ROLES)

    @classmethod
    def from_file(cls, file: str | Path) -> "WordPieceTokenizer":
        """A vocab.txt: one token a line, its id the number of the line from 0.

        Raises: ValueError, naming the file, for one that is damaged.
        """
        file = Path(file)
        try:
            return cls(file.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        except ValueError as error:
            raise ValueError(f"file={file.name} is damaged, {error}") from error

    def _encode(self, text: str) -> list[int]:
        return [i for word in basic_words(text) for i in self._pieces(word)]

    def _pieces(self, word: str) -> list[int]:
        """The longest known beginning, then the longest known rest, and so on."""
        if len(word) > _LONGEST:
            return [self.unknown]
        pieces, begin = [], 0
        while begin < len(word):
            for end in range(len(word), begin, -1):
                piece = self.ids.get(("##" if begin else "") + word[begin:end])
                if piece is not None:
                    break
            else:
                return [self.unknown]
            pieces.append(piece)
            begin = end
        return pieces

    def _decode(self, ids: list[int]) -> str:
        return " ".join(self.vocabulary[i] for i in ids).replace(" ##", "")


def basic_words(text: str) -> list[str]:
    """BERT's words: cleaned, lower case, no accents, punctuation and CJK characters alone.

    Source: Devlin et al. (2019), BasicTokenizer. Lesson: 07.
    """
    clean = "".join(f" {c} " if _is_cjk(c) else " " if c.isspace() else c for c in text if not _dropped(c))
    plain = "".join(c for c in unicodedata.normalize("NFD", clean) if unicodedata.category(c) != "Mn")
    spaced = (f" {c} " if _is_punctuation(c) else c.lower() for c in plain)
    return "".join(spaced).split()


def _dropped(c: str) -> bool:
    """Control characters and the replacement character, but no tabs and line ends."""
    return c == "\ufffd" or (c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs"))


def _is_cjk(c: str) -> bool:
    return c > "\u33ff" and any(low <= ord(c) <= high for low, high in _CJK)


def _is_punctuation(c: str) -> bool:
    """ASCII signs, $ and + included, and Unicode's punctuation."""
    return c in string.punctuation or unicodedata.category(c)[0] == "P"
