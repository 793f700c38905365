"""Coverage: the file's form, places that must exist once a lesson is built, and totals."""

import pytest

from kit.course import coverage

CARD = "word " * 60


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "coverage.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def entry(**keys):
    keys = {"topic": "t"} | keys
    return '["S0-1.1"]\n' + "\n".join(f'{k} = "{v}"' for k, v in keys.items())


def test_a_lesson_not_built_yet_needs_only_its_number(file, built_folder):
    assert coverage.problems(file(entry(lesson="01")), built_folder) == []


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"kind": "demo"}, "coverage S0-1.1: lesson='' is not a number of two digits; give its lesson"),
        ({"lesson": "01", "kind": "d"}, 'coverage S0-1.1: kind=\'d\' is not known; choose "demo" or "card"'),
        (
            {"lesson": "01", "topic": ""},
            "coverage S0-1.1: topic is missing; say in a few words what the articles have there",
        ),
        (
            {"lesson": "01", "kind": "demo", "shows": "cell 3"},
            "coverage S0-1.1: shows='cell 3' names nothing; write claim:, erratum: or exercise:",
        ),
        (
            {"lesson": "01", "kind": "demo", "chapter": "2"},
            "coverage S0-1.1: chapter is not a key; use topic, lesson, kind, shows, card",
        ),
        (
            {"lesson": "99", "kind": "demo"},
            "coverage S0-1.1: lesson 99 is built, but names no claim, erratum, exercise or card; "
            "add kind and shows or card",
        ),
        (
            {"lesson": "99", "kind": "demo", "shows": "claim: another"},
            "coverage S0-1.1: lesson 99 shows no claim 'another'; it has mean of the coins",
        ),
        (
            {"lesson": "99", "kind": "demo", "shows": "exercise: 1"},
            "coverage S0-1.1: lesson 99 shows no exercise '1'; it has none",
        ),
        (
            {"lesson": "99", "kind": "card", "card": "A die"},
            'coverage S0-1.1: lesson 99 has no card "A die"; write it under a heading "Card: A die"',
        ),
    ],
)
def test_each_problem_has_its_line(file, built_folder, keys, line):
    assert coverage.problems(file(entry(**keys)), built_folder) == [line]


@pytest.mark.parametrize(
    "keys",
    [
        {"lesson": "99", "kind": "demo", "shows": "claim: mean of the coins"},
        {"lesson": "99", "kind": "card", "card": "A coin"},
    ],
)
def test_a_place_that_exists_is_accepted(file, built_folder, keys):
    assert coverage.problems(file(entry(**keys)), built_folder) == []


def test_a_missing_file_is_a_problem(tmp_path):
    assert coverage.problems(tmp_path / "coverage.toml")[0].startswith("coverage.toml: no such file")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (CARD + "\nSource: a book.\nWhy?", []),
        ("字" * 120 + "\n来源：一本书。为什么？", []),
        ("word " * 20 + "\nSource: a book.\nWhy?", ["has 24 words, 60 are needed"]),
        (CARD + "\nWhy?", ['names no source; begin a line with "Source"']),
        (CARD + "\nSource: a book.", ["asks no question; end it with one"]),
    ],
)
def test_a_card_has_words_a_source_and_a_question(text, faults):
    assert coverage.card_faults(text) == faults


def test_quoted_and_nested_ids_are_the_same_and_totals_are_counted(file):
    text = '[S0-1.1]\ntopic="t"\nlesson="01"\nkind="demo"\n[S0-1.1.1a]\ntopic="t"\nlesson="01"\nkind="card"\n'
    text += '["S1-2"]\ntopic="t"\nlesson="02"\nkind="demo"'
    entries, problems = coverage.read(file(text))
    assert problems == []
    assert [e.id for e in entries] == ["S0-1.1", "S0-1.1.1a", "S1-2"]
    totals = coverage.totals(entries)
    assert totals["kind"] == {"demo": 2, "card": 1}
    assert totals["article"] == {"S0": 2, "S1": 1}


def test_the_courses_own_file_has_no_malformed_entry():
    entries, problems = coverage.read()
    assert problems == []
    assert len({e.id for e in entries}) == len(entries) == 244
