"""Figures of lesson 05: a race on a loss surface, step sizes, sweeps, schedules, seeds.

race   SURFACES   RUNNERS   step_sizes   sweep   rate_scan   schedules   seeds
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kit import check
from kit.plot.figure import COLOURS, axes

#: A run ends where it leaves this square: beyond it there is nothing to see.
EDGE = 1e3


@dataclass(frozen=True)
class Surface:
    """A loss over the plane, its gradient, where the runners start, what is drawn.

    `loss` takes x and y (numbers or arrays), `gradient` gives (2,). `lowest` is the
    loss at the bottom, None for a slope without one.
    """

    loss: Callable
    gradient: Callable
    start: tuple[float, float]
    view: tuple[float, float, float, float]
    lowest: float | None = 0.0


def _valleys_gradient(x, y):
    return np.array([4 * x * (x * x - 1) + 0.3, 2 * y])


#: "two valleys": the lower one is on the left, the runners start in the right one's slope.
SURFACES = {
    "ravine": Surface(
        lambda x, y: 0.5 * (x * x + 40 * y * y),
        lambda x, y: np.array([x, 40 * y]),
        (-4.0, 1.0),
        (-5, 2, -2, 2),
    ),
    "even slope": Surface(
        lambda x, y: x + 0.5 * y, lambda x, y: np.array([1.0, 0.5]), (0.0, 0.0), (-6, 1, -6, 1), None
    ),
    "two valleys": Surface(
        lambda x, y: (x * x - 1) ** 2 + 0.3 * x + y * y,
        _valleys_gradient,
        (1.7, 1.2),
        (-2, 2.2, -1.5, 1.5),
        -0.305,
    ),
    "saddle": Surface(
        lambda x, y: 0.5 * (x * x - y * y) + 0.05 * y**4,
        lambda x, y: np.array([x, -y + 0.2 * y**3]),
        (-3.0, 0.01),
        (-4, 3, -4, 4),
        -1.25,
    ),
}


def _sgd(g, state, t):
    return g


def _momentum(g, state, t):
    state["v"] = 0.9 * state.get("v", 0.0) + g
    return state["v"]


def _adam(g, state, t):
    m, v = _averages(g, state, 0.0, 0.0)
    return m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def _adam_003(g, state, t):
    m, v = _averages(g, state, state.get("m", 0.0), state.get("v", 0.0))
    return m / (1 - 0.9**t) / (np.sqrt(np.maximum(v, 0) / (1 - 0.999**t)) + 1e-8)


def _adam_004(g, state, t):
    m, v = _averages(g, state, 0.0, 0.0)
    return m / (np.sqrt(v) + 1e-8)


def _averages(g, state, less_m, less_v):
    """m = 0.9 m + 0.1 (g − less_m) and v likewise; article 003 subtracts m and v themselves."""
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * (g - less_m)
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * (g * g - less_v)
    return state["m"], state["v"]


#: name -> direction(gradient, state, step number from 1); the step is learning rate times direction.
RUNNERS = {
    "Adam": _adam,
    "Adam of article 003": _adam_003,
    "Adam of article 004": _adam_004,
    "SGD": _sgd,
    "momentum 0.9": _momentum,
}
_STYLES = dict(zip(RUNNERS, ("-", "--", ":", "-", "-.")))


def run(name: str, surface: Surface, learning_rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Path (T + 1, 2) of a runner, and its step sizes (T,): largest move / learning rate.

    T is `steps`, or fewer where the runner leaves the square of half-width EDGE.
    Lesson: 05
    """
    direction, state = RUNNERS[name], {}
    path, sizes = [np.array(surface.start)], []
    for t in range(1, steps + 1):
        move = direction(surface.gradient(*path[-1]), state, t)
        path.append(path[-1] - learning_rate * move)
        sizes.append(float(np.abs(move).max()))
        if not np.abs(path[-1]).max() < EDGE:
            break
    return np.array(path), np.array(sizes)


