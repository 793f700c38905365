"""Figures of lesson 02: a test drawn as 1,000 people, intervals, ROC, winners, a goal tree.

screening   estimates   roc   coverage   winners   goal_tree
"""

import math
import textwrap
from collections.abc import Callable

import numpy as np

from kit.metrics import Interval, wilson_interval
from kit.plot.figure import COLOURS, axes

#: What the task of the widget asks for: accuracy at least, predictive value below.
GOAL_ACCURACY, GOAL_PPV = 0.95, 0.20
_PEOPLE, _COLUMNS = 1000, 40
#: Outcome: (marker of the truth, colour of right or wrong, filled if called ill).
_OUTCOMES = {
    "ill, called ill": ("^", COLOURS[2], True),
    "healthy, called ill": ("o", COLOURS[1], True),
    "ill, called healthy": ("^", COLOURS[1], False),
    "healthy, called healthy": ("o", COLOURS[5], False),
}


def screening(prevalence: float, sensitivity: float, specificity: float, n: float = 200):
    """A test among 1,000 people, its accuracy with Wilson's interval for n cases, and its PPV.

    Left, one mark per person (the expected counts, rounded); right, accuracy, the accuracy of
    calling everybody healthy, and the positive predictive value. All but n in [0, 1].
    Returns (figure, alt).
    """
    n = max(1, round(n))
    hit, alarm = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    accuracy = hit + specificity * (1 - prevalence)
    ppv = hit / (hit + alarm) if hit + alarm else None
    counts = _people(prevalence, sensitivity, specificity)
    solved = accuracy >= GOAL_ACCURACY and ppv is not None and ppv < GOAL_PPV
    figure, (left, right) = axes(2, width=9.4, height=4.4)
    _crowd(left, counts)
    about = {
        "accuracy": _around(accuracy, n),
        "“all healthy”": (1 - prevalence, None),
        "PPV": (ppv, None) if ppv is None else _around(ppv, max(1, round(n * (hit + alarm)))),
    }
    _bars(right, about, n)
    left.set_title(f"{_PEOPLE:,} people, {counts[0] + counts[1]} called ill (filled)")
    task = f"accuracy ≥ {GOAL_ACCURACY:.0%} and PPV < {GOAL_PPV:.0%}"
    right.set_title(f"{task}: {'solved' if solved else 'not yet'}")
    low, high = about["accuracy"][1]
    said = "nobody is called ill" if ppv is None else f"a positive test is right in {ppv:.1%} of cases"
    alt = (
        f"Of {_PEOPLE:,} people {counts[0]} are ill and found, {counts[1]} are false alarms, {counts[2]} are "
        f"ill and missed, {counts[3]} are healthy and cleared; accuracy {accuracy:.1%}, interval for {n:,} "
        f"cases {low:.1%} to {high:.1%}; {said}; calling everybody healthy is {1 - prevalence:.1%} accurate. "
        f"Task, {task}: {'solved' if solved else 'not solved yet'}."
    )
    return figure, alt


def estimates(rows: dict[str, Interval], *, reference: float, reference_label: str):
    """Accuracies of a model on several splits with their intervals.

    A vertical line at `reference` is there to compare with. `rows` maps a label to an
    interval, from top to bottom. Returns (figure, alt).
    """
    title = "One neuron on several splits, Wilson's 95 % intervals"
    figure, ax = axes(height=1.4 + 0.36 * len(rows), title=title)
    for y, interval in enumerate(rows.values()):
        ax.plot([interval.low, interval.high], [y, y], color=COLOURS[0], linewidth=2)
        ax.plot(interval.estimate, y, "o", color=COLOURS[0])
    ax.axvline(reference, color=COLOURS[1], linestyle="--", label=reference_label)
    xlabel = "accuracy on the test patients"
    ax.set(xlabel=xlabel, yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5))
    figure.legend(frameon=False, loc="outside lower center")
    said = ", ".join(f"{k} {v.estimate:.3f} from {v.low:.3f} to {v.high:.3f}" for k, v in rows.items())
    return figure, f"{title}: {said}. A dashed line marks {reference_label} at {reference:.3f}."


