"""Figures of lesson 04: a walk over a computation graph, difference quotients, descents, accuracies.

walk   LAST_STEP   show_svg   difference_errors   descents   accuracies
"""

import html
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from kit import check
from kit.autograd import Edge, Value
from kit.plot.figure import COLOURS, axes

#: Place of each node in the drawing: (column, row).
_PLACES = {
    "x": (0, 0),
    "w1": (0, 1),
    "b": (1, 2),
    "p1": (1, 1),
    "z1": (2, 1),
    "h": (3, 1),
    "w2": (3, 0),
    "p2": (4, 1),
    "z2": (5, 1),
    "y": (5, 0),
    "e": (6, 1),
    "J": (7, 1),
}
_FORMULAS = {
    "p1": "w1 · x",
    "z1": "p1 + b",
    "h": "tanh(z1)",
    "p2": "w2 · h",
    "z2": "p2 + b",
    "e": "z2 − y",
    "J": "e²",
}
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 122, 100, 150, 116
#: The walk: inputs, seven nodes forward, the start at J, seven nodes backward.
LAST_STEP = 2 * len(_FORMULAS) + 1


def walk(step: int, w1: float = 0.8, w2: float = 0.5, article: bool = False):
    """One state of the walk through J = (w2 · tanh(w1 · x + b) + b − y)², forward and back.

    Steps 1 to 7 compute a node each, step 8 starts at dJ/dJ = 1, steps 9 to 15
    let one node each pass its gradient on. Every node shows its value, its local
    derivatives and the gradient collected so far; b is used twice. With `article`
    the tanh node passes its gradient on without g′, as article 004 has it, and
    nodes whose gradient differs from the right one are framed. x = 1.5, y = −1 and
    b = 0.2 are fixed. Returns (SVG text, alt).

    Raises: TypeError or ValueError for a step outside 0 to LAST_STEP.
    Lesson: 04
    """
    check.integer("step", step, 0, LAST_STEP)
    nodes, active = _state(step, w1, w2, article)
    right, _ = _state(step, w1, w2, False)
    backwards = reversed(list(_order(nodes)))
    wrong = [n for n in backwards if not np.isclose(nodes[n].grad, right[n].grad, rtol=1e-9, atol=1e-12)]
    said = _sentence(step, active, nodes, wrong)
    parts = [_arrow(e.parent.name, name) for name in _FORMULAS for e in nodes[name].edges]
    known = set(list(_FORMULAS)[:step]) | (set(_PLACES) - set(_FORMULAS))
    for name in _PLACES:
        lines = _lines(nodes[name], name in known, step, article and name == "h")
        parts.append(_box(name, lines, name == active, name in wrong, name in wrong[:1]))
    size = f"0 0 {8 * _ACROSS} {3 * _DOWN + 30}"
    style = 'font-family="sans-serif" font-size="14" style="width:100%;max-width:1200px;background:white"'
    head = f'<text x="14" y="22" font-size="16" fill="black">{html.escape(said)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" {style}>{head}{"".join(parts)}</svg>',
        said,
    )


def show_svg(svg: str, alt: str) -> None:
    """Show a drawing in SVG with its alt text as the text form of the same output.

    Raises: ValueError for an empty alt text.
    Lesson: 04
    """
    if not alt.strip():
        raise ValueError(f"alt={alt!r} is empty; say in a sentence what the drawing shows")
    from IPython.display import display

    role = "" if ' role="' in svg.partition(">")[0] else 'role="img" '
    named = svg.replace("<svg ", f'<svg {role}aria-label="{html.escape(alt, quote=True)}" ', 1)
    display({"image/svg+xml": named, "text/plain": alt}, raw=True)


def _state(step: int, w1: float, w2: float, article: bool) -> tuple[dict[str, Value], str]:
    """All nodes as they stand after `step`, and the name of the node at work."""
    nodes = _build(w1, w2, article)
    forward = len(_FORMULAS)
    if step <= forward:
        return nodes, list(_FORMULAS)[step - 1] if step else ""
    steps = nodes["J"].backward_steps()
    done = list(islice((node for node in steps if node.edges), step - forward - 1))
    if not done:  # nothing has been passed on yet; the walk starts with dJ/dJ
        nodes["J"].grad = np.ones(())
    return nodes, done[-1].name if done else "J"


def _build(w1: float, w2: float, article: bool) -> dict[str, Value]:
    n = {"x": Value(1.5), "w1": Value(w1), "b": Value(0.2), "w2": Value(w2), "y": Value(-1.0)}
    n["p1"] = n["w1"] * n["x"]
    n["z1"] = n["p1"] + n["b"]
    n["h"] = n["z1"].tanh()
    n["p2"] = n["w2"] * n["h"]
    n["z2"] = n["p2"] + n["b"]
    n["e"] = n["z2"] - n["y"]
    n["J"] = n["e"] ** 2
    if article:  # the recursion of article 004 has no g′: the gradient passes unchanged
        n["h"].edges = (Edge(n["z1"], lambda g: g, "g", np.ones(())),)
    for name, node in n.items():
        node.name = name
    return n


def _order(nodes: dict[str, Value]):
    return (node.name for node in nodes["J"].graph())


def _lines(node: Value, known: bool, step: int, altered: bool) -> list[str]:
    formula = _FORMULAS.get(node.name)
    lines = [f"{node.name} = {formula}" if formula else f"{node.name} (given)"]
    lines.append(f"value {node.data:.4g}" if known else "value ?")
    for edge in node.edges if known else ():
        lines.append(f"d/d{edge.parent.name} = {edge.local:.4g}" + (" (no g′)" if altered else ""))
    if step > len(_FORMULAS):
        lines.append(f"gradient {node.grad:.4g}")
    return lines


