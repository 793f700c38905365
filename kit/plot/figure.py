"""The one look of every figure: colours, size, labels, alt text.

    COLOURS   axes   show   image   png

Figures are made without pyplot, so nothing stays open and no global style is
touched. Colours are those of Okabe and Ito (2008), which survive the common
forms of colour blindness.
"""

import base64
import html
import io

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
DPI = 100


def axes(columns: int = 1, rows: int = 1, *, width: float = 6.4, height: float = 3.6, title: str = ""):
    """A new figure and its axes (one, or an array of rows x columns); sizes in inches.

    The property cycle is Okabe-Ito, top and right spines are off.
    """
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    made = figure.subplots(rows, columns)
    for ax in [made] if rows * columns == 1 else made.flat:
        ax.set_prop_cycle(cycler(color=COLOURS))
        ax.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure, made


def png(figure) -> bytes:
    """The figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def image(figure, alt: str) -> str:
    """The figure as an HTML `<img>` that holds its own data and its alt text."""
    data = base64.b64encode(png(figure)).decode()
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
