"""The result of every attribution: numbers, how they were made, and small pictures of them.

Attribution  CompletenessWarning
"""

import base64
import html
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from kit import check
from kit.shapes import Tensor


class CompletenessWarning(UserWarning):
    """Attributions do not add up to what they should explain. Lesson: 21"""


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each part of the inputs did for the score, and how it was computed.

    Args:
        values: a tensor shaped as the inputs, a tuple of them for a tuple of inputs; with
            `target="all"` one more leading axis, the outputs K.
        method: name of the method.
        baseline: what "absent" meant, as given; None where the method needs none.
        target: which output was explained, as given.
        delta: completeness gap per sample, (N,) or (K, N), in units of the score: sum of the
            values minus f(x) - f(baseline); None where there is no baseline and so no gap
            (Saliency, SmoothGrad, GradCAM): ask `completeness_gap` with one of your own.

    In a notebook the first samples are drawn: bars, or a heat map (red for, blue against).

    Lesson: 21
    """

    values: Tensor | tuple[Tensor, ...]
    method: str
    baseline: object = None
    target: object = None
    delta: Tensor | None = None

    def to_svg(self, sample: int = 0, *, names=None, part: int = 0, output: int = 0) -> str:
        """One sample as SVG text: bars for features, a heat map for images or (T, D).

        Args:
            sample: which row of the batch.
            names: of the features or tokens, for bars; the 24 largest are drawn.
            part: which tensor, if the inputs were a tuple.
            output: which output, if the target was "all".

        Raises:
            TypeError, ValueError: an index is out of range, or `names` has another length.
        """
        parts = self.values if isinstance(self.values, tuple) else (self.values,)
        check.integer("part", part, 0, len(parts) - 1)
        array = parts[part].detach().cpu().double().numpy()
        if isinstance(self.target, str):
            check.integer("output", output, 0, len(array) - 1)
            array = array[output]
        check.integer("sample", sample, 0, len(array) - 1)
        array = np.atleast_1d(array[sample])
        title = f"{self.method}, sample {sample}, from {array.min():.3g} to {array.max():.3g}"
        array = np.nan_to_num(array)  # drawn as 0; the title tells
        if array.ndim == 1:
            names = [str(i) for i in range(len(array))] if names is None else list(names)
            check.same_length(names=names, values=array)
            return _bars(array, names, title)
        return _heat_map(array.sum(0) if array.ndim == 3 else array.reshape(len(array), -1), title)

    def _repr_html_(self) -> str:
        parts = self.values if isinstance(self.values, tuple) else (self.values,)
        first = parts[0][0] if isinstance(self.target, str) else parts[0]
        told = "" if self.delta is None else f", largest gap {self.delta.abs().max():.2g}"
        target = "" if self.target is None else f", target {check.show(self.target)}"
        shapes = " and ".join(str(tuple(part.shape)) for part in parts)
        pictures = [
            self.to_svg(i, part=part) for part in range(len(parts)) for i in range(min(4, len(first)))
        ]
        return f"<p>{html.escape(f'{self.method} {shapes}{target}{told}')}</p>{''.join(pictures)}"


def _svg(width: int, height: int, title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} '
        f'{height}" role="img" style="background:white" font-family="sans-serif" font-size="11">'
        f"<title>{html.escape(title)}</title>{body}</svg>"
    )


def _bars(values: np.ndarray, names: list[str], title: str) -> str:
    """Horizontal bars in the features' order, at most the 24 largest."""
    kept = np.sort(np.argsort(-np.abs(values), kind="stable")[:24])
    unit = 90 / (np.abs(values).max() or 1.0)
    rows = []
    for row, i in enumerate(kept):
        length, y = abs(values[i]) * unit, 4 + 16 * row
        x, colour = (220, "firebrick") if values[i] >= 0 else (220 - length, "steelblue")
        rows.append(f'<text x="4" y="{y + 10}">{html.escape(str(names[i])[:20])}</text>')
        rows.append(f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="12" fill="{colour}"/>')
        rows.append(f'<text x="314" y="{y + 10}">{values[i]:.3g}</text>')
    return _svg(370, 16 * len(kept) + 8, title, "".join(rows))


def _heat_map(values: np.ndarray, title: str) -> str:
    """Red above zero, blue below, white at zero: a PNG inside the SVG, sharp at any size."""
    share = np.clip(values / (np.abs(values).max() or 1.0), -1, 1)[..., None]
    towards = np.where(share > 0, [178.0, 34.0, 34.0], [70.0, 130.0, 180.0])
    pixels = np.round(255 + np.abs(share) * (towards - 255)).astype(np.uint8)
    height, width = values.shape
    scale = max(1, 160 // max(height, width))
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # each line begins with its filter, none
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    size = f'width="{scale * width}" height="{scale * height}" style="image-rendering:pixelated"'
    image = f'<image {size} href="data:image/png;base64,{base64.b64encode(png).decode()}"/>'
    return _svg(scale * width, scale * height, title, image)
