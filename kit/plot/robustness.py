"""Figures of lesson 17: one picture under attack, accuracies on worse pictures, drift by day.

attack_lab   ATTACKS   suite   days
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from kit import check
from kit.plot.figure import COLOURS, axes
from kit.robust import FGSM, PGD, CorruptionReport

#: name -> attack within eps, made when it is drawn.
ATTACKS = {
    "random signs": None,
    "FGSM": FGSM,
    "PGD": lambda eps: PGD(eps, steps=20, step_size=eps / 5, random_start=False),
}
LEVELS = 16  # grey levels between black and white


def attack_lab(
    networks: Mapping,
    curves: Mapping[str, Sequence[float]],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    digit: int = 0,
    levels: float = 2.0,
    attack: str = "PGD",
    against: str | None = None,
):
    """One picture before and after an attack, what each network reads, accuracy by epsilon.

    Returns (figure, alt).

    Args:
        networks: name -> model of pictures (N, 1, H, W), in evaluation mode.
        curves: name -> accuracy at 0, 1, 2, ... grey levels.
        x: pictures (N, 1, H, W) in [0, 1].
        y: their classes (N,).
        digit: which of them is attacked.
        levels: size of the attack in grey levels, of which 16 lead from black to white.
        attack: a name of ATTACKS.
        against: which network's gradient it uses, the first if None.

    Raises: ValueError for an unknown attack, network or digit. Lesson: 17
    """
    against = against or next(iter(networks))
    check.one_of("attack", attack, ATTACKS)
    check.one_of("against", against, networks)
    check.integer("digit", digit, 0, len(x) - 1)
    before, label = x[digit : digit + 1], y[digit : digit + 1]
    after = _changed(networks[against], before, label, attack, levels / LEVELS)
    with torch.no_grad():
        shares = {name: model(after).softmax(1)[0] for name, model in networks.items()}
    read = {name: f"{int(share.argmax())} ({share.max().item():.0%})" for name, share in shares.items()}
    figure, (left, middle, right, plot) = axes(4, width=10.4, height=3.4)
    shown = (
        (left, before, f"a {int(label)}", "gray", 0, 1),
        (middle, after - before, "change, black -0.5, white +0.5", "gray", -0.5, 0.5),
        (right, after, "\n".join(f"{name}: {text}" for name, text in read.items()), "gray", 0, 1),
    )
    for ax, picture, title, colours, low, high in shown:
        ax.imshow(picture[0, 0].numpy(), cmap=colours, vmin=low, vmax=high)
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
    for style, (name, values) in zip(("-o", "--s"), curves.items()):
        plot.plot(range(len(values)), values, style, markersize=4, label=name)
    plot.axvline(levels, color=COLOURS[7], linewidth=0.8)
    plot.set(xlabel="PGD, grey levels of 16", ylabel="test accuracy", ylim=(0, 1.02))
    plot.legend(frameon=False, fontsize=8)
    said = ", ".join(f"{name} reads {text}" for name, text in read.items())
    return figure, f"A {int(label)} after {attack} of {levels:g} grey levels against {against}: {said}."


def _changed(model, x: torch.Tensor, y: torch.Tensor, attack: str, eps: float) -> torch.Tensor:
    """The picture (1, 1, H, W) after an attack of size eps; 0 changes nothing."""
    if eps == 0:
        return x
    if ATTACKS[attack] is None:
        signs = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).sign()
        return (x + eps * signs).clamp(0, 1)
    return ATTACKS[attack](eps)(model, x, y).x


def suite(reports: Mapping[str, CorruptionReport]):
    """Accuracy of each model on each corruption, a table of shades.

    Each number is the mean of the five severities.

    Returns (figure, alt). Lesson: 17
    """
    check.nonempty("reports", reports)
    names = list(next(iter(reports.values())).accuracy)
    table = np.array([[np.mean(r.accuracy[n]) for n in names] for r in reports.values()])
    figure, ax = axes(width=9.6, height=1.9 + 0.35 * len(reports), title="Mean accuracy over five severities")
    ax.imshow(table, cmap="Blues", vmin=0.2, vmax=1, aspect="auto")
    for i, j in np.ndindex(table.shape):
        ink = "white" if table[i, j] > 0.7 else "black"
        ax.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", color=ink, fontsize=9)
    ax.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=35, ha="right")
    ax.set_yticks(range(len(reports)), [f"{name}, all {r.mean:.2f}" for name, r in reports.items()])
    ax.set(xlabel="corruption", ylabel="trained on")
    lowest = [names[i].replace("_", " ") for i in table.argmin(axis=1)]
    worst = (f"{name} {r.mean:.2f}, lowest {low}" for (name, r), low in zip(reports.items(), lowest))
    return figure, f"Mean accuracy over twelve corruptions: {', '.join(worst)}."


def days(distances: Mapping[str, Sequence[float]], accuracies: Mapping[str, Sequence[float]], *, change: int):
    """What a monitor sees each day, PSI, and what it does not, accuracy.

    Names map to one number a day, from day 1; `change` is the day on which the world moved.
    Returns (figure, alt). Lesson: 17
    """
    figure, panels = axes(1, 2, width=7.2, height=4.6, title=f"The world moves on day {change}")
    said = []
    for ax, lines in zip(panels, (distances, accuracies)):
        for style, (name, values) in zip(("-o", "--s", ":^"), lines.items()):
            ax.plot(range(1, len(values) + 1), values, style, markersize=4, label=name)
            parts = values[: change - 1], values[change - 1 :]
            said.append(f"{name} {np.mean(parts[0]):.2f} before, {np.mean(parts[1]):.2f} after")
        ax.axvline(change - 0.5, color=COLOURS[7], linewidth=0.8)
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    panels[0].axhline(0.25, color=COLOURS[7], linewidth=0.8, linestyle="--")
    panels[0].set(ylabel="PSI (dashed: 0.25)")
    panels[1].set(xlabel="day", ylabel="accuracy", ylim=(0, 1.02))
    return figure, f"Means over days before and after day {change}: {'; '.join(said)}."
