"""Figures of lesson 20: two thresholds and their gaps, rates by group, prices, loops, pronouns.

threshold_lab   WORLDS   calibrated   gaps
rates   reliability   price   loops   pronouns
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kit import check
from kit.metrics import Interval, wilson_interval
from kit.plot.figure import COLOURS, axes

BINS = 50  # of scores from 0 to 1
ZERO = 0.01  # a gap no larger than this counts as zero
GAPS = ("selected", "TPR", "FPR", "PPV")
_MARKS = "os^DvPX*"


def calibrated(base_rate: float, knowledge: float) -> tuple[np.ndarray, np.ndarray]:
    """People of one group by score: shares (50,) with label 1 and with label 0, together 1.

    Scores follow a beta distribution with mean `base_rate`, and a score s means label 1 with
    probability s. The smaller `knowledge` is, the closer scores lie to 0 and 1. Lesson: 20.
    """
    check.number("base_rate", base_rate, above=0, below=1)
    check.number("knowledge", knowledge, above=0)
    score = (np.arange(BINS) + 0.5) / BINS
    density = score ** (base_rate * knowledge - 1) * (1 - score) ** ((1 - base_rate) * knowledge - 1)
    mass = density / density.sum()
    return mass * score, mass * (1 - score)


#: name -> both groups, each as (shares with label 1, shares with label 0) by score.
WORLDS = {
    "unequal base rates": (calibrated(0.523, 3), calibrated(0.391, 3)),
    "equal base rates": (calibrated(0.45, 3), calibrated(0.45, 3)),
    "equal base rates, B less known": (calibrated(0.45, 3), calibrated(0.45, 12)),
}


def gaps(groups: Sequence, thresholds: Sequence[float]) -> tuple[dict, float]:
    """Rates of group A minus rates of group B, and the accuracy.

    Selected is who scores at or above the threshold of the group; PPV is nan where nobody of a group
    is. Groups weigh the same. Lesson: 20.
    """
    found, right = [], 0.0
    for (positive, negative), threshold in zip(groups, thresholds, strict=True):
        edge = np.arange(len(positive)) / len(positive)
        tp, fp = (part[edge >= threshold - 1e-9].sum() for part in (positive, negative))
        ppv = tp / (tp + fp) if tp + fp > 0 else np.nan
        found.append((tp + fp, tp / positive.sum(), fp / negative.sum(), ppv))
        right += (tp + negative.sum() - fp) / 2
    return dict(zip(GAPS, np.subtract(*found).tolist())), float(right)


def threshold_lab(worlds: Mapping[str, Sequence] = WORLDS) -> Callable:
    """The widget: draw(world, threshold_a, threshold_b), two groups and all gaps at once.

    `worlds` maps a name to two groups as `gaps` takes them. Returns a function whose result is
    (figure, alt). Lesson: 20.
    """

    def draw(world: str, threshold_a: float = 0.5, threshold_b: float = 0.5):
        check.one_of("world", world, worlds)
        both, thresholds = worlds[world], (threshold_a, threshold_b)
        found, accuracy = gaps(both, thresholds)
        zeros = sum(abs(gap) <= ZERO for gap in found.values())
        figure, (left, middle, right) = axes(3, width=10.4, height=3.6)
        for ax, name, group, threshold in zip((left, middle), "AB", both, thresholds):
            _people(ax, group, threshold, f"group {name}: base rate {group[0].sum():.3f}")
        left.set_ylabel("share of the group")
        top = 1.05 * max(float((positive + negative).max()) for positive, negative in both)
        left.set_ylim(0, top)
        middle.set_ylim(0, top)
        figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower left", ncols=2)
        for y, gap in enumerate(found.values()):
            shown = 0.0 if np.isnan(gap) else gap
            right.barh(y, shown, color=COLOURS[2 if abs(shown) <= ZERO else 1], height=0.6)
            text = "undefined" if np.isnan(gap) else f"{gap:+.3f}"
            right.text(0.5, y, text, ha="right", va="center")
        right.axvline(0, color=COLOURS[7], linewidth=0.8)
        right.set(
            yticks=range(len(GAPS)), yticklabels=GAPS, xlim=(-0.5, 0.5), xlabel="rate of A minus rate of B"
        )
        right.invert_yaxis()
        right.set_title(f"zero: {zeros} of 4; accuracy {accuracy:.3f}")
        said = ", ".join(f"{k} undefined" if np.isnan(v) else f"{k} {v:+.3f}" for k, v in found.items())
        alt = (
            f"{world}, thresholds {threshold_a:.2f} for A and {threshold_b:.2f} for B. A minus B: "
            f"{said}. Gaps at zero: {zeros} of 4, accuracy {accuracy:.3f}."
        )
        return figure, alt

    return draw


def _people(ax, group, threshold: float, title: str) -> None:
    positive, negative = group
    edges = np.linspace(0, 1, len(positive) + 1)
    ax.stairs(negative, edges, fill=True, color=COLOURS[5], label="label 0")
    ax.stairs(negative + positive, edges, baseline=negative, fill=True, color=COLOURS[0], label="label 1")
    ax.axvline(threshold, color=COLOURS[1], linewidth=2)
    ax.set(title=title, xlabel="score (line: threshold)", xlim=(0, 1))


def rates(table: Mapping[str, Mapping[str, Interval]], *, title: str):
    """Rates of groups with their intervals, {rate: {group: Interval}}.

    Returns (figure, alt). Lesson: 20.
    """
    groups = list(next(iter(table.values())))
    figure, ax = axes(width=7.4, height=1.4 + 0.28 * len(table) * len(groups), title=title)
    for i, group in enumerate(groups):
        shift = 0.45 * (i / max(1, len(groups) - 1) - 0.5) * (len(groups) > 1)
        for y, found in enumerate(table.values()):
            one, label = found[group], str(group) if y == 0 else None
            colour = COLOURS[i % len(COLOURS)]
            ax.plot([one.low, one.high], [y + shift] * 2, color=colour, linewidth=2)
            ax.plot(one.estimate, y + shift, _MARKS[i % len(_MARKS)], color=colour, label=label)
    ax.set(xlabel="rate, with 95 % interval", yticks=range(len(table)), yticklabels=list(table))
    ax.invert_yaxis()
    figure.legend(frameon=False, loc="outside lower center", ncols=min(4, len(groups)))
    said = (
        f"{rate}: " + ", ".join(f"{group} {one.estimate:.3f}" for group, one in found.items())
        for rate, found in table.items()
    )
    return figure, f"{title}. {'; '.join(said)}."


def reliability(shares: Mapping[str, tuple], *, xlabel: str, title: str):
    """Share of label 1 by score, with Wilson's intervals.

    `shares` maps a group to (scores (K,), shares (K,), rows (K,)). Returns (figure, alt). Lesson: 20.
    """
    figure, ax = axes(width=5.4, height=3.6, title=title)
    for (group, (score, share, rows)), mark, colour in zip(shares.items(), _MARKS, COLOURS):
        ax.plot(score, share, f"-{mark}", label=str(group), markersize=5, color=colour)
        for x, p, n in zip(score, share, rows):
            ends = tuple(wilson_interval(round(p * n), int(n))) if n else (np.nan, np.nan)
            ax.plot([x, x], ends, color=colour, linewidth=1.2)
    ax.set(xlabel=xlabel, ylabel="share with label 1 (95 % interval)", ylim=(0, 1))
    ax.legend(frameon=False)
    said = "; ".join(
        f"{group} from {np.nanmin(share):.2f} to {np.nanmax(share):.2f}"
        for group, (_, share, _) in shares.items()
    )
    return figure, f"{title}. Share with label 1 over the score: {said}."


def price(results: Mapping[str, Mapping[str, Sequence[float]]], *, title: str):
    """Accuracy against gaps, one mark a method, one panel a gap.

    A mark is the mean of the seeds; `results` maps a method to {"accuracy": values, gap: values}.
    Returns (figure, alt). Lesson: 20.
    """
    names = [name for name in next(iter(results.values())) if name != "accuracy"]
    figure, panels = axes(len(names), width=10, height=4.4, title=title)
    said = []
    for i, (method, scores) in enumerate(results.items()):
        mean = {name: float(np.mean(values)) for name, values in scores.items()}
        for ax, name in zip(np.atleast_1d(panels), names):
            label = method if name == names[0] else None
            ax.plot(mean[name], mean["accuracy"], _MARKS[i], color=COLOURS[i], markersize=9, label=label)
            ax.set(xlabel=f"{name} (0 is parity)", ylabel="accuracy on the test part")
        said.append(f"{method}: " + ", ".join(f"{name} {value:.3f}" for name, value in mean.items()))
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=9)
    return figure, f"{title}, means of the seeds. {'; '.join(said)}."


def loops(
    lines: Mapping[str, np.ndarray], *, truth: float | None = None, xlabel: str, ylabel: str, title: str
):
    """Something fed back into itself: the mean and the middle 80 % of the runs.

    `lines` maps a name to (runs, steps). Returns (figure, alt). Lesson: 20.
    """
    figure, ax = axes(width=6.8, height=3.6, title=title)
    said = []
    for (name, runs), colour in zip(lines.items(), COLOURS):
        runs = np.atleast_2d(runs)
        low, high = np.quantile(runs, [0.1, 0.9], axis=0)
        step = np.arange(runs.shape[1])
        ax.plot(step, runs.mean(axis=0), color=colour, label=name)
        if len(runs) > 1:
            ax.fill_between(step, low, high, color=colour, alpha=0.2, linewidth=0)
        said.append(f"{name} ends at {runs[:, -1].mean():.3g}, from {low[-1]:.3g} to {high[-1]:.3g}")
    if truth is not None:
        ax.axhline(truth, color=COLOURS[7], linestyle=":", label="truth")
        said.append(f"the truth is {truth:.3g}")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False, fontsize=9)
    return figure, f"{title}: {'; '.join(said)}."


def pronouns(names: Sequence[str], share: Sequence[float], odds: np.ndarray, *, labelled: Sequence[str]):
    """Log odds of " she" over " he" for occupations, over their share of women in percent.

    Shapes: names, share (J,), odds (J, templates); a dot is the mean, a line all templates.
    Returns (figure, alt). Lesson: 20.
    """
    figure, ax = axes(width=7.4, height=4.2, title="What comes after the occupation?")
    mean = odds.mean(axis=1)
    ax.vlines(share, odds.min(axis=1), odds.max(axis=1), color=COLOURS[5], linewidth=1)
    ax.plot(share, mean, "o", color=COLOURS[0], markersize=5)
    for name, x, y in zip(names, share, mean):
        if name in labelled:
            ax.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=9)
    ax.axhline(0, color=COLOURS[7], linestyle=":")
    ylabel = "log P(she) - log P(he), in nats"
    ax.set(xlabel="women in the occupation, % (USA, 2017)", ylabel=ylabel)
    first, last = names[int(mean.argmin())], names[int(mean.argmax())]
    return figure, (
        f"Log odds of she over he, {len(names)} occupations and {odds.shape[1]} templates, against the share "
        f"of women: lowest for {first} with {mean.min():.2f}, highest for {last} with {mean.max():.2f}."
    )
