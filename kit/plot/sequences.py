"""Figures of lesson 07: curves, a map of characters, what a gate does at each character.

curves   GLOSSES   embedding_map   gate_monitor

Chinese characters appear in SVG only, where the reader's browser has fonts for them.
"""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

from kit import check
from kit.plot.figure import COLOURS, axes

#: Characters of the map, with their meaning in the poems.
GLOSSES = {
    "山": "mountain", "水": "water", "江": "river", "湖": "lake", "海": "sea", "雲": "cloud",
    "風": "wind", "雨": "rain", "雪": "snow", "月": "moon", "日": "sun", "花": "flower",
    "草": "grass", "柳": "willow", "松": "pine", "竹": "bamboo", "春": "spring", "秋": "autumn",
    "東": "east", "西": "west", "南": "south", "北": "north", "一": "one", "二": "two",
    "三": "three", "千": "thousand", "萬": "ten thousand", "酒": "wine", "杯": "cup", "醉": "drunk",
    "愁": "sorrow", "恨": "regret", "淚": "tears", "心": "heart", "馬": "horse", "車": "cart",
    "舟": "boat", "船": "ship", "君": "you", "我": "I", "人": "person", "客": "guest",
    "白": "white", "紅": "red", "綠": "green", "青": "blue-green", "金": "gold", "玉": "jade",
    "去": "go", "來": "come", "歸": "return", "見": "see", "聞": "hear",
}  # fmt: skip
_WIDTH, _HEIGHT, _EDGE = 760, 520, 36
_BOX = 46


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x: str,
    y: str,
    levels: Mapping[str, float] | None = None,
    scale: str = "linear",
    log_x: bool = False,
):
    """Named curves, each a pair (x values, y values), and named horizontal levels.

    `scale` is that of the y axis, "linear" or "log". Returns (figure, alt). Lesson: 07
    """
    check.nonempty("lines", lines)
    figure, ax = axes(title=title, height=3.4)
    said = []
    for style, (name, (across, up)) in zip(("-o", "--s", ":^", "-.d", "-v"), lines.items()):
        check.same_length(x=across, y=up)
        ax.plot(across, up, style, markersize=4, label=name)
        said.append(f"{name} from {up[0]:.3g} at {across[0]:g} to {up[-1]:.3g} at {across[-1]:g}")
    for style, (name, level) in zip(("--", ":", "-."), (levels or {}).items()):
        ax.axhline(level, color=COLOURS[7], linewidth=1, linestyle=style, label=name)
        said.append(f"{name} at {level:.3g}")
    ax.set(xlabel=x, ylabel=y, yscale=scale)
    if log_x:
        ax.set_xscale("log", base=2)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure, f"{y} by {x}: {'; '.join(said)}."


def embedding_map(vectors, vocabulary: Sequence[str], chosen: str, neighbours: int = 5):
    """The characters of GLOSSES in the plane, the chosen one tied to its nearest neighbours.

    Places are the first two principal components of the unit vectors of the characters shown,
    nearness is the cosine in all dimensions. Returns (SVG text, alt).

    Args:
        vectors: (V, D), one row a character of `vocabulary`.
        chosen: one of the characters shown.
        neighbours: how many to tie, from 1.

    Raises: ValueError when `chosen` is not on the map, TypeError or ValueError for `neighbours`.
    Lesson: 07
    """
    check.same_length(vectors=vectors, vocabulary=vocabulary)
    index = {c: i for i, c in enumerate(vocabulary)}
    shown = [c for c in GLOSSES if c in index]
    check.one_of("chosen", chosen, shown)
    check.integer("neighbours", neighbours, 1, len(shown) - 1)
    rows = np.asarray(vectors, dtype=float)[[index[c] for c in shown]]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near = rows @ rows[shown.index(chosen)]
    order = [i for i in np.argsort(-near, kind="stable") if shown[i] != chosen][:neighbours]
    places = _plane(rows)
    at = places[shown.index(chosen)]
    parts = [_tie(at, places[i]) for i in order]
    parts += [_character(c, places[i], c == chosen, i in order) for i, c in enumerate(shown)]
    listed = ", ".join(f"{shown[i]} {GLOSSES[shown[i]]} {near[i]:.2f}" for i in order)
    said = f"{chosen} ({GLOSSES[chosen]}), nearest by cosine: {listed}."
    return _svg(parts, _WIDTH, _HEIGHT, said), said