def roc(fpr, tpr, auc: float, points: dict[str, tuple[float, float]]):
    """A ROC curve with the diagonal of guessing and named operating points.

    `points` maps a label to (false positive rate, true positive rate). Returns (figure, alt).
    """
    figure, ax = axes(width=5.2, height=4.4, title=f"ROC curve, area {auc:.3f}")
    ax.plot(fpr, tpr, color=COLOURS[0], label="the neuron", zorder=3)
    ax.plot([0, 1], [0, 1], color=COLOURS[7], linestyle=":", label="guessing")
    for i, (label, (x, y)) in enumerate(points.items(), start=1):
        ax.plot(x, y, "s^Dv"[(i - 1) % 4], color=COLOURS[i], markersize=9, label=label, zorder=4)
    ax.set(
        xlabel="false positive rate = 1 - specificity",
        ylabel="true positive rate = sensitivity",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    ax.legend(frameon=False, loc="lower right")
    said = "; ".join(f"{k}: {x:.3f} false and {y:.3f} true positives" for k, (x, y) in points.items())
    return figure, f"ROC curve with area {auc:.3f} above the diagonal of guessing. {said}."


def coverage(intervals: dict[str, Callable], n: int):
    """How often intervals for n cases contain the truth, over the true accuracy.

    The band is 93 to 97 %. `intervals` maps a name to a function of (k, n), k an array
    (n + 1,), that returns the two ends. Binomial probabilities are added up, nothing is
    simulated. Returns (figure, alt).
    """
    truth = np.linspace(0.5, 0.995, 100)
    k = np.arange(n + 1)
    choose = np.array([math.comb(n, i) for i in k], dtype=float)
    weight = choose * truth[:, None] ** k * (1 - truth[:, None]) ** (n - k)  # (100, n + 1)
    figure, ax = axes(title=f"Intervals that promise 95 %, n = {n} cases", height=3.9)
    ax.axhspan(0.93, 0.97, color=COLOURS[5], alpha=0.3, label="93 to 97 %")
    said = []
    for (name, interval), style, colour in zip(intervals.items(), ("-", "--", ":"), COLOURS, strict=False):
        low, high = interval(k, n)
        shares = (weight * ((low <= truth[:, None]) & (truth[:, None] <= high))).sum(axis=1)
        ax.plot(truth, shares, style, color=colour, label=name)
        said.append(f"{name} from {min(shares):.2f} to {max(shares):.2f}")
    ax.set(xlabel="true accuracy", ylabel="share of intervals that contain it", ylim=(0, 1.02))
    ax.legend(frameon=False, loc="lower left")
    return figure, (
        f"Coverage of 95 % intervals for {n} cases over true accuracies from {min(truth):.2f} to "
        f"{max(truth):.3f}: {', '.join(said)}."
    )


def winners(chosen, fresh, contestants: int, cases: int):
    """Scores that made a coin-flipper the winner, and the same winners' scores on fresh cases.

    Shapes: chosen (R,), fresh (R,), shares in [0, 1]. Returns (figure, alt).
    """
    chosen, fresh = np.asarray(chosen, dtype=float), np.asarray(fresh, dtype=float)
    figure, ax = axes(title=f"The best of {contestants} coin-flippers on {cases} cases")
    edges = (np.arange(cases + 2) - 0.5) / cases
    ax.hist(fresh, bins=edges, color=COLOURS[0], alpha=0.7, label="the same winner, fresh cases")
    ax.hist(chosen, bins=edges, color=COLOURS[1], alpha=0.7, hatch="//", label="score that won")
    ax.axvline(0.5, color=COLOURS[7], linestyle=":", label="chance")
    both = np.concatenate([chosen, fresh])
    ax.set(
        xlabel="share of right answers",
        ylabel="contests",
        xlim=(max(0, both.min() - 0.03), min(1, both.max() + 0.03)),
    )
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure, (
        f"Histograms over {len(chosen)} contests: the winning scores centre on {chosen.mean():.3f}, "
        f"the same winners on fresh cases on {fresh.mean():.3f}; chance is 0.5."
    )


def goal_tree(root: str, branches: dict[str, str]):
    """A vision, the goals below it, and the measurable result of each, from left to right.

    `branches` maps a goal to its result, whose line breaks are kept. Returns (figure, alt).
    """
    figure, ax = axes(width=9.4, height=0.6 + 0.85 * len(branches))
    ax.set(xlim=(0, 1), ylim=(len(branches) - 0.5, -0.5))
    ax.axis("off")
    middle = (len(branches) - 1) / 2
    _box(ax, 0.10, middle, root, 18, COLOURS[3])
    for y, (goal, result) in enumerate(branches.items()):
        ax.plot([0.10, 0.30, 0.74], [middle, y, y], color=COLOURS[7], linewidth=0.8, zorder=0)
        _box(ax, 0.36, y, goal, 20, COLOURS[4])
        _box(ax, 0.74, y, result, 62, COLOURS[2])
    said = "; ".join(f"{goal}: {', '.join(result.splitlines())}" for goal, result in branches.items())
    return figure, f"A goal tree. {root} branches into {said}."


def _people(prevalence: float, sensitivity: float, specificity: float) -> list[int]:
    """Expected counts among 1,000 people in the order of _OUTCOMES; they add up to 1,000."""
    ill = round(_PEOPLE * prevalence)
    found, cleared = round(ill * sensitivity), round((_PEOPLE - ill) * specificity)
    return [found, _PEOPLE - ill - cleared, ill - found, cleared]


def _around(share: float, n: int) -> tuple[float, tuple[float, float]]:
    """A share and Wilson's interval of the nearest whole count of n cases."""
    low, high = wilson_interval(round(share * n), n)
    return share, (low, high)


def _crowd(ax, counts: list[int]) -> None:
    place = np.arange(_PEOPLE)
    x, y = place % _COLUMNS, place // _COLUMNS
    start = 0
    for (label, (marker, colour, filled)), count in zip(_OUTCOMES.items(), counts, strict=True):
        who = slice(start, start + count)
        face = colour if filled else "none"
        ax.scatter(x[who], y[who], s=22, marker=marker, facecolors=face, edgecolors=colour, linewidths=0.9)
        ax.scatter([], [], s=30, marker=marker, facecolors=face, edgecolors=colour, label=f"{label}: {count}")
        start += count
    ax.set(xticks=[], yticks=[], ylim=(_PEOPLE // _COLUMNS, -1))
    ax.spines[:].set_visible(False)
    ax.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 0.0), fontsize=9)


def _bars(ax, about: dict, n: int) -> None:
    for y, (share, interval) in enumerate(about.values()):
        if share is None:
            ax.text(0.5, y, "nobody is called ill", ha="center", va="center")
            continue
        ax.barh(y, share, height=0.5, color=COLOURS[5], alpha=0.6)
        if interval:
            ax.plot(interval, [y, y], color=COLOURS[7], linewidth=2)
            ax.plot(interval, [y, y], "|", color=COLOURS[7], markersize=10)
    for y, goal in ((0, GOAL_ACCURACY), (2, GOAL_PPV)):
        ax.plot([goal, goal], [y - 0.4, y + 0.4], color=COLOURS[1], linestyle="--")
    ax.set(
        xlim=(0, 1.01),
        ylim=(2.6, -0.6),
        yticks=range(3),
        yticklabels=[name if share is None else f"{name}\n{share:.1%}" for name, (share, _) in about.items()],
        xlabel=f"share (black: 95 % interval, n = {n:,}; dashed: task)",
    )


def _box(ax, x: float, y: float, text: str, width: int, colour: str) -> None:
    style = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
    text = "\n".join(textwrap.fill(line, width) for line in text.splitlines())
    ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox=style)
