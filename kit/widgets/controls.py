"""What a reader may change in an interactive figure, as plain data.

    slider   choice   toggle   widget

A control knows its default, so a static session needs no widget library.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kit import check


@dataclass(frozen=True)
class Control:
    """One control: `kind` is "float", "int", "log", "choice" or "toggle"."""

    kind: str
    value: Any
    label: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.1
    options: tuple = ()


def slider(low, high, value, *, step=None, label: str, log: bool = False) -> Control:
    """A slider from `low` to `high`; whole numbers give a whole-number slider.

    With `log=True` it moves in equal factors between two positive ends and
    `step` is in powers of ten (0.1 by default). Raises ValueError when value
    lies outside or the ends are in the wrong order.
    """
    if not low < high:
        raise ValueError(f"low={low} is not below high={high}; swap them")
    check.number(f"value of {label!r}", value, low, high)
    if log:
        check.number("low", low, above=0)
        return Control("log", float(value), label, math.log10(low), math.log10(high), step or 0.1)
    whole = all(isinstance(v, int) for v in (low, high, value, step or 1))
    kind = "int" if whole else "float"
    return Control(kind, value, label, low, high, step or (1 if whole else (high - low) / 100))


def choice(options: Sequence, value=None, *, label: str) -> Control:
    """A slider over named options; `value` is the first of them unless given.

    Raises ValueError for fewer than two options, or a value that is none of them.
    """
    if len(options) < 2:
        raise ValueError(f"options={list(options)} leave no choice; give at least two")
    value = options[0] if value is None else value
    check.one_of(f"value of {label!r}", value, options)
    return Control("choice", value, label, options=tuple(options))


def toggle(value: bool = False, *, label: str) -> Control:
    """A box to tick."""
    return Control("toggle", bool(value), label)


def widget(control: Control):
    """The ipywidgets widget of a control, with what ipywidgets 7.7 and 8 share."""
    import ipywidgets as w

    shared = {
        "description": control.label,
        "style": {"description_width": "180px"},
        "layout": w.Layout(width="480px"),
    }
    if control.kind == "choice":
        # Not a Dropdown: JupyterLab takes the up and down keys away from it and moves to another cell.
        box = w.SelectionSlider(options=list(control.options), value=control.value, **shared)
        box.add_class(_readout_class(control))
        box.layout.width, box.layout.max_width = f"calc(400px + {_ems(control)}em)", "100%"
        return box
    if control.kind == "toggle":
        return w.Checkbox(value=control.value, **shared)
    kinds = {"float": w.FloatSlider, "int": w.IntSlider, "log": w.FloatLogSlider}
    shown = {"readout_format": "d" if control.kind == "int" else ".3g"}
    return kinds[control.kind](
        value=control.value, min=control.low, max=control.high, step=control.step, **shown, **shared
    )


def readout_style(controls: Iterable[Control]) -> str:
    """A style sheet with room for the longest option of every choice, which ipywidgets cuts."""
    names = {_readout_class(control): control for control in controls if control.kind == "choice"}
    rule = "{{flex:none;width:{0}em;max-width:{0}em;white-space:nowrap}}"
    return "".join(f".{name} .widget-readout" + rule.format(_ems(one)) for name, one in names.items())


def _readout_class(control: Control) -> str:
    return f"kit-readout-{_ems(control)}"


def _ems(control: Control) -> int:
    """Width of the longest option: a letter is about half an em wide, a Chinese character one."""
    widths = (sum(1.0 if ord(letter) > 0x2E7F else 0.55 for letter in str(o)) for o in control.options)
    return max(6, math.ceil(max(widths)) + 1)
