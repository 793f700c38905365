"""Figures of lesson 08: a soft look-up, tables of weights, cost curves, the attention editor.

lookup   matrix   costs   editor   SENTENCES   HEADS
"""

from collections.abc import Mapping, Sequence

import numpy as np

from kit.plot.figure import COLOURS, axes

#: The same five words three times; the first is what the editor compares with.
SENTENCES = ("big dog bites small cat", "small cat bites big dog", "cat big bites dog small")
WORDS = tuple(SENTENCES[0].split())
HEADS = ("what", "where", "both")
_KIND = {"big": 0, "small": 0, "dog": 1, "cat": 1, "bites": 2}  # adjective, noun, verb
_WANTED = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0]])  # an adjective looks for nouns, a noun for adjectives


def lookup(query, keys, weights, names: Sequence[str]):
    """A query among keys in the plane, and how much of each key it takes.

    query (2,), keys (N, 2), weights (N,). Returns (figure, alt).
    Lesson: 08
    """
    query, keys, weights = (np.asarray(x, dtype=float) for x in (query, keys, weights))
    figure, (left, right) = axes(2, width=8.0, height=3.2)
    for key, weight, name in zip(keys, weights, names):
        left.plot(
            [0, key[0]], [0, key[1]], color=COLOURS[0], linewidth=1 + 8 * weight, solid_capstyle="round"
        )
        left.annotate(name, key, xytext=(4, 4), textcoords="offset points")
    left.plot([0, query[0]], [0, query[1]], "--", color=COLOURS[1])
    left.plot(*query, "o", color=COLOURS[1])
    left.annotate("query", query, xytext=(0, 6), textcoords="offset points", ha="center", color=COLOURS[1])
    left.set(title="keys, as thick as their weight", xlabel="feature 1", ylabel="feature 2", aspect="equal")
    left.margins(0.2)
    right.bar(range(len(names)), weights, color=COLOURS[0], tick_label=list(names))
    right.set(title="how much of each value", ylabel="weight", ylim=(0, 1))
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights))
    return figure, f"A query and {len(names)} keys as arrows in the plane; weights: {shares}."


