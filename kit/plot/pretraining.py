"""Figures of lesson 09: turned digits, losses of language models, next tokens, label budgets.

turned   learning   chances   budget   labels_needed
"""

from collections.abc import Mapping, Sequence

import numpy as np

from kit import check, metrics
from kit.plot.figure import COLOURS, axes

#: Runs of a method: number of labels -> accuracy of each seed.
Runs = Mapping[int, Sequence[float]]
_MARKS = ("o", "s", "^", "D", "v", "P")


def turned(picture, shares: Sequence[float], chance: float = 0.25):
    """A picture in its four positions, and how often each digit's position is recognised.

    picture (H, W), shares (K,) of right answers by class. Returns (figure, alt). Lesson: 09
    """
    picture, shares = np.asarray(picture), np.asarray(shares, dtype=float)
    figure, panels = axes(5, width=8.4, height=2.4)
    for k, ax in enumerate(panels[:4]):
        ax.imshow(np.rot90(picture, k), cmap="gray_r")
        ax.set(title=f"label {k}", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    last = panels[4]
    last.bar(range(len(shares)), shares, color=COLOURS[0])
    last.axhline(chance, color=COLOURS[1], linestyle="--")
    last.set(title="right, by digit", xlabel="digit", ylabel="share", ylim=(0, 1), xticks=range(len(shares)))
    last.tick_params(labelsize=7)
    told = ", ".join(f"{digit}: {share:.2f}" for digit, share in enumerate(shares))
    return figure, (
        f"A digit turned by 0, 90, 180 and 270 degrees, and the share of right answers by digit ({told}); "
        f"chance is {chance:.2f}."
    )


def learning(curves: Mapping[str, Mapping[int, Sequence[float]]], levels: Mapping[str, float]):
    """Validation loss against training steps, a line a network, and levels of count tables.

    curves: name -> step -> loss of each seed; levels: name -> loss. Returns (figure, alt). Lesson: 09
    """
    figure, ax = axes(title="Shakespeare: loss on the plays' last tenth", width=8.4, height=4.0)
    for (name, points), mark in zip(curves.items(), _MARKS):
        steps = sorted(points)
        lines = ax.plot(steps, [np.mean(points[s]) for s in steps], marker=mark, label=name)
        for step in steps:
            ax.plot([step] * len(points[step]), points[step], ".", color=lines[0].get_color(), alpha=0.5)
    right = max(step for points in curves.values() for step in points)
    for name, loss in levels.items():
        ax.axhline(loss, color=COLOURS[7], linestyle=":", linewidth=1)
        ax.annotate(name, (right, loss), xytext=(0, 2), textcoords="offset points", ha="right", fontsize=8)
    ax.set(xlabel="training steps (768 characters each)", ylabel="loss in nats per character", xscale="log")
    ticks = sorted({step for points in curves.values() for step in points})
    ax.set_xticks(ticks, [f"{step:,}" for step in ticks])
    ax.minorticks_off()
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ends = ", ".join(f"{name} {np.mean(points[max(points)]):.2f}" for name, points in curves.items())
    lines = ", ".join(f"{name} {loss:.2f}" for name, loss in levels.items())
    return figure, f"Loss after {right:,} steps: {ends}. Count tables, as dotted lines: {lines}."


def chances(words: Sequence[str], rules: Mapping[str, Sequence[float]]):
    """The same next tokens under several rules of sampling, a panel a rule.

    rules: name -> probability of each of `words`; what is missing to 1 is shown as "all others".
    Returns (figure, alt). Lesson: 09
    """
    figure, panels = axes(len(rules), width=1.2 + 1.9 * len(rules), height=3.2)
    panels, rows = np.atleast_1d(panels), range(len(words) + 1)
    rests = {name: max(0.0, 1 - float(np.sum(values))) for name, values in rules.items()}
    for ax, (name, values) in zip(panels, rules.items()):
        ax.barh(rows, [*values, rests[name]], color=[COLOURS[0]] * len(words) + [COLOURS[1]])
        ax.set(title=name, xlim=(0, 1), yticks=[], xlabel="probability")
        ax.invert_yaxis()
    panels[0].set_yticks(rows, [*words, "all others"])
    told = "; ".join(
        f"{name}: {words[int(np.argmax(v))]!r} {max(v):.2f}, {np.count_nonzero(v)} of {len(words)} above 0, "
        f"all others {rests[name]:.2f}"
        for name, v in rules.items()
    )
    return figure, f"Probabilities of {len(words)} next tokens. {told}."


def labels_needed(runs: Runs, accuracy: float) -> float | None:
    """The number of labels at which the mean of `runs` reaches an accuracy.

    Between two budgets the mean is taken to grow evenly in the logarithm of the labels. None
    where no budget reaches it. Lesson: 09
    """
    budgets = sorted(runs)
    means = [float(np.mean(runs[n])) for n in budgets]
    if means[0] >= accuracy:
        return float(budgets[0])
    for n, above, low, high in zip(budgets, budgets[1:], means, means[1:]):
        if low < accuracy <= high:
            return float(n * (above / n) ** ((accuracy - low) / (high - low)))
    return None


def budget(methods: Mapping[str, Runs], labels: int, *, first: str, second: str, each_seed: bool = False):
    """Test accuracy against labels, and two methods compared at one budget.

    Bands are 95 % intervals of the mean over seeds (Student's t). Returns (figure, alt).

    Args:
        methods: name -> its runs; all at the same budgets and seeds.
        labels: the budget looked at.
        first, second: two of the methods.
        each_seed: draw the seeds as dots in place of bands.

    Raises: ValueError for an unknown method or budget.
    Lesson: 09
    """
    for name in (first, second):
        check.one_of("method", name, methods)
        check.one_of("labels", labels, methods[name])
    figure, (left, right) = axes(2, width=9.0, height=3.8)
    for (name, runs), colour, mark in zip(methods.items(), COLOURS, _MARKS):
        _curve(left, name, runs, colour, mark, each_seed)
    left.axvline(labels, color=COLOURS[7], linewidth=0.8)
    left.set(xlabel="labelled training reviews", ylabel="test accuracy", xscale="log", title="all budgets")
    budgets = sorted(methods[first])
    left.set_xticks(budgets, [f"{n:,}" for n in budgets])
    left.minorticks_off()
    left.legend(frameon=False, loc="lower right")
    told = _compared(right, [(name, methods[name][labels]) for name in (first, second)], labels)
    needed = labels_needed(methods[second], float(np.mean(methods[first][labels])))
    known = f"about {needed:,.0f} labels" if needed else f"more than {max(methods[second]):,} labels"
    right.set_xlabel(f"{second} needs {known}\nto match {first}")
    return figure, f"{told} {second} would need {known} to do as well as {first}."


def _curve(ax, name: str, runs: Runs, colour: str, mark: str, each_seed: bool) -> None:
    budgets = sorted(runs)
    ax.plot(budgets, [np.mean(runs[n]) for n in budgets], marker=mark, color=colour, label=name)
    if each_seed:
        for n in budgets:
            ax.plot([n] * len(runs[n]), runs[n], ".", color=colour, alpha=0.5)
        return
    ends = [metrics.mean_interval(runs[n]) for n in budgets]
    ax.fill_between(budgets, [e.low for e in ends], [e.high for e in ends], color=colour, alpha=0.2)


def _compared(ax, two: Sequence[tuple[str, Sequence[float]]], labels: int) -> str:
    """Seeds and intervals of two methods side by side; the sentence for the alt text."""
    ends = [metrics.mean_interval(values) for _, values in two]
    for place, (end, (_, values)) in enumerate(zip(ends, two)):
        arms = [[end.estimate - end.low], [end.high - end.estimate]]
        ax.errorbar(place, end.estimate, arms, marker="o", capsize=8, color=COLOURS[7])
        ax.plot(np.full(len(values), place + 0.15), values, ".", color=COLOURS[1])
    apart = ends[0].low > ends[1].high or ends[1].low > ends[0].high
    ax.set_xticks(range(2), [name for name, _ in two])
    ax.set(xlim=(-0.6, 1.6), ylabel="test accuracy")
    ax.set_title(f"{labels:,} labels: intervals {'apart' if apart else 'overlap'}")
    told = [f"{n} {e.estimate:.3f} [{e.low:.3f}, {e.high:.3f}]" for e, (n, _) in zip(ends, two)]
    shown = "do not overlap" if apart else "overlap"
    return f"With {labels:,} labels: {', '.join(told)}; the intervals {shown}."
