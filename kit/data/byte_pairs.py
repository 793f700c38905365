"""Byte-pair encoding, the tokenizer of GPT-2 and of most language models since.

BytePairTokenizer
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from kit import check
from kit.data.byte_pair_training import train_merges
from kit.data.gguf import GGUF
from kit.data.pretokens import BYTE_CHARACTERS, SPLITS, split_words
from kit.data.tokenizers import ROLES, Tokenizer

_BYTE = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}
_CONTROL, _USER_DEFINED = 3, 4  # token types of a GGUF file that are matched whole
_GGUF_SPLITS = {"gpt-2": "gpt2", "smollm": "smollm"}
_GGUF_ROLES = dict(zip(ROLES, ("padding", "unknown", "mask", "bos", "eos")))
_CACHED = 1 << 16


class BytePairTokenizer(Tokenizer):
    """Byte-level BPE: bytes, joined pair by pair in the order the pairs were learned.

    No text is unknown as long as all 256 bytes are in the vocabulary, and `decode(encode(text))`
    is `text`; a byte that is not becomes `unknown`, or nothing. `vocabulary` and `merges` are in
    GPT-2's spelling, a character a byte. Source: Sennrich et al. (2016); Radford et al. (2019).
    Lesson: 09.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Iterable[tuple[str, str]],
        *,
        split: str = "gpt2",
        special: Iterable[str] = (),
        roles: Mapping[str, str] | None = None,
    ):
        check.one_of("split", split, SPLITS)
        super().__init__(vocabulary, special, roles or {})
        self.split, self.merges = split, tuple(merges)
        self._rank: dict[tuple[int, int], tuple[int, int]] = {}  # pair of ids -> rank, id of both
        for rank, (a, b) in enumerate(self.merges):
            lost = next((t for t in (a, b, a + b) if t not in self.ids), None)
            if lost is not None:
                raise ValueError(
                    f"merges[{rank}]={(a, b)} needs the token {lost!r}, which is not in the vocabulary; "
                    "give the two that belong together"
                )
            self._rank[self.ids[a], self.ids[b]] = rank, self.ids[a + b]
        self._bytes = [self._bytes_of(token) for token in self.vocabulary]
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(cls, text: str, vocab_size: int, *, special: Sequence[str] = ()) -> "BytePairTokenizer":
        """Learn a vocabulary of `vocab_size` tokens from `text`, fewer if it is soon exhausted.

        `special` names roles, as in CharTokenizer; these tokens come first, then the bytes.
        Raises: ValueError for an empty text or a size without room for the 256 bytes.
        """
        check.nonempty("text", text)
        for role in special:
            check.one_of("special", role, ROLES)
        check.integer("vocab_size", vocab_size, 256 + len(special))
        roles = {role: f"<{role}>" for role in special}
        vocabulary = [*roles.values(), *sorted(BYTE_CHARACTERS)]
        found = train_merges(Counter(split_words(_utf8(text))), vocabulary, vocab_size)
        merges = [(vocabulary[a], vocabulary[b]) for a, b in found]
        return cls(vocabulary, merges, special=roles.values(), roles=roles)

    @classmethod
    def from_files(cls, vocabulary: str | Path, merges: str | Path) -> "BytePairTokenizer":
        """GPT-2's two files: encoder.json (token -> id) and vocab.bpe (a merge a line).

        Raises: ValueError, naming the file, for a damaged one.
        """
        vocabulary, merges = Path(vocabulary), Path(merges)
        try:
            ids = json.loads(vocabulary.read_text(encoding="utf-8"))
            tokens = sorted(ids, key=ids.__getitem__)
            whole = [ids[token] for token in tokens] == list(range(len(ids)))
        except (ValueError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise ValueError(f"file={vocabulary.name} does not number its tokens from 0 on; fetch it again")
        lines = merges.read_text(encoding="utf-8", errors="replace").split("\n")
        pairs = _pairs([line for line in lines if line and not line.startswith("#version")], merges)
        end = "<|endoftext|>"
        roles = dict.fromkeys(("unknown", "start", "end"), end)
        return cls(tokens, pairs, special=[end] if end in ids else (), roles=roles)

    @classmethod
    def from_gguf(cls, gguf: GGUF) -> "BytePairTokenizer":
        """The tokenizer inside a GGUF file.

        Raises: ValueError for a file without a byte-pair vocabulary, or one that is cut in a
        way not known here.
        """
        about = {key.removeprefix("tokenizer.ggml."): value for key, value in gguf.metadata.items()}
        if about.get("model") != "gpt2" or not {"tokens", "merges", "token_type"} <= about.keys():
            raise ValueError(
                f"file={gguf.path.name} holds no byte-pair vocabulary "
                f"(tokenizer.ggml.model={about.get('model')!r}); give one with model 'gpt2'"
            )
        check.one_of("tokenizer.ggml.pre", about.get("pre", "gpt-2"), _GGUF_SPLITS)
        tokens = about["tokens"]
        special = [t for t, kind in zip(tokens, about["token_type"]) if kind in (_CONTROL, _USER_DEFINED)]
        roles = {role: about.get(f"{name}_token_id") for role, name in _GGUF_ROLES.items()}
        return cls(
            tokens,
            _pairs(about["merges"], gguf.path),
            split=_GGUF_SPLITS[about.get("pre", "gpt-2")],
            special=special,
            roles={role: tokens[i] for role, i in roles.items() if i is not None and i < len(tokens)},
        )

    def _bytes_of(self, token: str) -> bytes:
        if token in self.special_tokens:
            return token.encode("utf-8")
        try:
            return bytes(_BYTE[character] for character in token)
        except KeyError as error:
            raise ValueError(
                f"vocabulary holds {token!r}, whose {error.args[0]!r} stands for no byte; "
                "give a byte-level vocabulary, or name the token in special"
            ) from None

    def _encode(self, text: str) -> list[int]:
        found: list[int] = []
        for word in split_words(_utf8(text), self.split):
            ids = self._cache.get(word)
            if ids is None:
                ids = self._merge(word)
                if len(self._cache) < _CACHED:
                    self._cache[word] = ids
            found += ids
        return found

    def _merge(self, word: str) -> list[int]:
        """Join the pair of lowest rank, leftmost first, until none is left.

        The symbols form a linked list; the heap holds the pairs that can be joined, and
        one whose symbols have changed since is passed over.
        """
        ids = [self.ids.get(BYTE_CHARACTERS[byte], self.unknown) for byte in word.encode("utf-8")]
        ids = [i for i in ids if i is not None]
        before, after = list(range(-1, len(ids) - 1)), list(range(1, len(ids) + 1))
        heap = [(self._rank[p][0], i, p) for i, p in enumerate(pairwise(ids)) if p in self._rank]
        heapq.heapify(heap)
        while heap:
            _, i, pair = heapq.heappop(heap)
            j = after[i]
            if j == len(ids) or (ids[i], ids[j]) != pair:
                continue
            ids[i], ids[j] = self._rank[pair][1], -1
            after[i] = after[j]
            if after[i] < len(ids):
                before[after[i]] = i
            for left in (before[i], i):
                right = after[left] if left >= 0 else len(ids)
                if right < len(ids) and (ids[left], ids[right]) in self._rank:
                    joined = ids[left], ids[right]
                    heapq.heappush(heap, (self._rank[joined][0], left, joined))
        return [i for i in ids if i >= 0]

    def _decode(self, ids: list[int]) -> str:
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")


def _pairs(lines: list[str], file: Path) -> list[tuple[str, str]]:
    """Merges, each written as two tokens with a space between."""
    pairs = [tuple(line.split(" ")) for line in lines]
    wrong = next((line for line, pair in zip(lines, pairs) if len(pair) != 2), None)
    if wrong is not None:
        raise ValueError(
            f"file={file.name} has the merge {check.show(wrong)}, no pair of tokens; fetch it again"
        )
    return pairs


def _utf8(text: str) -> str:
    """`text`, unless it holds half a character: a lone surrogate has no bytes."""
    lone = next((c for c in text if "\ud800" <= c <= "\udfff"), None) if not text.isascii() else None
    if lone is not None:
        raise ValueError(f"text holds {lone!r}, half of a character; read it with the right encoding")
    return text
