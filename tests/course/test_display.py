"""Code shown in a lesson is the code that runs, with the file it stands in."""

import pytest

import kit.course
from kit import layers, robust


def test_source_names_the_file_and_shows_the_code(capsys):
    kit.course.source(layers.softmax)
    said = capsys.readouterr().out
    assert said.startswith("`kit/layers/softmax.py`") and "def softmax(" in said


def test_source_of_a_decorated_method_is_its_own(capsys):
    kit.course.source(robust.PGD.perturb)
    said = capsys.readouterr().out
    assert said.startswith("`kit/robust/attacks.py`") and "def perturb(" in said


def test_what_has_no_python_source_is_refused():
    with pytest.raises(TypeError, match="has no Python source to show; give a function or class"):
        kit.course.source(len)
