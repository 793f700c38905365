"""Poems, plays, pairs and ratings are what their cards say."""

import re

import pytest
import torch

from kit import data
from kit.data import DataError


def test_quatrains_have_four_equal_lines():
    poems = data.load("quatrains")
    assert repr(poems) == f"Corpus('quatrains': 11809 documents, {len(poems.text):,} characters)"
    assert sorted({len(poem) for poem in poems.documents}) == [24, 32]
    for poem in poems.documents:
        lines = re.split("[，。？！；]", poem)
        assert len(lines) == 5
        assert lines[4] == ""
        assert {len(line) for line in lines[:4]} in ({5}, {7})
    assert len(set(poems.documents)) == len(poems) == len(poems.titles)
    assert poems.text.splitlines() == list(poems.documents)
    assert (
        poems.titles[poems.documents.index("牀前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。")]
        == "李白《靜夜思》"
    )


def test_shakespeare_has_eight_clean_plays():
    plays = data.load("shakespeare")
    assert (len(plays), plays.titles[0]) == (8, "HAMLET, PRINCE OF DENMARK")
    assert len(plays.text) > 1_000_000
    assert plays.text.isascii()
    assert "\f" not in plays.text
    assert not re.search("gutenberg|copyright|e-?text|licen[cs]e agreement", plays.text, re.I)
    assert "To be, or not to be,--that is the question:" in plays.documents[0]


def test_interface_strings_are_short_pairs_without_placeholders():
    pairs = data.load("interface_strings")
    assert repr(pairs) == "Pairs('interface_strings': 2402 pairs)"
    assert len(pairs.source) == len(pairs.target) == len(set(pairs.source))
    assert max(map(len, pairs.source)) <= 60
    assert all(re.search("[一-鿿]", chinese) for chinese in pairs.target)
    assert not any(re.search(r"[%{}<>\n]", text) for text in pairs.source + pairs.target)
    assert pairs.target[pairs.source.index("Show Hidden Files")] == "显示隐藏文件"


def test_movielens_is_what_grouplens_says():
    try:
        ratings = data.load("movielens")
    except DataError as error:
        pytest.skip(str(error))
    assert repr(ratings) == "Ratings('movielens': 100000 by 943 users of 1682 items)"
    assert torch.bincount(ratings.users).min() >= 20
    assert sorted(set(ratings.ratings.tolist())) == [1, 2, 3, 4, 5]
    assert (int(ratings.users[0]), int(ratings.items[0]), float(ratings.ratings[0])) == (195, 241, 3.0)
    assert ratings.titles[0] == "Toy Story (1995)"
    assert [ratings.genre_names[i] for i in ratings.genres[0].nonzero()] == [
        "Animation",
        "Children's",
        "Comedy",
    ]
    assert ratings.timestamps.min() > 870_000_000
    assert ratings.genres.shape == (1682, 18)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("minilm", {"model.safetensors", "vocab.txt"}),
        ("efficientnet_lite0", {"efficientnet-lite0-57934424.pth"}),
        ("gpt2_vocabulary", {"encoder.json", "vocab.bpe"}),
    ],
)
def test_a_model_comes_as_its_verified_files(name, files):
    try:
        found = data.load(name)
    except DataError as error:
        pytest.skip(str(error))
    assert set(found) == files
    assert all(path.is_file() for path in found.values())
