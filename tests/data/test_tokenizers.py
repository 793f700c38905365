"""Characters and batches: every text comes back, and what is unknown is named."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kit import data
from kit.data import CharTokenizer, Tokenizer, pad_batch


@given(st.text(min_size=1))
def test_characters_come_back(text):
    tokenizer = CharTokenizer.from_text(text)
    assert tokenizer.vocabulary == tuple(sorted(set(text)))
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode(text)) == len(text)


def test_special_tokens_come_first_and_have_names():
    tokenizer = CharTokenizer.from_text("ba", special=("pad", "end"))
    assert tokenizer.vocabulary == ("<pad>", "<end>", "a", "b")
    assert (tokenizer.pad, tokenizer.end, tokenizer.unknown, tokenizer.start) == (0, 1, None, None)
    assert len(tokenizer) == 4
    assert repr(tokenizer) == "CharTokenizer(4 tokens)"
    assert tokenizer.decode([2, 1, 0]) == "a<end><pad>"
    assert tokenizer.decode([2, 1, 0], special=False) == "a"


def test_the_name_of_a_special_token_is_that_token_unless_forbidden():
    tokenizer = CharTokenizer.from_text("<end>ab", special=("end",))
    assert tokenizer.encode("a<end>b") == [tokenizer.ids["a"], tokenizer.end, tokenizer.ids["b"]]
    plain = tokenizer.encode("a<end>b", special=False)
    assert tokenizer.end not in plain
    assert tokenizer.decode(plain) == "a<end>b"


def test_unknown_characters_have_their_token():
    tokenizer = CharTokenizer.from_text("ab", special=("unknown",))
    assert tokenizer.encode("axb") == [1, 0, 2]


def test_an_empty_text_is_no_token():
    tokenizer = CharTokenizer.from_text("ab")
    assert tokenizer.encode("") == []
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode(torch.tensor([1, 0])) == "ba"


def test_poems_have_one_token_a_character():
    poems = data.load("quatrains")
    tokenizer = CharTokenizer.from_text(poems.text, special=("pad", "start", "end"))
    assert len(tokenizer) == 3455 + 3  # line end included
    assert tokenizer.decode(tokenizer.encode(poems.documents[7])) == poems.documents[7]


def test_a_batch_is_padded_at_its_ends():
    tokens, padding = pad_batch([[1, 2, 3], [4], []], 9)
    assert tokens.tolist() == [[1, 2, 3], [4, 9, 9], [9, 9, 9]]
    assert padding.tolist() == [[False] * 3, [False, True, True], [True] * 3]
    assert tokens.dtype == torch.int64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: t.encode("ax"), ValueError,
         "text holds 'x', which is not in the vocabulary of 2 tokens; "
         "remove it, or reserve special=('unknown',)"),
        (lambda t: t.encode(b"a"), TypeError, "text=b'a' is not a text; give a str"),
        (lambda t: t.decode([0, 2]), ValueError, "ids holds 2, which is no token; give ids from 0 to 1"),
        (lambda t: t.decode([-1]), ValueError, "ids holds -1, which is no token; give ids from 0 to 1"),
        (lambda t: CharTokenizer.from_text(""), ValueError, "text is empty; give at least one item"),
        (lambda t: CharTokenizer("aba"), ValueError, "vocabulary holds 'a' twice; give each token once"),
        (lambda t: CharTokenizer("ab", special=("eos",)), ValueError,
         "special='eos' is not known; choose from pad, unknown, mask, start, end"),
        (lambda t: pad_batch([], 0), ValueError, "sequences is empty; give at least one item"),
        (lambda t: Tokenizer((), (), {}), ValueError, "vocabulary is empty; give at least one item"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_a_way_out(call, error, message, request):
    if request.config.getoption("--shapes") and error is TypeError:
        pytest.skip("the type checker speaks first")
    with pytest.raises(error) as caught:
        call(CharTokenizer.from_text("ab"))
    assert str(caught.value) == message