def matrix(values, *, title: str, xlabel: str, ylabel: str):
    """A table of numbers as colours around 0, row 0 on top.

    values (R, C). Returns (figure, alt).
    Lesson: 08
    """
    values = np.asarray(values, dtype=float)
    figure, ax = axes(title=title, width=6.4, height=3.2)
    limit = np.abs(values).max() or 1.0
    picture = ax.imshow(values, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit)
    figure.colorbar(picture, ax=ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    rows, columns = values.shape
    return figure, (
        f"{title}: {rows} rows ({ylabel}), {columns} columns ({xlabel}), "
        f"from {values.min():.2g} to {values.max():.2g}."
    )


def costs(
    sizes: Sequence[float], series: Mapping[str, Sequence[float]], *, title: str, xlabel: str, ylabel: str
):
    """Costs over a size, both axes logarithmic; the legend says how each grows at the end.

    A line that ends as size^p is marked with its p, from its last two points. Returns (figure, alt).
    Lesson: 08
    """
    figure, ax = axes(title=title, height=3.4)
    said = []
    for style, (name, values) in zip(("o-", "s--", "^:", "d-."), series.items()):
        power = np.log(values[-1] / values[-2]) / np.log(sizes[-1] / sizes[-2])
        ax.plot(sizes, values, style, label=f"{name} (grows as size^{power:.1f})")
        said.append(f"{name} from {values[0]:.3g} to {values[-1]:.3g}, at the end as size^{power:.1f}")
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log", yscale="log")
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.minorticks_off()
    ax.legend(frameon=False)
    return figure, f"{ylabel} for {xlabel} {sizes[0]:g} to {sizes[-1]:g}: {'; '.join(said)}."


def attend(sentence: str, hidden: str, causal: bool, positions: bool) -> np.ndarray:
    """Weights of the two heads, (2, T, T), tokens in the order of the sentence.

    Head "what" compares kinds of words: adjectives and verbs look for nouns, nouns for adjectives.
    Head "where" compares waves of positions, each query being one place back, so that it finds
    the word before; without positions all its scores are 0. `hidden` is a word nobody may see.
    Lesson: 08
    """
    import torch

    from kit import layers

    tokens = sentence.split()
    kinds = np.eye(3)[[_KIND[word] for word in tokens]]
    places = np.arange(len(tokens))
    allowed = torch.tensor([word != hidden for word in tokens]).expand(len(tokens), -1)
    if causal:
        allowed = allowed & layers.causal_mask(len(tokens))
    pairs = ((kinds @ _WANTED, kinds), (positions * _waves(places - 1), positions * _waves(places)))
    heads = [layers.attention_weights(*map(torch.from_numpy, pair), allowed, scale=4.0) for pair in pairs]
    return torch.stack(heads).numpy()


def _waves(places: np.ndarray) -> np.ndarray:
    """Cosines and sines of eight frequencies, (T, 16)."""
    angle = places[:, None] * np.geomspace(1.5, 0.1, 8)
    return np.concatenate((np.cos(angle), np.sin(angle)), axis=1)


def editor(
    sentence: str = SENTENCES[0],
    query: str = "bites",
    hidden: str = "nothing",
    causal: bool = False,
    positions: bool = False,
    head: str = "both",
):
    """Who looks at whom in a sentence, and what one word takes home.

    Left the weights of a head (or the mean of both), right the output of the query: how much of
    each word's value is in it, beside the same for the first of SENTENCES with nothing masked.
    Returns (figure, alt).
    Lesson: 08
    """
    tokens = sentence.split()
    weights = _chosen(attend(sentence, hidden, causal, positions), head)
    plain = _chosen(attend(SENTENCES[0], "nothing", False, positions), head)
    row = tokens.index(query)
    output = np.array([weights[row, tokens.index(word)] for word in WORDS])
    before = plain[WORDS.index(query)]
    moved = np.abs(output - before).max()
    figure, (left, right) = axes(2, width=8.6, height=3.6)
    _grid(left, weights, tokens, row)
    left.set_title(f"head: {head}, positions {'on' if positions else 'off'}")
    places = np.arange(len(WORDS))
    right.bar(places - 0.2, before, 0.4, color=COLOURS[5], label="first sentence, no mask")
    right.bar(places + 0.2, output, 0.4, color=COLOURS[1], label="as set")
    right.set(ylim=(0, 1.15), ylabel="share of the value", title=f"output of “{query}” moved by {moved:.2f}")
    right.set_xticks(places, WORDS)
    right.legend(frameon=False, loc="upper right", ncols=2, fontsize="small")
    shares = ", ".join(f"{word} {share:.2f}" for word, share in zip(WORDS, output))
    return figure, (
        f"“{sentence}”, head {head}, positions {'on' if positions else 'off'}, {hidden} hidden, "
        f"{'causal mask' if causal else 'no causal mask'}: “{query}” takes {shares}; moved by {moved:.2f}."
    )


def _chosen(heads: np.ndarray, head: str) -> np.ndarray:
    return heads.mean(0) if head == "both" else heads[HEADS.index(head)]


def _grid(ax, weights: np.ndarray, tokens: Sequence[str], row: int) -> None:
    """The weights as a grid, the query's row framed and in numbers."""
    ax.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for column, weight in enumerate(weights[row]):
        colour = "white" if weight > 0.5 else "black"
        ax.text(column, row, f"{weight:.2f}", ha="center", va="center", color=colour, fontsize="small")
    ax.axhspan(row - 0.5, row + 0.5, fill=False, edgecolor=COLOURS[1], linewidth=2)
    ax.set(xlabel="key: looked at", ylabel="query: looks")
    ax.set_xticks(range(len(tokens)), tokens)
    ax.set_yticks(range(len(tokens)), tokens)
