"""Byte pairs: the `tokenizers` library's merges and ids, on every kind of text."""

import functools
import json
import sys
import time
import unicodedata

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from kit import data
from kit.data import GGUF, BytePairTokenizer, DataError, split_words
from kit.data.pretokens import BYTE_CHARACTERS

NASTY = [
    "", " ", "  ", "\n", " \n\n x", "a  b   c ", "tabs\t\tand\r\nlines\n\n\n", "\xa0no\u2009break\u3000wide ",
    "don't DON'T we'll they've 'tis 's'", "1234567 3.14159 1,000 ½ ² Ⅻ ٣٤٥ 四五六", "a1b22c333 x86_64 0xFF",
    "床前明月光，疑是地上霜。", "中文 and English混合text", "日本語 かな カナ 한국어",
    "Ünïcödé naïve e\u0301",
    "עברית العربية हिन्दी ไทย", "😀👍🏽👨‍👩‍👧‍👦🇨🇳", "\u200b\ufeff\u200e", "<|endoftext|>",
    "a<|im_end|>b <|im_", "####   ____ --- ***",
    "def f(x):\n    return x  # comment\n", "aaaaaaaaaaaaaaaaaaaa", "\x00\x01\x7f", "𝒳𝟙𠀀\U0010ffff",
    "\x85\x1c\x1f x", "ˈɪpə ǅ ª º",
]  # fmt: skip


@functools.cache
def text(name: str) -> str:
    return data.load(name).text


def theirs(vocabulary, merges, *, split="gpt2", special=(), unknown=None) -> tokenizers.Tokenizer:
    """The library's tokenizer of the same vocabulary and merges."""
    made = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges), unk_token=unknown))
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=True)
    made.pre_tokenizer = whole if split == "gpt2" else pre_tokenizers.Sequence([digits, whole])
    made.add_special_tokens(list(special))
    return made


