"""Figures of lesson 01: what "large" means, the timeline, where parameters sit, scaling.

DEFINITIONS  Definition  verdicts   EVENTS  Event  timeline
parts  by_part   budget   scaling   labels_needed
"""

import math
from dataclasses import dataclass

import numpy as np

from kit.planning import Architecture, gpu_days, training_bytes, training_flops, weight_bytes
from kit.plot.figure import COLOURS, axes

#: Peak of the accelerator of the widget: NVIDIA A100, bf16 (data sheet), and the share of it that is reached.
A100_FLOPS, UTILIZATION = 312e12, 0.4
_BLUE, _RED, _GREEN, _BLACK = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[7]
_AXIS = (1e5, 1e13)
#: Role of a GGUF file's tensor -> component of `Architecture.count()`.
_ROLES = {"token_embd": "token embedding", "output_norm": "final norm", "output": "output head"}
_ROLES |= {f"attn_{x}": "attention" for x in ("q", "k", "v", "output")} | {
    "attn_norm": "norms",
    "ffn_norm": "norms",
}
_ROLES |= {f"ffn_{x}": "feed-forward" for x in ("gate", "up", "down")}


@dataclass(frozen=True)
class Definition:
    """One article's definition of a large model: at least `low`, below `high` parameters.

    A range up to "several billion" is read as below 1e10, one up to the order of
    hundreds of billions as below 1e12: the widest reading that the words allow.
    """

    name: str
    low: float
    high: float = math.inf

    def __contains__(self, parameters: float) -> bool:
        return bool(self.low <= parameters < self.high)


DEFINITIONS = (
    Definition("000 §1.1", 1e6),
    Definition("001 §1.1.2", 1e8),
    Definition("002 §1.1.1", 1e6, 1e10),
    Definition("002 §1.1.3", 1e6, 1e12),
    Definition("004 §2", 1e9),
)


@dataclass(frozen=True)
class Event:
    """A model, its year and size, and the year an article prints if that is another."""

    name: str
    year: float
    parameters: float | None
    printed: int | None = None


#: Years of first publication. The deep belief net is counted from its sizes 784-500-500-2000-10.
EVENTS = (
    Event("deep belief net", 2006, 784 * 500 + 500 * 500 + 510 * 2000 + 784 + 500 + 500 + 2000 + 10),
    Event("AlexNet", 2012, 61_100_840, printed=2006),
    Event("Inception", 2014, 7e6),
    Event("ResNet-50", 2015, 25_557_032),
    Event("Microsoft speech", 2017, None),
    Event("GPT-1", 2018.45, 116_534_784),
    Event("BERT-large", 2018.8, 335_141_888, printed=2020),
    Event("GPT-2 XL", 2019, 1_557_611_200),
    Event("GPT-3", 2020.4, 174_604_259_328),
    Event("Chinchilla", 2022, 70e9),
    Event("SmolLM2-135M", 2024.85, 134_515_008),
)


def verdicts(parameters: float) -> dict[str, bool]:
    """Which definition calls a model of so many parameters large."""
    return {definition.name: parameters in definition for definition in DEFINITIONS}


def timeline(events=EVENTS):
    """Size of models against year; crosses mark the wrong years that articles print.

    An arrow leads from each cross to the right year. An event without a known size stands
    at the foot of the log axis, hollow.
    Returns (figure, alt).
    """
    figure, ax = axes(width=8.4, height=4.4, title="Size of models by year of publication")
    foot = 3e5
    moved = []
    for event in events:
        size = event.parameters or foot
        known = event.parameters is not None
        ax.plot(event.year, size, "o" if known else "D", color=_BLUE, fillstyle="full" if known else "none")
        label = event.name if known else f"{event.name} (no size found)"
        right = event.name not in ("GPT-1", "SmolLM2-135M")
        ax.annotate(
            label,
            (event.year, size),
            (6 if right else -6, -13 if event.name == "AlexNet" else 5),
            textcoords="offset points",
            fontsize=8,
            ha="left" if right else "right",
        )
        if event.printed is not None:
            ax.plot(event.printed, size, "x", color=_RED, markersize=8)
            arrow = {"arrowstyle": "->", "color": _RED, "linestyle": ":", "shrinkB": 5}
            ax.annotate("", (event.year, size), (event.printed, size), arrowprops=arrow)
            moved.append(f"{event.name} from {event.printed} to {int(event.year)}")
    for low in sorted({definition.low for definition in DEFINITIONS}):
        articles = sorted({definition.name[:3] for definition in DEFINITIONS if definition.low == low})
        ax.axhline(low, color=_BLACK, linewidth=0.7, linestyle="--")
        ax.text(2009, low, f"large for {', '.join(articles)}", va="bottom", fontsize=8)
    ax.set(yscale="log", xlabel="year", ylabel="parameters", xlim=(2005, 2026), ylim=(1e5, 1e12))
    ax.set_xticks(range(2006, 2026, 2))
    alt = (
        f"Timeline of {len(events)} models by year and number of parameters, with the articles' thresholds "
        f"as dashed lines; red crosses and arrows correct {' and '.join(moved)}."
    )
    return figure, alt