def race(surface: str = "ravine", learning_rate: float = 0.03, steps: int = 100, shown: str = "all five"):
    """Optimisers on a loss surface: their paths above, their step sizes below.

    `shown` is "all five" or one name of RUNNERS. Returns (figure, alt).
    Lesson: 05
    """
    names = list(RUNNERS) if shown == "all five" else [shown]
    place = SURFACES[surface]
    figure, (top, bottom) = axes(
        1, 2, width=7.2, height=6.4, title=f"{surface}, learning rate {learning_rate:.3g}"
    )
    _contours(top, place)
    said = []
    for name in names:
        path, sizes = run(name, place, learning_rate, steps)
        look = {"color": COLOURS[list(RUNNERS).index(name)], "linestyle": _STYLES[name]}
        top.plot(*path.T, label=name, **look)
        top.plot(*path[-1], "o", color=look["color"], markersize=6)
        bottom.plot(np.arange(1, len(sizes) + 1), np.maximum(sizes, 1e-4), label=name, **look)
        said.append(f"{name} {_end(place, path, sizes)}")
    left, right, low, high = place.view
    top.set(xlim=(left, right), ylim=(low, high), xlabel="weight 1", ylabel="weight 2")
    top.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    bottom.set(xlabel="step", ylabel="step size / learning rate", yscale="log", ylim=(1e-4, 1e2))
    bottom.set_xlim(0.5, max(steps, 2) + 0.5)
    bottom.minorticks_off()  # a third of the drawing time, and nobody reads them
    ends = "; ".join(said)
    return figure, f"At most {steps} steps of learning rate {learning_rate:.3g} on the {surface}: {ends}."


def _contours(ax, place: Surface) -> None:
    left, right, low, high = place.view
    x, y = np.meshgrid(np.linspace(left, right, 60), np.linspace(low, high, 60))
    loss = place.loss(x, y)
    levels = np.quantile(loss, np.linspace(0.01, 0.97, 12))
    ax.contour(x, y, loss, levels=np.unique(levels), colors=COLOURS[7], linewidths=0.5, alpha=0.4)
    ax.plot(*place.start, "s", color=COLOURS[7], markersize=7)


def _end(place: Surface, path: np.ndarray, sizes: np.ndarray) -> str:
    if not np.abs(path[-1]).max() < EDGE:
        return f"has left the picture for good after {len(sizes)} steps"
    size = f"largest step {sizes.max():.2f}"
    if place.lowest is None:
        return f"has gone {np.abs(path[-1] - path[0]).max():.2f}, {size}"
    above = max(float(place.loss(*path[-1])) - place.lowest, 0.0)
    return f"is {above:.2g} above the lowest loss, {size}"


def step_sizes(traces: Mapping[str, Sequence[float]]):
    """Steps in units of the learning rate over the step number, both axes logarithmic.

    `traces` maps a name to the size of step 1, 2, ... Returns (figure, alt).
    Lesson: 05
    """
    figure, ax = axes(title="The gradient is always 1: how long is a step?", height=3.4)
    said = []
    for style, (name, values) in zip(("-", "--", ":", "-."), traces.items()):
        ax.plot(np.arange(1, len(values) + 1), values, style, label=name)
        said.append(f"{name} starts at {values[0]:.2f}, ends at {values[-1]:.2f}, "
                    f"lies between {min(values):.2f} and {max(values):.2f}")  # fmt: skip
    ax.set(xlabel="step", ylabel="step size / learning rate", xscale="log", yscale="log")
    ax.set_yticks([0.5, 1, 2, 3, 6], ["0.5", "1", "2", "3", "6"], minor=False)
    ax.minorticks_off()
    ax.legend(frameon=False)
    return figure, f"Step sizes for a constant gradient: {'; '.join(said)}."


