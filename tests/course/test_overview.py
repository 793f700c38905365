"""The tables of the start page come from the notebooks and registers."""

import pytest

from kit.course import catalogue, errata, exercises, overview


def test_every_lesson_has_a_row_with_its_own_counts(capsys):
    overview.lessons_table()
    lines = capsys.readouterr().out.splitlines()
    for lesson in catalogue.lessons():
        row = next(line for line in lines if line.startswith(f"| {lesson.number} |"))
        assert row.split("|")[4].strip() == str(len(exercises.of(lesson.number)))
        assert row.split("|")[2].strip() and row.split("|")[3].strip()


def test_claims_of_one_lesson(capsys):
    overview.claims_table("03")
    out = capsys.readouterr().out
    assert "| 03 | two linear layers are one | at most 1e-12 |" in out and "| 02 |" not in out


def test_all_errata_and_those_of_one_lesson(capsys):
    overview.errata_table()
    assert f"**{len(errata.errata())} errata**" in capsys.readouterr().out
    overview.errata_table("03")
    out = capsys.readouterr().out
    assert "| M01 | 004 §4 |" in out and "| H01 |" not in out
    assert sum(overview.errata_counts().values()) == len(errata.errata())


@pytest.mark.parametrize("table", [overview.claims_table, overview.errata_table])
def test_an_unknown_lesson_is_named(table):
    with pytest.raises(ValueError, match="lesson='99' is not known; choose from 0"):
        table("99")
