"""The record of a run: values by name, tables, JSON there and back."""

import json
import math

import pytest

from kit.train import History, text_table

HISTORY = History(
    [{"epoch": 1, "loss": 0.51234, "accuracy": 0.5}, {"epoch": 2, "loss": 0.25, "accuracy": 1.0}],
    [0.6, 0.4, 0.25],
    [1.0, 2.0],
)


def test_values_are_found_by_name_and_a_late_one_starts_as_nan():
    assert HISTORY["loss"] == [0.51234, 0.25]
    late = History([{"epoch": 1}, {"epoch": 2, "f1": 0.5}])
    assert math.isnan(late["f1"][0])
    assert late["f1"][1] == 0.5


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError) as error:
        HISTORY["acuracy"]
    assert str(error.value) == (
        "name='acuracy' is not known; did you mean 'accuracy'? choose from epoch, loss, accuracy"
    )


def test_best_epoch_by_minimum_and_maximum_leaves_nan_aside():
    assert HISTORY.best("loss")["epoch"] == 2
    assert HISTORY.best("loss", mode="max")["epoch"] == 1
    rows = [{"loss": math.nan}, {"loss": 3.0}]
    assert History(rows).best("loss") == {"loss": 3.0}
    with pytest.raises(ValueError) as error:
        History(rows[:1]).best("loss")
    assert str(error.value) == "name='loss' is NaN in every epoch; choose another of loss"
    with pytest.raises(ValueError) as error:
        HISTORY.best("loss", mode="low")
    assert str(error.value) == "mode='low' is not known; choose from min, max"


def test_table_is_aligned_text():
    assert HISTORY.table() == (
        "epoch    loss  accuracy  seconds\n    1  0.5123       0.5     1.00\n    2    0.25         1     2.00"
    )
    assert repr(HISTORY).startswith("History(2 epochs, 3 steps)\nepoch    loss")
    assert repr(History()) == "History(0 epochs, 0 steps)"
    assert text_table([{"a": 1}, {"b": "x"}]) == "a  b\n1   \n   x"


def test_notebook_table_escapes_names_and_says_why_the_run_stopped():
    shown = History([{"<b>": 1.0}], [], [0.5], "a < b")._repr_html_()
    assert "<th>&lt;b&gt;</th>" in shown
    assert "<td>1</td>" in shown
    assert "<p>a &lt; b</p>" in shown


def test_json_there_and_back_keeps_nan_and_infinity_in_valid_json():
    odd = History([{"loss": math.nan}, {"loss": math.inf}], [0.1, -math.inf], [0.0, 1.0], "stopped")
    text = odd.to_json()
    json.loads(text, parse_constant=pytest.fail)
    back = History.from_json(text)
    assert repr(back) == repr(odd)
    assert back.steps == odd.steps
    assert History.from_json(HISTORY.to_json()) == HISTORY


def test_time_and_reason_do_not_count_for_equality():
    assert History([{"a": 1.0}], [1.0], [5.0], "x") == History([{"a": 1.0}], [1.0], [6.0], "")
    assert History([{"a": 1.0}]) != History([{"a": 2.0}])
