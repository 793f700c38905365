"""The one look of every figure: colours, size, labels, alt text.

    COLOURS   axes   show   image   png   places   has_own_layout

Figures are made without pyplot, so nothing stays open and no global style is
touched. Colours are those of Okabe and Ito (2008), which survive the common
forms of colour blindness.
"""

import base64
import html
import io
import sys

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
DPI = 100


def axes(columns: int = 1, rows: int = 1, *, width: float = 6.4, height: float = 3.6, title: str = ""):
    """A new figure and its axes (one, or an array of rows x columns); sizes in inches.

    The property cycle is Okabe-Ito, top and right spines are off.
    """
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    made = figure.subplots(rows, columns)
    for ax in [made] if rows * columns == 1 else made.flat:
        ax.set_prop_cycle(cycler(color=COLOURS))
        ax.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure, made


def png(figure, *, places: list | None = None) -> bytes:
    """The figure as PNG bytes.

    `places` are the positions of the axes of an earlier figure of the same
    form: with them the layout, a third of the time, is not computed again,
    unless a label would be cut.
    """
    if "matplotlib.pyplot" in sys.modules:  # a learner's plt.figure() would be shown a second time
        sys.modules["matplotlib.pyplot"].close(figure)
    engine, placed = figure.get_layout_engine(), places is not None and len(places) == len(figure.axes)
    if placed:
        figure.set_layout_engine("none")
        for ax, place in zip(figure.axes, places, strict=True):
            ax.set_position(place)
    drawn = _png(figure)
    if not placed or _ends_inside(figure):
        return drawn
    figure.set_layout_engine(engine)
    for ax in figure.axes:
        ax.set_in_layout(True)  # set_position has taken it out
    return _png(figure)


def _png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


def _ends_inside(figure) -> bool:
    """Whether the outermost pixels are of one colour: a label that is cut leaves ink there.

    The exact way, `get_tightbbox`, takes a quarter of the time of a drawing.
    """
    import numpy as np

    pixels = np.asarray(figure.canvas.buffer_rgba())
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return all((edge == pixels[0, 0]).all() for edge in edges)


def has_own_layout(figure) -> bool:
    """Whether its axes stand where its own labels want them, not where `png` was told."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)


def places(figure) -> list:
    """Where the axes of a drawn figure stand, for `png` of the next one."""
    return [ax.get_position() for ax in figure.axes]


def image(figure, alt: str, *, places: list | None = None) -> str:
    """The figure as an HTML `<img>` that holds its own data and its alt text."""
    data = base64.b64encode(png(figure, places=places)).decode()
    quoted = html.escape(alt, quote=True)
    return f'<img alt="{quoted}" src="data:image/png;base64,{data}" style="max-width:100%">'


def show(figure, alt: str) -> None:
    """Show a figure with its alt text as the text form of the same output.

    `alt` is one or two sentences that give a reader who cannot see the figure
    what it shows. Raises ValueError when it is empty.
    """
    if not alt.strip():
        raise ValueError(f"alt={alt!r} is empty; say in a sentence what the figure shows")
    from IPython.display import display

    display({"image/png": png(figure), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
