"""Figures of lesson 03: activations, one neuron's boundary, the price of a probability.

activations   neuron   GATES
"""

import math

import numpy as np

from kit.plot.figure import COLOURS, axes

#: The four corners and the targets of three logic gates.
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
GATES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "XOR": (0, 1, 1, 0)}
_MARKS = {0: "o", 1: "^"}


def activations(functions: dict, low: float = -4.0, high: float = 4.0):
    """Curves of activation functions over [low, high] with the zero line.

    `functions` maps a name to a function of a float tensor. Returns (figure, alt).
    """
    import torch

    z = torch.linspace(low, high, 401)
    figure, ax = axes(title="Activation functions")
    ranges = []
    for name, function in functions.items():
        a = function(z)
        ax.plot(z.numpy(), a.detach().numpy(), label=name)
        ranges.append(f"{name} from {a.min():.2f} to {a.max():.2f}")
    ax.axhline(0, color=COLOURS[7], linewidth=0.8)
    ax.set(xlabel="weighted sum z", ylabel="activation g(z)")
    ax.legend(frameon=False)
    return figure, f"Curves of activation functions for z from {low:g} to {high:g}: {', '.join(ranges)}."


def neuron(w1: float, w2: float, b: float, with_bias: bool = True, gate: str = "AND"):
    """One sigmoid neuron on a logic gate: its boundary, and the loss of each case.

    Left, the probability sigmoid(w1 x1 + w2 x2 + b) over the plane with the four
    cases; right, the curve -ln p with each case at the probability that the
    neuron gives to its right answer. Returns (figure, alt).
    """
    bias = b if with_bias else 0.0
    target = np.array(GATES[gate], dtype=float)
    z = CORNERS @ np.array([w1, w2]) + bias
    p = np.where(target == 1, _sigmoid(z), _sigmoid(-z))  # probability of the right answer
    loss = -np.log(np.maximum(p, 1e-12))
    figure, (left, right) = axes(2, width=8.4, height=3.6)
    _plane(left, w1, w2, bias, target, p)
    _prices(right, p, loss, target)
    right_ones = int((p > 0.5).sum())
    left.set_title(f"{gate}: {right_ones} of 4 right")
    right.set_title(f"mean loss {loss.mean():.2f} nats")
    said = f"bias {bias:g}" if with_bias else "no bias"
    alt = (
        f"A neuron with weights {w1:g} and {w2:g} and {said} gets {right_ones} of the 4 cases of {gate} "
        f"right; mean loss {loss.mean():.2f} nats, worst case {loss.max():.2f}."
    )
    return figure, alt


def _plane(ax, w1, w2, bias, target, p) -> None:
    side = np.linspace(-0.5, 1.5, 60)
    grid = _sigmoid(w1 * side[None, :] + w2 * side[:, None] + bias)
    ax.imshow(
        grid,
        extent=(-0.5, 1.5, -0.5, 1.5),
        origin="lower",
        cmap="cividis",
        vmin=0,
        vmax=1,
        alpha=0.6,
        aspect="auto",
    )
    if grid.min() < 0.5 < grid.max():
        ax.contour(side, side, grid, levels=[0.5], colors=[COLOURS[7]])
    for (x1, x2), t, pi in zip(CORNERS, target, p, strict=True):
        ax.plot(x1, x2, _MARKS[int(t)], markersize=12, color=COLOURS[2] if pi > 0.5 else COLOURS[1])
    ax.set(xlabel="input x1", ylabel="input x2", xticks=(0, 1), yticks=(0, 1))


def _prices(ax, p, loss, target) -> None:
    q = np.linspace(0.005, 1, 200)
    ax.plot(q, -np.log(q), color=COLOURS[0])
    ax.plot([0.3], [0.46], "x", color=COLOURS[1], markersize=9, label="the article: 0.46 at p = 0.3")
    ax.plot([0.3], [-math.log(0.3)], "o", fillstyle="none", color=COLOURS[7], label="right: -ln 0.3")
    for pi, li, t in zip(p, loss, target, strict=True):
        ax.plot(
            max(pi, 0.005),
            min(li, 5.3),
            _MARKS[int(t)],
            color=COLOURS[2] if pi > 0.5 else COLOURS[1],
            markersize=9,
        )
    ax.set(xlabel="probability of the right answer p", ylabel="loss -ln p (nats)", ylim=(-0.1, 5.5))
    ax.legend(frameon=False)


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))