def gate_monitor(text: str, values: Sequence[float], *, gate: str, cell: int):
    """One cell's gate at every character of a poem: dark where the gate is open.

    A new row begins after each sign of punctuation. Returns (SVG text, alt).

    Args:
        text: the T characters that were read.
        values: T numbers, 0 to 1 for a gate, -1 to 1 for the memory.
        gate: its name, for the caption.
        cell: number of the cell, for the caption.

    Raises: ValueError for another number of values than characters.
    Lesson: 07
    """
    check.same_length(text=text, values=values)
    numbers = [float(v) for v in values]
    parts, row, column, widest = [], 0, 0, 0
    for character, value in zip(text, numbers):
        parts.append(_cell(character, value, 10 + column * _BOX, 40 + row * (_BOX + 10)))
        column += 1
        widest = max(widest, column)
        if character in "，。？！；、：":
            row, column = row + 1, 0
    signs = [v for c, v in zip(text, numbers) if c in "，。？！；、："]
    others = [v for c, v in zip(text, numbers) if c not in "，。？！；、："]
    said = f"{gate}, cell {cell}: mean {_mean(signs)} at punctuation, {_mean(others)} at other characters."
    return _svg(parts, max(20 + widest * _BOX, 560), 60 + (row + (column > 0)) * (_BOX + 10), said), said


def _mean(numbers: Sequence[float]) -> str:
    return f"{math.fsum(numbers) / len(numbers):.2f}" if numbers else "(none)"


def _plane(rows: np.ndarray) -> np.ndarray:
    """Pixels of the first two principal components, equal signs on every machine."""
    centred = rows - rows.mean(0)
    _, _, axes_ = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ (axes_[:2] * np.sign(axes_[:2].sum(1, keepdims=True))).T
    low, high = flat.min(0), flat.max(0)
    span = np.array([_WIDTH - 2 * _EDGE, _HEIGHT - 3 * _EDGE])
    return _EDGE + np.array([0, _EDGE]) + (flat - low) / np.maximum(high - low, 1e-12) * span


def _character(c: str, place: np.ndarray, chosen: bool, near: bool) -> str:
    colour = COLOURS[1] if chosen else COLOURS[0] if near else "#555555"
    size, weight = (24, "bold") if chosen else (20, "bold" if near else "normal")
    x, y = place
    gloss = f'<text x="{x:.0f}" y="{y + 13:.0f}" font-size="10" text-anchor="middle" fill="{colour}">'
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" text-anchor="middle" '
        f'fill="{colour}">{c}</text>{gloss}{GLOSSES[c]}</text>'
    )


def _tie(a: np.ndarray, b: np.ndarray) -> str:
    return (
        f'<line x1="{a[0]:.0f}" y1="{a[1] - 6:.0f}" x2="{b[0]:.0f}" y2="{b[1] - 6:.0f}" '
        f'stroke="{COLOURS[5]}" stroke-width="2"/>'
    )


def _cell(character: str, value: float, x: int, y: int) -> str:
    colour = COLOURS[0] if value >= 0 else COLOURS[1]
    strength = min(abs(value), 1.0)
    ink = "white" if strength > 0.55 else "black"
    return (
        f'<rect x="{x}" y="{y}" width="{_BOX - 3}" height="{_BOX}" fill="{colour}" '
        f'fill-opacity="{strength:.3f}" stroke="#999999"/>'
        f'<text x="{x + _BOX / 2 - 1:.0f}" y="{y + 24}" font-size="20" text-anchor="middle" '
        f'fill="{ink}">{html.escape(character)}</text>'
        f'<text x="{x + _BOX / 2 - 1:.0f}" y="{y + 40}" font-size="11" text-anchor="middle" '
        f'fill="{ink}">{value:.2f}</text>'
    )


def _svg(parts: Sequence[str], width: int, height: int, said: str) -> str:
    style = f'font-family="sans-serif" style="width:100%;max-width:{width}px;background:white"'
    head = f'<text x="10" y="22" font-size="14" fill="black">{html.escape(said)}</text>'
    box = f'viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {style}>{head}{"".join(parts)}</svg>'