def sweep(rates: Sequence[float], results: Mapping[str, np.ndarray], *, chance: float | None = None):
    """Test accuracy over the learning rate: mean of the seeds as a line, range as a band.

    `results` maps a name to an array (seeds, rates). Returns (figure, alt).
    Lesson: 05
    """
    figure, ax = axes(title="The same learning rate, three rules called Adam")
    said = []
    for i, (name, values) in enumerate(results.items()):
        values = np.asarray(values)
        mean = values.mean(axis=0)
        ax.fill_between(rates, values.min(axis=0), values.max(axis=0), color=COLOURS[i], alpha=0.15)
        ax.plot(rates, mean, ("o-", "s--", "^:")[i % 3], color=COLOURS[i], label=name)
        said.append(f"{name} from {mean[0]:.2f} at {rates[0]:g} to {mean[-1]:.2f} at {rates[-1]:g}, "
                    f"best {mean.max():.2f} at {rates[int(mean.argmax())]:g}")  # fmt: skip
    if chance is not None:
        ax.axhline(chance, color=COLOURS[7], linewidth=0.8)
        ax.annotate("guessing", (rates[0], chance), xytext=(0, 3), textcoords="offset points")
    ax.set(xlabel="learning rate", ylabel="test accuracy", xscale="log", ylim=(0, 1))
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.15))
    return figure, f"Mean test accuracy by learning rate: {'; '.join(said)}."


def rate_scan(rates: Sequence[float], losses: Sequence[float], suggestion: float):
    """What the learning-rate finder saw, with its suggestion marked.

    Returns (figure, alt). Lesson: 05
    """
    check.same_length(rates=rates, losses=losses)
    figure, ax = axes(title="The learning-rate finder", height=3.2)
    ax.plot(rates, losses)
    ax.axvline(suggestion, color=COLOURS[1], linestyle="--", label=f"suggestion {suggestion:.2g}")
    ax.set(xlabel="learning rate", ylabel="smoothed training loss (nats)", xscale="log")
    ax.legend(frameon=False)
    lowest = rates[int(np.argmin(losses))]
    return figure, (
        f"Training loss while the learning rate rises from {rates[0]:.2g} to {rates[-1]:.2g}: lowest at "
        f"{lowest:.2g}, suggestion {suggestion:.2g}."
    )


def schedules(factors: Mapping[str, Callable[[int], float]], steps: int = 100):
    """Learning-rate schedules: the factor of the base rate at each step.

    `factors` maps a name to a function of the step number. Returns (figure, alt).
    Lesson: 05
    """
    figure, ax = axes(title="Schedules of the learning rate", height=3.2)
    said = []
    for style, (name, factor) in zip(("-", "--", ":", "-.", "-", "--"), factors.items()):
        values = [factor(step) for step in range(steps)]
        ax.plot(values, style, label=name)
        said.append(f"{name} starts at {values[0]:.2f}, is highest at step {int(np.argmax(values))}, "
                    f"ends at {values[-1]:.2f}")  # fmt: skip
    ax.set(xlabel="step", ylabel="factor of the learning rate", ylim=(-0.05, 1.1))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure, f"Factors over {steps} steps: {'; '.join(said)}."


def seeds(results: Mapping[str, Sequence[float]], *, title: str, quantity: str = "test accuracy"):
    """One dot a seed, one row a method, a line at the mean of the seeds.

    Returns (figure, alt). Lesson: 05
    """
    figure, ax = axes(title=title, height=1.1 + 0.42 * len(results))
    for row, values in enumerate(results.values()):
        mean = math.fsum(values) / len(values)
        ax.plot(values, np.full(len(values), row), "o", color=COLOURS[0], alpha=0.6)
        ax.plot([mean, mean], [row - 0.32, row + 0.32], color=COLOURS[1])
    ax.set(xlabel=f"{quantity} (a dot is a seed, the line their mean)", yticks=range(len(results)))
    ax.set_yticklabels(list(results))
    ax.invert_yaxis()
    means = ", ".join(f"{name} {math.fsum(v) / len(v):.3f}" for name, v in results.items())
    return figure, f"Mean {quantity}: {means}."
