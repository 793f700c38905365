"""Figures of lesson 19: what noise hides, what it costs, what attackers see.

budget_lab   POLICIES   trade_off   scores
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from kit import check, paths
from kit.plot.figure import COLOURS, axes

#: What a server may do when the same question comes again.
POLICIES = ("fresh noise each time", "one budget for all answers", "the first answer again")
ATTACKERS = 300


@functools.cache
def ages() -> tuple[np.ndarray, np.ndarray]:
    """Patients of the diabetes table by decade of life: first years, counts. Lesson: 19"""
    from sklearn.datasets import load_diabetes

    decades = load_diabetes(scaled=False).data[:, 0].astype(int) // 10
    return 10 * np.arange(decades.min(), decades.max() + 1), np.bincount(decades)[decades.min() :]


@functools.cache
def frozen_budgets() -> tuple[np.ndarray, np.ndarray, float]:
    """Budgets, mean accuracy at each, and that without noise, as frozen.

    Of notebooks/experiments/19_budgets.parquet. Lesson: 19
    """
    import pandas as pd

    table = pd.read_parquet(paths.notebooks() / "experiments" / "19_budgets.parquet")
    mean = table[table["network"] == "DP-SGD"].groupby("budget")["accuracy"].mean()
    return mean.index.to_numpy()[:-1], mean.to_numpy()[:-1], float(mean.iloc[-1])


def expected_accuracy(epsilon: float) -> float:
    """Accuracy between two measured budgets, on the logarithm of epsilon.

    At the ends it is held. Lesson: 19
    """
    budgets, accuracy, _ = frozen_budgets()
    return float(np.interp(np.log(epsilon), np.log(budgets), accuracy))


def averaging_attack(epsilon: float, questions: int, policy: str, *, truth: float, seed: int = 0):
    """300 attackers ask for one count; each believes the mean of the answers.

    Returns (running means (questions,) of the first attacker, share of attackers whose rounded mean is
    the truth, epsilon spent on each of them). Raises: ValueError for an unknown policy. Lesson: 19
    """
    check.one_of("policy", policy, POLICIES)
    scale = {POLICIES[0]: 1, POLICIES[1]: questions, POLICIES[2]: 1}[policy] / epsilon
    fresh = 1 if policy == POLICIES[2] else questions
    noise = np.random.default_rng(seed).laplace(0, scale, (ATTACKERS, fresh))
    answers = truth + np.broadcast_to(noise, (ATTACKERS, questions))
    right = float((np.round(answers.mean(axis=1)) == truth).mean())
    running = answers[0].cumsum() / np.arange(1, questions + 1)
    return running, right, epsilon * questions if policy == POLICIES[0] else epsilon


def budget_lab(epsilon: float = 0.5, questions: int = 1, policy: str = POLICIES[0]):
    """A histogram released with noise, an attacker who asks again, and a network's accuracy.

    Returns (figure, alt). Lesson: 19
    """
    first, counts = ages()
    released = counts + np.random.default_rng(0).laplace(0, 1 / epsilon, len(counts))
    running, right, spent = averaging_attack(epsilon, questions, policy, truth=float(counts[0]))
    figure, (left, middle, last) = axes(3, width=10.5, height=3.4)
    left.bar(first + 5, counts, width=9, color="0.85", label="true")
    left.plot(first + 5, released, "o", color=COLOURS[1], label="released")
    left.set(xlabel="age in years", ylabel="patients", title="one release of all bars")
    left.legend(frameon=False, fontsize=8)
    middle.plot(
        np.arange(1, questions + 1), running, ".-", color=COLOURS[0], markersize=10 if questions == 1 else 4
    )
    middle.axhline(counts[0], color="0.5", linestyle="--", label="truth")
    middle.legend(frameon=False, fontsize=8)
    middle.set(xscale="log", xlim=(0.8, 1200), xlabel="questions asked", ylabel="mean of the answers")
    middle.minorticks_off()  # a quarter of the time of a redraw
    middle.set_title(f"youngest bar, {int(counts[0])} patients: {right:.0%} of attackers know", fontsize=9)
    budgets, accuracy, without = frozen_budgets()
    last.plot(budgets, accuracy, "s-", color=COLOURS[2], markersize=4)
    last.axhline(without, color="0.5", linestyle="--", label="clipped, no noise")
    last.legend(frameon=False, fontsize=8, loc="lower right")
    expected = expected_accuracy(epsilon)
    last.plot([epsilon], [expected], "o", color=COLOURS[1], markersize=9)
    last.set(xscale="log", xlim=(0.04, 12), ylim=(0, 1), xlabel="epsilon", ylabel="test accuracy")
    last.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    last.minorticks_off()
    last.set_title(f"digits, trained with this epsilon: {expected:.2f}", fontsize=9)
    error = float(np.abs(released - counts).mean())
    said = f"epsilon {epsilon:.3g} an answer, {spent:.3g} spent on this attacker"
    said += f"; mean error of a bar {error:.1f}"
    figure.suptitle(said)
    return figure, f"{said}; {right:.0%} of attackers find the count; a network reaches {expected:.2f}."


def trade_off(budgets: Sequence[float], accuracy: np.ndarray, lines: Mapping[str, float]):
    """Test accuracy by budget, mean and range of the seeds, beside networks without noise.

    accuracy is (seeds, budgets); `lines` maps a name to an accuracy. Returns (figure, alt). Lesson: 19
    """
    figure, ax = axes(title="What a privacy budget costs", height=3.8)
    accuracy = np.asarray(accuracy)
    ax.fill_between(budgets, accuracy.min(0), accuracy.max(0), color=COLOURS[0], alpha=0.15)
    ax.plot(budgets, accuracy.mean(0), "o-", color=COLOURS[0], label="DP-SGD")
    for i, (name, value) in enumerate(lines.items(), start=1):
        ax.axhline(value, color=COLOURS[i], linestyle=("--", ":", "-.")[i % 3], label=name)
    ax.set(xscale="log", xlabel="privacy budget epsilon", ylabel="test accuracy", ylim=(0, 1))
    ax.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    means = [f"{mean:.2f} at {budget:g}" for budget, mean in zip(budgets, accuracy.mean(0))]
    others = [f"{name} {value:.2f}" for name, value in lines.items()]
    return figure, f"Mean test accuracy by epsilon: {', '.join(means)}. Without noise: {', '.join(others)}."


def scores(groups: Mapping[str, tuple[Sequence[float], Sequence[float]]]):
    """What an attacker sees: scores of members and of outsiders, one panel a network.

    groups: {name: (members, outsiders)}; each group's bars add up to 100 %. Returns (figure, alt). Lesson: 19
    """
    figure, made = axes(len(groups), width=4.6 * len(groups), height=3.2)
    every = np.concatenate([np.asarray(side) for pair in groups.values() for side in pair])
    edges, said = np.linspace(every.min(), every.max(), 25), []
    for ax, (name, (inside, outside)) in zip(np.atleast_1d(made), groups.items()):
        for values, colour, label in ((inside, COLOURS[1], "members"), (outside, COLOURS[0], "outsiders")):
            share = np.full(len(values), 100 / len(values))
            ax.hist(values, edges, weights=share, color=colour, alpha=0.6, label=label)
        ax.set(title=name, xlabel="confidence in the label given, log-odds", ylabel="records, %")
        ax.legend(frameon=False, fontsize=8)
        said.append(f"{name}: members {np.median(inside):.1f}, outsiders {np.median(outside):.1f}")
    return figure, f"Median confidence. {'; '.join(said)}."