def parts(counts: dict[str, dict[str, int]]):
    """Share of each component in each model's parameters, one bar a model.

    `counts` maps a model to its `Architecture.count()`. Returns (figure, alt).
    """
    groups = {name: _grouped(count) for name, count in counts.items()}
    figure, ax = axes(width=8.4, height=1.3 + 0.4 * len(groups), title="Where the parameters sit")
    left = np.zeros(len(groups))
    for colour, part in zip(COLOURS, ("embeddings", "attention", "feed-forward", "rest"), strict=False):
        share = np.array([group[part] / sum(group.values()) for group in groups.values()])
        ax.barh(list(groups), share, left=left, color=colour, label=part)
        left += share
    ax.invert_yaxis()
    ax.set(xlabel="share of all parameters", xlim=(0, 1))
    figure.legend(frameon=False, ncols=4, loc="outside lower center")
    said = [f"{name} {group['embeddings'] / sum(group.values()):.0%}" for name, group in groups.items()]
    return figure, f"Stacked bars of parameters by component; share of the embeddings: {', '.join(said)}."


def by_part(roles: dict[str, int]) -> dict[str, int]:
    """Weights of `GGUF.groups()` under the names that `Architecture.count()` uses.

    A role that is not known stays under its own name.
    """
    found: dict[str, int] = {}
    for role, size in roles.items():
        part = _ROLES.get(role, role)
        found[part] = found.get(part, 0) + size
    return found


def _grouped(count: dict[str, int]) -> dict[str, int]:
    groups = {"embeddings": 0, "attention": 0, "feed-forward": 0, "rest": 0}
    for name, size in count.items():
        embedding = name.endswith("embedding") or name == "output head"
        groups["embeddings" if embedding else name if name in groups else "rest"] += size
    return groups


def budget(layers: int, width: int, vocabulary: float, tokens: float):
    """One transformer: its size against five definitions, and what its training takes.

    `width` is rounded to a multiple of 64, one head for each 64. Days are those of one
    A100 at 40 % of its peak, memory the state of mixed-precision Adam. Returns (figure, alt).
    """
    heads = max(1, round(width / 64))
    shape = Architecture(layers=layers, width=64 * heads, heads=heads, vocabulary=max(1, round(vocabulary)))
    size = shape.parameters
    flops = training_flops(size, tokens)
    days = gpu_days(flops, flops_per_second=A100_FLOPS, utilization=UTILIZATION)
    state, answer = training_bytes(size) / 1e9, weight_bytes(size, "bf16") / 1e9
    large = verdicts(size)
    group = _grouped(shape.count())
    said = (
        f"{_short(size)} parameters, {tokens / size:.3g} tokens per parameter; training {flops:.2g} FLOPs = "
        f"{days:,.3g} GPU-days"
    )
    memory = f"memory: {answer:,.3g} GB of weights (bf16), {state:,.3g} GB of training state"
    figure, (left, right) = axes(2, width=8.8, height=3.6)
    figure.suptitle(f"{said}\n{memory}", fontsize=10)
    _thresholds(left, size, large)
    right.bar(list(group), [value / size for value in group.values()], color=COLOURS[:4])
    right.set(ylabel="share of the parameters", ylim=(0, 1))
    right.set_title(f"{group['embeddings'] / size:.0%} of the parameters are embeddings")
    names = ", ".join(name for name, yes in large.items() if yes) or "none"
    return figure, f"{said}; {memory}. {sum(large.values())} of 5 definitions call it large: {names}."


