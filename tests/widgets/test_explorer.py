"""The live form redraws, keeps the last good figure, resets; the static form makes no widget."""

import asyncio
import re

import pytest

from kit.plot import axes
from kit.widgets import choice, explore, slider, toggle
from kit.widgets.controls import widget
from kit.widgets.explorer import Explorer


def draw(height=1.0, sign=False):
    figure, ax = axes()
    ax.plot([0, -height if sign else height])
    if height > 4:
        raise ValueError("height <b>above</b> 4")
    return figure, f'A line to "{height:g}"'


CONTROLS = {"height": slider(0.0, 5.0, 1.0, step=0.5, label="height"), "sign": toggle(label="negative")}


@pytest.fixture
def live():
    return Explorer(draw, CONTROLS)


def test_the_first_picture_shows_the_defaults_with_alt_text(live):
    assert 'alt="A line to &quot;1&quot;"' in live.picture.value
    assert 'src="data:image/png;base64,' in live.picture.value


def test_a_change_redraws(live):
    live.inputs["height"].value = 2.0
    assert "A line to &quot;2&quot;" in live.picture.value


def test_a_failing_draw_keeps_the_last_good_figure_and_says_why(live):
    before = live.picture.value
    live.inputs["height"].value = 4.5
    assert live.picture.value == before
    assert "ValueError: height &lt;b&gt;above&lt;/b&gt; 4" in live.message.value
    live.inputs["height"].value = 3.0
    assert live.message.value == "" and live.picture.value != before


def test_a_label_too_wide_for_the_first_layout_widens_the_next_ones():
    def draw_label(length):
        figure, ax = axes()
        ax.set_yticks([0, 1], ["0", "9" * length])
        return figure, f"{length} digits"

    live = Explorer(draw_label, {"length": slider(1, 9, 1, label="length")})
    before = live._places[0].x0
    live.inputs["length"].value = 9
    wider = live._places[0].x0
    live.inputs["length"].value = 3
    assert before < wider == live._places[0].x0


def test_reset_returns_to_the_defaults(live):
    first = live.picture.value
    live.inputs["height"].value = 2.0
    live.inputs["sign"].value = True
    live.panel.children[-3].click()
    assert live.values() == {"height": 1.0, "sign": False} and live.picture.value == first


def test_many_changes_in_a_running_loop_are_one_redraw():
    calls = []

    def count(height):
        calls.append(height)
        return "<p>x</p>", "a number"

    async def drag():
        made = Explorer(count, {"height": CONTROLS["height"]})
        for i in range(8):
            made.inputs["height"].value = 0.5 * i
        await asyncio.sleep(0.2)

    asyncio.run(drag())
    assert calls == [1.0, 3.5]


def test_a_static_session_makes_no_widget(monkeypatch, capsys):
    monkeypatch.setenv("KIT_STATIC", "1")
    monkeypatch.setattr("kit.widgets.explorer.Explorer", None)
    explore(draw, **CONTROLS)
    assert "run this lesson in Jupyter to move the controls" in capsys.readouterr().out


def test_every_kind_of_control_becomes_a_widget():
    made = {
        "FloatSlider": slider(0.0, 1.0, 0.5, label="a"),
        "IntSlider": slider(0, 10, 5, label="b"),
        "FloatLogSlider": slider(1e3, 1e9, 1e6, log=True, label="c"),
        "SelectionSlider": choice(["x", "y"], label="d"),
        "Checkbox": toggle(label="e"),
    }
    for name, control in made.items():
        box = widget(control)
        assert type(box).__name__ == name and box.value == control.value and box.description == control.label


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: explore(draw), ValueError, "named is empty; give at least one item"),
        (
            lambda: explore(draw, height=3),
            TypeError,
            "height=3 is not a control; use slider(...), choice(...) or toggle(...)",
        ),
        (lambda: slider(1, 0, 0, label="a"), ValueError, "low=1 is not below high=0; swap them"),
        (
            lambda: slider(0, 1, 2, label="a"),
            ValueError,
            "value of 'a'=2 is out of range; give a float >= 0 and <= 1",
        ),
        (lambda: slider(0, 1, 1, label="a", log=True), ValueError, "low=0 is out of range; give a float > 0"),
        (lambda: choice(["x"], label="a"), ValueError, "options=['x'] leave no choice; give at least two"),
        (
            lambda: choice(["x", "z"], "y", label="a"),
            ValueError,
            "value of 'a'='y' is not known; choose from x, z",
        ),
        (
            lambda: explore(lambda a: 3, a=toggle(label="a")),
            TypeError,
            "draw returned 3; return (figure or table, alt text)",
        ),
        (lambda: explore(lambda a: (3, "x"), a=toggle(label="a")), TypeError, "draw returned 3 to show"),
        (
            lambda: explore(lambda a: ("<p>", " "), a=toggle(label="a")),
            ValueError,
            "draw returned an empty alt text",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
