"""`explore`: the one mechanism behind every interactive figure.

    explore(draw, bias=slider(-3, 3, 0.0, label="bias b"), ...)

`draw(**values)` is an ordinary function that returns (figure or table, alt
text). Live, each change of a control redraws it; in a static session the
defaults are drawn once and no widget is made.
"""

import asyncio
import html
import time
from collections.abc import Callable

from kit import check, session
from kit.plot import figure as figures
from kit.widgets import controls

#: Least seconds between two redraws: about 20 a second, so that dragging never queues up work.
INTERVAL = 0.05


def explore(draw: Callable, **named: controls.Control) -> None:
    """Show `draw(**values)` and a control for each of its arguments.

    Raises TypeError when a control is not one of slider, choice, toggle, or
    when `draw` returns something else than (figure, table or HTML, alt text)
    for the defaults. When `draw` raises later, the last good figure stays and
    the message appears below it.
    """
    check.nonempty("named", named)
    for name, control in named.items():
        if not isinstance(control, controls.Control):
            raise TypeError(
                f"{name}={check.show(control)} is not a control; use slider(...), choice(...) or toggle(...)"
            )
    if session.is_static():
        _show_still(draw, {name: control.value for name, control in named.items()})
        return
    from IPython.display import display

    display(Explorer(draw, named).panel)


class Explorer:
    """The live form: `panel` is the widget; `redraw()` draws the present values.

    Changes only note that a redraw is due; it happens at most once every
    INTERVAL seconds, with the values of that moment.
    """

    def __init__(self, draw: Callable, named: dict[str, controls.Control]):
        import ipywidgets as w

        self.draw, self.named = draw, named
        self.inputs = {name: controls.widget(control) for name, control in named.items()}
        self.picture, self.message = w.HTML(), w.HTML()
        reset = w.Button(description="Reset", layout=w.Layout(width="120px"))
        style = w.HTML(f"<style>{controls.readout_style(named.values())}</style>")
        style.layout.display = "none"  # it is in force all the same
        self.panel = w.VBox([style, *self.inputs.values(), reset, self.picture, self.message])
        self._due, self._last = None, 0.0
        drawn, alt = _checked(draw(**self.values()))
        self.picture.value = render(drawn, alt)
        self._places = None
        self._note_places(drawn)
        for box in self.inputs.values():
            box.observe(self._changed, "value")
        reset.on_click(self._reset)

    def values(self) -> dict:
        """Present value of each control."""
        return {name: box.value for name, box in self.inputs.items()}

    def _note_places(self, drawn) -> None:
        """Keep where the axes stand, for the next figure."""
        if hasattr(drawn, "savefig") and figures.has_own_layout(drawn):
            self._places = figures.places(drawn)

    def redraw(self) -> None:
        """Draw the present values; on failure keep the last good figure and say what went wrong."""
        self._due, started = None, time.monotonic()
        try:
            drawn, alt = _checked(self.draw(**self.values()))
            self.picture.value = render(drawn, alt, self._places)
            self._note_places(drawn)  # wider ones, where a label would have been cut
            self.message.value = ""
        except Exception as error:
            text = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f'<p role="alert">This setting cannot be drawn. {text}</p>'
        self._last = started

    def _changed(self, _change) -> None:
        if self._due is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not inside a kernel: draw at once
            self.redraw()
            return
        wait = max(0.0, self._last + INTERVAL - time.monotonic())
        self._due = loop.call_later(wait, self.redraw)

    def _reset(self, _button) -> None:
        for name, box in self.inputs.items():
            box.value = self.named[name].value
        self._places = None  # the first picture had a layout of its own
        self.redraw()


def render(drawn, alt: str, places: list | None = None) -> str:
    """HTML of a drawn result: a figure as an image, or a table, with its alt text.

    `places` (see `kit.plot.figure.png`) keeps the axes of a figure where they were.
    """
    if hasattr(drawn, "savefig"):
        return figures.image(drawn, alt, places=places)
    body = drawn.to_html(border=0) if hasattr(drawn, "to_html") else drawn
    return f'<div role="figure" aria-label="{html.escape(alt, quote=True)}">{body}</div>'


def _checked(result):
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], str)):
        raise TypeError(f"draw returned {check.show(result)}; return (figure or table, alt text)")
    drawn, alt = result
    if not (hasattr(drawn, "savefig") or hasattr(drawn, "to_html") or isinstance(drawn, str)):
        raise TypeError(f"draw returned {check.show(drawn)} to show; return a figure, a table or HTML text")
    if not alt.strip():
        raise ValueError("draw returned an empty alt text; say in a sentence what the figure shows")
    return drawn, alt


def _show_still(draw: Callable, values: dict) -> None:
    from IPython.display import display

    drawn, alt = _checked(draw(**values))
    if hasattr(drawn, "savefig"):
        figures.show(drawn, alt)
    else:
        display({"text/html": render(drawn, alt), "text/plain": alt}, raw=True)
    note = f"*Interactive: run this lesson in Jupyter to move the controls. The figure above: {alt}*"
    display({"text/markdown": note, "text/plain": note}, raw=True)
