"""The estimate of a reader's time."""

from types import SimpleNamespace

from kit.course import anatomy


def test_minutes_count_words_code_lines_and_exercises_of_one_and_two_stars():
    exercises = [SimpleNamespace(level=1, minutes=4), SimpleNamespace(level=3, minutes=50)]
    text, code = ["one two three"] * 60, ["x = 1\n\n# why\ny = 2"] * 6
    assert anatomy.code_lines(code[0]) == 2
    assert anatomy.minutes(text, code, exercises) == 1 + 1 + 4