def _thresholds(ax, size: float, large: dict[str, bool]) -> None:
    for row, definition in enumerate(DEFINITIONS):
        yes = large[definition.name]
        end = min(definition.high, _AXIS[1])
        ax.barh(
            row, end - definition.low, left=definition.low, height=0.5, color=_GREEN if yes else "#cccccc"
        )
        ax.text(1.3e5, row, "large" if yes else "no", va="center", fontsize=8)
    ax.axvline(size, color=_BLACK)
    ax.set(xscale="log", xlim=_AXIS, xlabel="parameters", yticks=range(len(DEFINITIONS)))
    ax.set_yticklabels([definition.name for definition in DEFINITIONS])
    ax.invert_yaxis()
    ax.set_title(f"{sum(large.values())} of 5 definitions say large")


def _short(number: float) -> str:
    for unit, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:.3g} {word}"
    return f"{number:,.0f}"


def scaling(sizes, losses, laws: dict, held_out: float, measured):
    """Loss against parameters on log-log paper, with laws drawn on to a held-out size.

    `sizes` (M,), `losses` (S, M) of S seeds, `laws` maps a name to a function of the
    size, `measured` (S,) are the losses at `held_out`. Returns (figure, alt).
    """
    sizes, losses, measured = (np.asarray(values, dtype=float) for values in (sizes, losses, measured))
    figure, ax = axes(width=7.2, height=4.2, title="Test loss against size: fitted left, predicted right")
    ax.plot(np.tile(sizes, len(losses)), losses.ravel(), ".", color=COLOURS[5], label="one seed")
    ax.plot(sizes, np.exp(np.log(losses).mean(0)), "o", color=_BLUE, label="mean of the seeds")
    truth = float(np.exp(np.log(measured).mean()))
    ax.plot(np.full(len(measured), held_out), measured, ".", color=COLOURS[5])
    ax.plot(held_out, truth, "s", color=_BLACK, label="held out", markersize=8)
    grid = np.geomspace(sizes.min(), held_out, 100)
    said = []
    for (name, law), colour, dash in zip(laws.items(), (_RED, _GREEN), ("--", "-"), strict=False):
        ax.plot(grid, law(grid), dash, color=colour, label=name)
        said.append(f"{name} predicts {float(law(held_out)):.3f}")
    ax.set(xscale="log", yscale="log", xlabel="parameters", ylabel="test loss (nats)")
    ticks = (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(frameon=False)
    alt = (
        f"Test loss of {len(sizes)} sizes falls from {np.exp(np.log(losses).mean(0))[0]:.2f} to "
        f"{np.exp(np.log(losses).mean(0))[-1]:.2f} nats and flattens; "
        f"at {held_out:,.0f} parameters {truth:.3f} was measured, {', '.join(said)}."
    )
    return figure, alt


def labels_needed(counts, learned, rules: float, frequent: float):
    """Test accuracy of a learner against the number of labels, beside rules that need none.

    `counts` (M,), `learned` M lists of accuracies (as many as there were draws), `rules`
    and `frequent` the two constants. Returns (figure, alt).
    """
    mean = [float(np.mean(draws)) for draws in learned]
    figure, ax = axes(width=7.2, height=3.8, title="How many labels is a list of words worth?")
    for count, draws in zip(counts, learned, strict=True):
        ax.plot([count] * len(draws), draws, ".", color=COLOURS[5])
    ax.plot(counts, mean, "o-", color=_BLUE, label="learned: bag of characters and pairs")
    ax.axhline(rules, color=_RED, linestyle="--", label="rules: a list of words, no labels")
    ax.axhline(frequent, color=_BLACK, linestyle=":", label="always the frequent class")
    ax.set(xscale="log", xlabel="labelled reviews for training", ylabel="test accuracy (share right)")
    ax.legend(frameon=False, loc="upper left")
    above = [count for count, value in zip(counts, mean, strict=True) if value > rules]
    crossing = f"passes them from {min(above):,} labels on" if above else "never passes them"
    alt = (
        f"Accuracy of the learner rises from {mean[0]:.2f} with {counts[0]:,} labels to {mean[-1]:.2f} with "
        f"{counts[-1]:,}; the rules stand at {rules:.2f}, the learner {crossing}."
    )
    return figure, alt
