"""Figures carry labels and alt text and leave no global state behind."""

import matplotlib
import pytest

from kit.plot import COLOURS, axes, image, show
from kit.plot.figure import has_own_layout, places, png


def test_axes_use_the_colour_blind_safe_cycle():
    _, ax = axes()
    lines = [ax.plot([0, i])[0].get_color() for i in range(3)]
    assert lines == list(COLOURS[:3])


def test_axes_come_as_a_grid():
    figure, made = axes(3, 2, title="six")
    assert made.shape == (2, 3) and figure.get_suptitle() == "six"


def test_the_image_holds_its_data_and_quoted_alt_text():
    figure, _ = axes()
    text = image(figure, 'a "quoted" <alt>')
    assert text.startswith('<img alt="a &quot;quoted&quot; &lt;alt&gt;" src="data:image/png;base64,')
    assert png(figure)[:4] == b"\x89PNG"


def test_a_later_figure_keeps_the_places_of_the_first():
    first, made = axes(2)
    made[0].set_ylabel("a label\nof three\nlines")
    png(first)
    second, _ = axes(2)  # would spread out, had it a layout of its own
    png(second, places=places(first))
    assert [p.bounds for p in places(second)] == [p.bounds for p in places(first)]
    assert has_own_layout(first) and not has_own_layout(second)
    third, _ = axes()
    png(third, places=places(first))
    assert len(places(third)) == 1


@pytest.mark.parametrize("screen", [72, 100])
def test_a_label_that_would_be_cut_gets_a_layout_of_its_own(screen):
    with matplotlib.rc_context({"figure.dpi": screen}):  # Jupyter's own setting must not matter
        first, _ = axes()
        png(first)
        second, made = axes()
        made.set_yticks([0, 1], ["nought", "100,000,000"])
        png(second, places=places(first))
        assert has_own_layout(second)
        assert places(second)[0].x0 > places(first)[0].x0 + 0.05
        assert second.get_tightbbox().x0 >= 0


def test_a_pyplot_figure_is_closed_so_that_it_is_not_shown_twice():
    from matplotlib import pyplot

    figure = pyplot.figure()
    png(figure)
    assert not pyplot.get_fignums()


def test_a_figure_without_alt_text_is_refused():
    figure, _ = axes()
    with pytest.raises(ValueError, match="alt=' ' is empty; say in a sentence what the figure shows"):
        show(figure, " ")
