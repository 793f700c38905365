"""Figures of lesson 21: attributions, their tests, and a network with a planted shortcut.

stain_lab   METHODS   stained_digits
bars   maps   curves   table_of_effects
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from kit import check, data, interpret, losses, models, optim
from kit.plot.figure import COLOURS, axes
from kit.shapes import Float, Int, Tensor

#: name -> attribution of a network; the methods of `stain_lab`.
METHODS = {
    "saliency": interpret.Saliency,
    "input times gradient": interpret.InputXGradient,
    "integrated gradients": interpret.IntegratedGradients,
    "ablation": interpret.FeatureAblation,
}


@functools.cache
def stained_digits() -> tuple[models.MLP, Float[Tensor, "N 64"], Int[Tensor, " N"]]:
    """A network, its pictures (N, 64) in [0, 1] and labels (N,): one digit carries a stain.

    Which digit, and at which pixel, is drawn once and for all; no other digit has it.
    Lesson: 21
    """
    digits = data.load("digits")
    x, rng = digits.x / 16, np.random.default_rng(2121)
    dark = np.flatnonzero(x.mean(0).numpy() < 0.02)
    digit, pixel = int(rng.integers(10)), int(rng.choice(dark))
    x[digits.y == digit, pixel] = 0.5
    model = models.MLP(models.MLPConfig((64, 32, 10)), generator=torch.Generator().manual_seed(21))
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        losses.cross_entropy(model(x), digits.y).backward()
        optimizer.step()
    return model.eval(), x, digits.y


def stain_lab(method: str = "saliency", digit: int = 0, pictures: int = 20):
    """The mean attribution (8, 8) of a digit's score; the pictures stay hidden.

    Averaged over the first `pictures` of that digit.

    The title says which share of the positive attribution the strongest pixel holds.
    Returns (figure, alt). Lesson: 21
    """
    check.one_of("method", method, METHODS)
    model, x, y = stained_digits()
    chosen = x[y == digit][:pictures]
    values = METHODS[method](model).attribute(chosen, target=digit).values.mean(0)
    share = float(values.max() / values.clamp(min=0).sum().clamp(min=1e-12))
    row, column = divmod(int(values.argmax()), 8)
    title = f"{method}, digit {digit}: the strongest pixel holds {share:.0%}"
    figure, ax = axes(width=4.6, height=4.0)
    label = "size of the gradient" if method == "saliency" else "for the answer (against: below 0)"
    _signed(figure, ax, values.view(8, 8).numpy(), title, label=label)
    ax.set(xlabel="column", ylabel="row", xticks=range(8), yticks=range(8))
    return figure, f"Heat map. {title}, in row {row}, column {column}."


def bars(values: Mapping[str, float], *, xlabel: str, title: str = ""):
    """Horizontal bars from 0, in the given order from the top; orange where negative.

    Returns (figure, alt). Lesson: 21
    """
    names, lengths = list(values), np.array(list(values.values()), dtype=float)
    figure, ax = axes(width=6.4, height=0.9 + 0.27 * len(names), title=title)
    ax.barh(names, lengths, color=[COLOURS[0] if v >= 0 else COLOURS[1] for v in lengths])
    ax.axvline(0, color="black", linewidth=0.8)
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    said = "; ".join(f"{n} {v:.3g}" for n, v in zip(names, lengths))
    return figure, f"Bars, {title or xlabel}. {said}."


def maps(shown: Mapping[str, Tensor], *, columns: int = 5, size: float = 1.9, title: str = ""):
    """Heat maps (H, W), each with its own scale: red for, blue against, white 0.

    Returns (figure, alt). Lesson: 21
    """
    rows = -(-len(shown) // columns)
    figure, made = axes(columns, rows, width=columns * size, height=rows * (size + 0.3), title=title)
    places = list(np.atleast_1d(made).flat)
    for ax, (name, values) in zip(places, shown.items()):
        _signed(None, ax, torch.as_tensor(values).detach().numpy(), name)
    for ax in places:
        ax.set_axis_off()
    peaks = {name: np.unravel_index(int(torch.as_tensor(v).argmax()), v.shape) for name, v in shown.items()}
    said = "; ".join(f"{name}: strongest in row {r}, column {c}" for name, (r, c) in peaks.items())
    return figure, f"Heat maps. {said}."


def curves(x: Sequence, lines: Mapping[str, Sequence], *, xlabel: str, ylabel: str, log: bool = False):
    """Lines (S,) over a common x (S,), named in a legend.

    Returns (figure, alt). Lesson: 21
    """
    figure, ax = axes()
    for (name, y), style in zip(lines.items(), ("-", "--", "-.", ":", "-", "--")):
        ax.plot(np.asarray(x), np.asarray(y), style, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        ax.set_yscale("symlog", linthresh=1)
    ax.legend()
    said = "; ".join(f"{name} from {float(y[0]):.3g} to {float(y[-1]):.3g}" for name, y in lines.items())
    return figure, f"{ylabel} over {xlabel}. {said}."


def table_of_effects(effects: Float[Tensor, "L P"], layers: Sequence[str], tokens: Sequence[str]):
    """What each patch brings back of the answer: layers (L) upwards, tokens (P) across.

    Returns (figure, alt). Lesson: 21
    """
    figure, ax = axes(width=1.6 + 1.1 * len(tokens), height=1.0 + 0.32 * len(layers))
    _signed(figure, ax, effects.numpy(), "what a patch brings back", top=1.0, label="share of the answer")
    for i, j in np.ndindex(*effects.shape):
        ink = "white" if abs(effects[i, j]) > 0.7 else "black"
        ax.text(j, i, f"{float(effects[i, j]):.2f}", ha="center", va="center", color=ink, fontsize=9)
    ax.set(xlabel="token patched", ylabel="after block", yticks=range(len(layers)), yticklabels=layers)
    ax.set(xticks=range(len(tokens)), xticklabels=tokens)
    ax.invert_yaxis()
    best = [f"block {name}: {tokens[int(row.argmax())]}" for name, row in zip(layers, effects)]
    return figure, f"Table of the shares that patches bring back; largest, {'; '.join(best)}."


def _signed(figure, ax, values: np.ndarray, title: str, *, top: float | None = None, label: str = "") -> None:
    top = top or float(np.abs(values).max()) or 1.0
    image = ax.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto" if top == 1.0 else "equal")
    ax.set_title(title, fontsize=9)
    if figure is not None:
        figure.colorbar(image, ax=ax, label=label, format="%+.2f")  # as wide for every scale