def trained(text: str, size: int) -> dict:
    """What the library learns."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [text], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return json.loads(made.to_str())["model"]


@pytest.mark.parametrize(
    ("name", "length", "size"), [("shakespeare", 400_000, 4000), ("quatrains", 100_000, 2000)]
)
def test_training_finds_the_merges_of_the_library(name, length, size):
    ours, model = BytePairTokenizer.train(text(name)[:length], size), trained(text(name)[:length], size)
    assert [list(pair) for pair in ours.merges] == model["merges"]
    assert ours.ids == model["vocab"]
    assert len(ours) == size


@given(st.text(alphabet="ab ", min_size=1, max_size=60), st.integers(256, 300))
@settings(max_examples=60, deadline=None)
def test_ties_and_repetitions_are_resolved_as_in_the_library(sample, size):
    ours, model = BytePairTokenizer.train(sample, size), trained(sample, size)
    assert [list(pair) for pair in ours.merges] == model["merges"]
    assert ours.ids == model["vocab"]


def test_a_megabyte_is_learned_in_seconds():
    began = time.process_time()
    assert len(BytePairTokenizer.train(text("shakespeare"), 1256)) == 1256
    assert time.process_time() - began < 8


def test_training_stops_when_no_pair_is_left():
    tokenizer = BytePairTokenizer.train("abab", 1000)
    assert tokenizer.merges == (("a", "b"), ("ab", "ab"))
    assert len(tokenizer) == 258
    assert len(tokenizer.encode("abab")) == 1


def test_special_tokens_of_training_come_first():
    tokenizer = BytePairTokenizer.train("abab", 300, special=("pad", "end"))
    assert (tokenizer.pad, tokenizer.end, tokenizer.mask) == (0, 1, None)
    assert tokenizer.decode(tokenizer.encode("ab<end>")) == "ab<end>"
    assert tokenizer.encode("ab<end>")[-1] == tokenizer.end
    assert tokenizer.decode(tokenizer.encode("ab<end>"), special=False) == "ab"


@functools.cache
def learned() -> BytePairTokenizer:
    return BytePairTokenizer.train(text("shakespeare")[:300_000] + text("quatrains")[:60_000], 3000)


@pytest.mark.parametrize("sample", NASTY)
def test_ids_equal_the_librarys_and_the_text_comes_back(sample):
    ours = learned()
    ids = ours.encode(sample)
    assert ids == theirs(ours.ids, ours.merges).encode(sample).ids
    assert ours.decode(ids) == sample


@given(st.text(st.characters(exclude_categories=("Cs", "Cn"))))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(sample):
    assert learned().decode(learned().encode(sample)) == sample
    assert "".join(split_words(sample)) == sample
    assert "".join(split_words(sample, "smollm")) == sample


def test_every_character_is_cut_as_in_the_library():
    """Letters, numbers, spaces and the rest, over all of Unicode that Python knows."""
    known = (chr(c) for c in range(sys.maxunicode + 1))
    known = [c for c in known if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    sample = "".join(f"a{c}1{c}{c}.{c}\n" for c in known)
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(sample)
    assert split_words(sample) == [sample[begin:end] for _, (begin, end) in cut]


def test_gpt2_vocabulary_gives_gpt2s_ids():
    try:
        files = [data.path("gpt2_vocabulary", name) for name in ("encoder.json", "vocab.bpe")]
    except DataError as error:
        pytest.skip(str(error))
    ours = BytePairTokenizer.from_files(*files)
    assert (len(ours), len(ours.merges)) == (50257, 50000)
    assert ours.encode("Hello world") == [15496, 995]
    assert ours.end == ours.ids["<|endoftext|>"] == 50256
    library = theirs(ours.ids, ours.merges, special=["<|endoftext|>"])
    for sample in [*NASTY, text("shakespeare")[:50_000], text("quatrains")[:20_000]]:
        assert ours.encode(sample) == library.encode(sample).ids
        assert ours.decode(ours.encode(sample)) == sample


def test_smollm_gives_the_librarys_ids():
    try:
        model = data.load("smollm2_135m")
    except DataError as error:
        pytest.skip(str(error))
    ours = BytePairTokenizer.from_gguf(model)
    assert (len(ours), ours.split, len(ours.special_tokens)) == (49152, "smollm", 17)
    assert (ours.unknown, ours.start, ours.end, ours.pad) == (0, 1, 2, 2)
    library = theirs(
        ours.ids, ours.merges, split="smollm", special=ours.special_tokens, unknown="<|endoftext|>"
    )
    for sample in [*NASTY, text("shakespeare")[:50_000], text("quatrains")[:20_000]]:
        ids = ours.encode(sample)
        assert ids == library.encode(sample).ids, sample
        if ours.unknown not in ids or sample == "<|endoftext|>":
            assert ours.decode(ids) == sample
    missing = [b for b, c in enumerate(BYTE_CHARACTERS) if c not in ours.ids]
    assert [b for b in missing if b < 128] == [4, 6, 19, 20, 22, 29]  # control characters: unknown
    assert ours.encode("\x04") == [0]


def test_special_tokens_in_a_strangers_text_mean_nothing():
    tokenizer = BytePairTokenizer([*sorted(BYTE_CHARACTERS), "<|end|>"], [], special=["<|end|>"])
    assert tokenizer.encode("a<|end|>")[-1] == 256
    assert 256 not in tokenizer.encode("a<|end|>", special=False)
    assert tokenizer.decode(tokenizer.encode("a<|end|>", special=False)) == "a<|end|>"


def test_half_a_character_is_shown_as_such():
    bytes_only = BytePairTokenizer(sorted(BYTE_CHARACTERS), [])
    ids = bytes_only.encode("a😀")
    assert len(ids) == 5
    assert bytes_only.decode(ids[:3]) == "a\ufffd"


def test_a_word_is_joined_once_and_remembered():
    tokenizer = BytePairTokenizer.train("abab", 258)
    assert tokenizer.encode("abab") is not tokenizer.encode("abab")  # the cache is not handed out
    tokenizer.encode("abab").append(7)
    assert len(tokenizer.encode("abab")) == 1


def gguf(tmp_path, **metadata) -> GGUF:
    known = {
        "model": "gpt2", "pre": "gpt-2", "tokens": [*sorted(BYTE_CHARACTERS), "ab"], "merges": ["a b"],
        "token_type": [1] * 257,
    }  # fmt: skip
    about = {f"tokenizer.ggml.{k}": v for k, v in {**known, **metadata}.items()}
    return GGUF(tmp_path / "x.gguf", 3, about, ())


def test_a_small_gguf_is_read(tmp_path):
    tokenizer = BytePairTokenizer.from_gguf(gguf(tmp_path, eos_token_id=3))
    assert tokenizer.encode("cab") == [tokenizer.ids["c"], 256]
    assert (tokenizer.end, tokenizer.start, tokenizer.split) == (3, None, "gpt2")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: BytePairTokenizer.train("abc", 255), "vocab_size=255 is out of range; give an int >= 256"),
        (lambda p: BytePairTokenizer.train("abc", 257, special=("pad", "end")),
         "vocab_size=257 is out of range; give an int >= 258"),
        (lambda p: BytePairTokenizer.train("", 300), "text is empty; give at least one item"),
        (lambda p: BytePairTokenizer.train("a", 300, special=("eos",)),
         "special='eos' is not known; choose from pad, unknown, mask, start, end"),
        (lambda p: learned().decode([3000]), "ids holds 3000, which is no token; give ids from 0 to 2999"),
        (lambda p: learned().encode("a\ud83d"),
         "text holds '\\ud83d', half of a character; read it with the right encoding"),
        (lambda p: BytePairTokenizer(["a", "b"], [("a", "b")]),
         "merges[0]=('a', 'b') needs the token 'ab', which is not in the vocabulary; "
         "give the two that belong together"),
        (lambda p: BytePairTokenizer(["a", "中"], []),
         "vocabulary holds '中', whose '中' stands for no byte; "
         "give a byte-level vocabulary, or name the token in special"),
        (lambda p: BytePairTokenizer.from_gguf(gguf(p, model="llama")),
         "file=x.gguf holds no byte-pair vocabulary (tokenizer.ggml.model='llama'); "
         "give one with model 'gpt2'"),
        (lambda p: BytePairTokenizer.from_gguf(gguf(p, merges=["ab"])),
         "file=x.gguf has the merge 'ab', no pair of tokens; fetch it again"),
        (lambda p: BytePairTokenizer.from_gguf(gguf(p, pre="qwen2")),
         "tokenizer.ggml.pre='qwen2' is not known; choose from gpt-2, smollm"),
        (lambda p: split_words("a", "gpt3"),
         "split='gpt3' is not known; did you mean 'gpt2'? choose from gpt2, smollm"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_a_way_out(tmp_path, call, message):
    with pytest.raises(ValueError) as caught:
        call(tmp_path)
    assert str(caught.value) == message


@pytest.mark.parametrize("content", ['{"a": 0, "b": 2}', '["a"]', "{", '{"a": "x"}', '{"a": null}'])
def test_a_damaged_vocabulary_is_named(tmp_path, content):
    (tmp_path / "encoder.json").write_text(content)
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na b\n")
    with pytest.raises(ValueError) as caught:
        BytePairTokenizer.from_files(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    assert str(caught.value) == "file=encoder.json does not number its tokens from 0 on; fetch it again"


def test_a_damaged_list_of_merges_is_named(tmp_path):
    (tmp_path / "encoder.json").write_text('{"a": 0, "b": 1, "ab": 2}')
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na b c\n")
    with pytest.raises(ValueError) as caught:
        BytePairTokenizer.from_files(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    assert str(caught.value) == "file=vocab.bpe has the merge 'a b c', no pair of tokens; fetch it again"
