"""Every figure of the course, one file a lesson group.

    figure: COLOURS, axes, show, image, png

A plotting function takes plain data and returns a matplotlib figure, or
(figure, alt text) where a widget draws it.
"""

from kit.plot.figure import COLOURS, axes, image, show

__all__ = ["COLOURS", "axes", "image", "show"]