def _sentence(step: int, active: str, nodes: dict[str, Value], wrong: list[str]) -> str:
    forward = len(_FORMULAS)
    if step == 0:
        done = "only the inputs are known"
    elif step <= forward:
        done = f"forward, {active} = {_FORMULAS[active]} = {nodes[active].data:.4g}"
    elif step == forward + 1:
        done = "backward starts with dJ/dJ = 1"
    else:
        shares = " and ".join(edge.parent.name for edge in nodes[active].edges)
        done = f"backward, {active} has passed its gradient to {shares}"
        done += "; collected so far: " + ", ".join(f"{n} {nodes[n].grad:.4g}" for n in ("w2", "b", "w1"))
    return f"Step {step} of {LAST_STEP}: {done}." + (f" First wrong node: {wrong[0]}." if wrong else "")


def _arrow(start: str, end: str) -> str:
    (c0, r0), (c1, r1) = _PLACES[start], _PLACES[end]
    x0, y0 = _corner(c0, r0)
    x1, y1 = _corner(c1, r1)
    if c0 == c1 or r0 != r1:  # from another row: leave at the side, arrive at top or bottom
        x0, y0 = x0 + (_WIDTH if c1 > c0 else _WIDTH // 2), y0 + _HEIGHT // 2
        x1, y1 = x1 + _WIDTH // 2, y1 + (_HEIGHT if r0 > r1 else 0)
    else:
        x0, y0, y1 = x0 + _WIDTH, y0 + _HEIGHT // 2, y1 + _HEIGHT // 2
    return f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{COLOURS[7]}" stroke-opacity="0.6"/>'


def _corner(column: int, row: int) -> tuple[int, int]:
    return 14 + column * _ACROSS, 36 + row * _DOWN


def _box(name: str, lines: Sequence[str], active: bool, wrong: bool, first: bool) -> str:
    x, y = _corner(*_PLACES[name])
    fill = "moccasin" if active else "white"
    frame = f'stroke="{COLOURS[1]}" stroke-width="4"' if wrong else f'stroke="{COLOURS[7]}"'
    parts = [f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{fill}" {frame}/>']
    for i, line in enumerate(lines):
        weight = ' font-weight="bold"' if i == 0 else ""
        parts.append(
            f'<text x="{x + 7}" y="{y + 17 + 18 * i}"{weight} fill="black">{html.escape(line)}</text>'
        )
    if first:
        above = f'<text x="{x + 7}" y="{y - 6}" font-weight="bold" fill="{COLOURS[1]}">'
        parts.append(f"{above}first wrong node</text>")
    return "".join(parts)


def difference_errors(nudges, errors: Mapping[str, Sequence[float]]):
    """Error of difference quotients against their nudge h, both on logarithmic axes.

    `nudges` are the h, `errors` maps a name to one error per nudge. Returns (figure, alt).
    Lesson: 04
    """
    figure, ax = axes(title="How well a difference quotient sees the slope")
    best = []
    for marker, (name, error) in zip("os^v", errors.items(), strict=False):
        shown = np.maximum(np.asarray(error, dtype=float), 1e-17)  # zero has no logarithm
        ax.loglog(nudges, shown, marker=marker, markersize=4, label=name)
        k = int(shown.argmin())
        best.append(f"{name} is best at h = {nudges[k]:.0e} with an error of {shown[k]:.0e}")
    ax.set(xlabel="nudge h", ylabel="largest error of the gradient")
    ax.legend(frameon=False)
    return figure, f"Errors of difference quotients against the nudge: {'; '.join(best)}."


def descents(curves: Mapping[str, Sequence[float]], ylabel: str = "mean squared error"):
    """Loss against step for several rules, loss axis logarithmic. Returns (figure, alt).

    `curves` maps a name to the loss before the first and after each step.
    Lesson: 04
    """
    figure, ax = axes(title="The same line, the same step size, three gradients")
    ends = []
    for style, (name, losses) in zip(("-", "--", "-.", ":"), curves.items(), strict=False):
        ax.semilogy(np.arange(len(losses)), losses, style, label=name)
        ends.append(f"{name} ends at {losses[-1]:.2g}")
    first = next(iter(curves.values()))
    ax.set(xlabel="step", ylabel=ylabel)
    ax.legend(frameon=False)
    return figure, f"From {first[0]:.3g} at the start, after {len(first) - 1} steps: {', '.join(ends)}."


def accuracies(results: Mapping[str, Sequence[float]]):
    """Test accuracy of each seed as a dot, one row per method, with the mean as a line.

    `results` maps a name to one accuracy per seed. Returns (figure, alt).
    Lesson: 04
    """
    figure, ax = axes(title="What each part of the backward pass is worth", height=0.9 + 0.55 * len(results))
    for row, values in enumerate(results.values()):
        mean = float(np.mean(values))
        ax.plot(values, np.full(len(values), row), "o", color=COLOURS[0], alpha=0.6)
        ax.plot([mean, mean], [row - 0.3, row + 0.3], color=COLOURS[1])
    ax.set(xlabel="test accuracy (a dot is a seed, the line their mean)", yticks=range(len(results)))
    ax.set_yticklabels(list(results))
    ax.invert_yaxis()
    means = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in results.items())
    return figure, f"Mean test accuracy: {means}."
