"""WordPiece: BERT's ids."""

import functools
import sys
import unicodedata

import pytest

from kit import data
from kit.data import DataError, WordPieceTokenizer
from kit.data.wordpieces import basic_words

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "un",
    "##able",
    "##a",
    "a",
    "!",
    "中",
    "文",
    "e",
    "cafe",
]
NASTY = [
    "", "  ", "Hello, World!", "unaffable UNAFFABLE", "Café naïve Ångström İstanbul ΣΊΣΥΦΟΣ",
    "e\u0301 a\u0308",
    "中文and English混合", "日本語 ひらがな が 한국어", "a\tb\nc\r\nd\xa0e\u3000f\u2028g",
    "x\u200by\ufeffz\x00\ufffd\x07", "$5.99 + 3^2 = `x` ~|~",
    "don't «quote» — dash…", "😀👍🏽👨‍👩‍👧", "[CLS] a [MASK] b [SEP]", "[cls] [mask",
    "a" * 100, "a" * 101, "ﬁ ½ ² Ⅻ ǅ", "हिन्दी العربية ไทย", "𠀀𫝀𫠝𝒳",
]  # fmt: skip


@functools.cache
def both():
    try:
        file = data.path("minilm", "vocab.txt")
    except DataError as error:
        pytest.skip(str(error))
    data.ensure_torchvision()
    from transformers import BertTokenizer

    return WordPieceTokenizer.from_file(file), BertTokenizer(str(file), do_lower_case=True)


@pytest.mark.parametrize("sample", NASTY)
def test_ids_equal_berts(sample):
    ours, bert = both()
    assert ours.encode(sample) == bert.encode(sample, add_special_tokens=False)


def test_ids_of_running_text_equal_berts():
    ours, bert = both()
    sample = data.load("shakespeare").text[:60_000] + data.load("quatrains").text[:2_000]
    assert ours.encode(sample) == bert.encode(sample, add_special_tokens=False, verbose=False)
    assert [ours.start, *ours.encode("To be"), ours.end] == bert.encode("To be")
    assert (len(ours), ours.pad, ours.mask) == (30522, bert.pad_token_id, bert.mask_token_id)


def test_every_character_is_treated_as_in_bert():
    """Dropped, split off or part of a word, in Unicode 3.2 as far as its categories still hold.

    The library's tables are those of Unicode 8, so some 500 newer characters are cut elsewhere.
    """
    import tokenizers

    category, before = unicodedata.category, unicodedata.ucd_3_2_0.category
    known = [c for c in map(chr, range(sys.maxunicode + 1)) if category(c) == before(c) not in ("Cn", "Cs")]
    normalizer = tokenizers.normalizers.BertNormalizer()
    splitter = tokenizers.pre_tokenizers.BertPreTokenizer()

    def cut(sample: str) -> list[str]:
        return [word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(sample))]

    assert len(known) > 200_000
    for i in range(0, len(known), 1000):
        sample = "\n".join(f"x{c}y" for c in known[i : i + 1000])
        assert basic_words(sample) == cut(sample), f"from {known[i]!r} on"


@pytest.fixture
def small(tmp_path) -> WordPieceTokenizer:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return WordPieceTokenizer.from_file(tmp_path / "vocab.txt")


def test_words_are_cut_into_the_longest_known_pieces(small):
    assert [small.vocabulary[i] for i in small.encode("Unable CAFÉ! 中文 unb")] == [
        "un", "##able", "cafe", "!", "中", "文", "[UNK]",
    ]  # fmt: skip
    assert small.decode(small.encode("Unable CAFÉ!")) == "unable cafe !"
    assert small.decode([2, 8, 3], special=False) == "a"
    assert (small.pad, small.unknown, small.start, small.end, small.mask) == (0, 1, 2, 3, 4)
    assert small.encode("[MASK]") == [4]
    assert small.encode("[MASK]", special=False) == [1, 1, 1]
    assert small.encode("") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\n", "file=v.txt is damaged, vocabulary has no '[UNK]'; give BERT's vocab.txt"),
        (b"[UNK]\na\na\n", "file=v.txt is damaged, vocabulary holds 'a' twice; give each token once"),
    ],
)
def test_a_damaged_vocabulary_is_named(tmp_path, content, message):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(ValueError) as caught:
        WordPieceTokenizer.from_file(tmp_path / "v.txt")
    assert str(caught.value) == message
    (tmp_path / "v.txt").write_bytes(b"\xff\xfe[UNK]")
    with pytest.raises(ValueError, match=r"^file=v.txt is damaged, 'utf-8' codec can't decode"):
        WordPieceTokenizer.from_file(tmp_path / "v.txt")
