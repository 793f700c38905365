"""Figures of lesson 10: a one-dimensional GAN, step by step; digits; what judges say.

Frame   frame   stepper   GRID   pulls   flow_paths   pictures   codes   scrubber   counts   judged
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kit import check
from kit.plot.figure import COLOURS, axes

#: Where densities and the discriminator's curve are drawn.
GRID = np.linspace(-5, 10, 151)
#: Standard deviation of the bell put on each sample to draw their density.
_BELL = 0.15
#: Arrows in a frame, and how long one of a push of 1 is on the axis.
_ARROWS, _ARROW_LENGTH = 9, 2.5


class Frame(NamedTuple):
    """One moment of a one-dimensional GAN.

    `samples` (N,), `judged` (151,) = D on `GRID`, `at` and `push` (9,): where the
    arrows stand, and −d loss / d sample of the non-saturating loss there. Lesson: 10
    """

    step: int
    samples: np.ndarray
    judged: np.ndarray
    at: np.ndarray
    push: np.ndarray


def frame(step: int, samples: np.ndarray, judge: Callable) -> Frame:
    """A `Frame` of samples (N,) and `judge`, which maps numbers (M,) to logits (M,).

    Lesson: 10
    """
    logits = judge(GRID)
    at = np.quantile(samples, np.linspace(0.05, 0.95, _ARROWS))
    slope = (judge(at + 1e-2) - judge(at - 1e-2)) / 2e-2  # by differences: judge may be any function
    fake = 1 / (1 + np.exp(-judge(at)))
    return Frame(step, samples, 1 / (1 + np.exp(-logits)), at, (1 - fake) * slope)


def density(samples: np.ndarray) -> np.ndarray:
    """Density of samples (N,) on `GRID`: a narrow bell on each of them.

    Lesson: 10
    """
    far = (GRID[:, None] - samples[None]) / _BELL
    return np.exp(-(far**2) / 2).mean(1) / (_BELL * np.sqrt(2 * np.pi))


def stepper(runs: Mapping[str, tuple[np.ndarray, Sequence[Frame]]]) -> Callable:
    """The draw function of the widget: draw(run, step, best) -> (figure, alt).

    Args:
        runs: name -> (density of the data on `GRID`, frames in the order of their steps).

    Raises: ValueError: there is no run, or one without frames.

    Lesson: 10
    """
    check.nonempty("runs", runs)
    for name, (_, frames) in runs.items():
        check.nonempty(f"frames of {name}", frames)

    def draw(run: str, step: int, best: bool = False):
        real, frames = runs[run]
        now = min(frames, key=lambda f: abs(f.step - step))
        return _draw_frame(run, real, now, best)

    return draw


def _draw_frame(run: str, real: np.ndarray, now: Frame, best: bool):
    made = density(now.samples)
    figure, (top, bottom) = axes(1, 2, width=7.2, height=5.2, title=f"{run}: step {now.step}")
    top.fill_between(GRID, real, color=COLOURS[0], alpha=0.3, label="data")
    top.plot(GRID, made, color=COLOURS[1], label="samples")
    long = _ARROW_LENGTH * np.clip(now.push, -0.8, 0.8)
    flat, size = np.zeros(_ARROWS), {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
    top.quiver(now.at, flat, long, flat, color=COLOURS[7], zorder=3, **size)
    top.set(ylabel="density", ylim=(-0.08, max(1.0, 1.05 * min(made.max(), 2.5))), xlim=GRID[[0, -1]])
    top.legend(frameon=False, loc="upper left")
    bottom.plot(GRID, now.judged, color=COLOURS[2], label="D")
    bottom.axhline(0.5, color=COLOURS[7], linewidth=0.8)
    if best:
        seen = real + made > 1e-3  # elsewhere there is nothing to judge
        ratio = np.where(seen, real / np.maximum(real + made, 1e-3), np.nan)
        bottom.plot(GRID, ratio, ":", color=COLOURS[7], label="best D")
    bottom.set(xlabel="number x", ylabel="D(x), probability of data", ylim=(0, 1), xlim=GRID[[0, -1]])
    bottom.legend(frameon=False, loc="upper left")
    at_data, push = (np.average(now.judged, weights=real), now.push.mean())
    way = "right" if push > 0.02 else "left" if push < -0.02 else "nowhere much"
    return figure, (
        f"{run}, step {now.step}: samples have mean {now.samples.mean():.2f} and standard deviation "
        f"{now.samples.std():.2f}; on the data D is {at_data:.2f} on average; the arrows point {way}, "
        f"mean push {push:.2f}."
    )


def pulls():
    """How hard each generator loss pulls, over the discriminator's logit.

    Returns (figure, alt). Lesson: 10
    """
    logit = np.linspace(-8, 8, 81)
    fake = 1 / (1 + np.exp(-logit))
    figure, ax = axes(title="The pull on a sample's logit", height=3.2)
    ax.plot(logit, fake, "--", color=COLOURS[1], label="minimax: D")
    ax.plot(logit, 1 - fake, color=COLOURS[0], label="non-saturating: 1 − D")
    ax.set(xlabel="logit of D at the sample (left: surely made up)", ylabel="size of the gradient")
    ax.legend(frameon=False)
    return figure, (
        f"Where D is sure of a fake, at logit −8, the minimax loss pulls with {fake[0]:.4f} and the "
        f"non-saturating one with {1 - fake[0]:.4f}; at logit 0 both with 0.5."
    )


def flow_paths(times: Sequence[float], paths: np.ndarray):
    """Ways of numbers from noise to data: `paths` (T, N) at `times` (T,) from 1 to 0.

    Returns (figure, alt). Lesson: 10
    """
    check.same_length(times=times, paths=paths)
    figure, ax = axes(title="From noise (t = 1) to data (t = 0)", height=3.6)
    ax.plot(times, paths, color=COLOURS[0], linewidth=0.7, alpha=0.6)
    ax.set(xlabel="time t", ylabel="number x", xlim=(1, 0))
    return figure, (
        f"{paths.shape[1]} paths: at t = 1 mean {paths[0].mean():.2f} and standard deviation "
        f"{paths[0].std():.2f}, at t = 0 a share of {(paths[-1] > 0).mean():.2f} above 0 and a mean "
        f"distance of {np.abs(paths[-1]).mean():.2f} from 0."
    )


def pictures(rows: Mapping[str, np.ndarray], *, title: str):
    """One row of small grey pictures (N, 8, 8) for each name; white is 0.

    Returns (figure, alt). Lesson: 10
    """
    check.nonempty("rows", rows)
    most = max(len(images) for images in rows.values())
    figure, ax = axes(width=7.6, height=0.6 + 6.3 / most * len(rows), title=title)
    for row, images in enumerate(rows.values()):
        for i, image in enumerate(np.asarray(images)):
            at = (i, i + 0.92, row + 0.92, row)
            ax.imshow(np.clip(image, 0, 1), cmap="Greys", vmin=0, vmax=1, extent=at, interpolation="nearest")
    ax.set(xlim=(-0.05, most), ylim=(len(rows), -0.05), xticks=[])
    ax.set_yticks(np.arange(len(rows)) + 0.46, list(rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure, f"{title}. Rows of pictures: {', '.join(f'{k} ({len(v)})' for k, v in rows.items())}."


def codes(latent: Mapping[str, np.ndarray], labels: np.ndarray, shown: Sequence[int] = (0, 1, 4, 6)):
    """Two latent numbers of images, (N, 2) a model, some classes in colour.

    A ring of radius 2 holds 86 % of the draws from N(0, I).

    Returns (figure, alt). Lesson: 10
    """
    figure, panels = axes(
        len(latent), 1, width=7.6, height=3.8, title="Where digits go in two latent numbers"
    )
    turn, said = np.linspace(0, 2 * np.pi, 100), []
    for ax, (name, z) in zip(np.atleast_1d(panels), latent.items(), strict=True):
        rest = ~np.isin(labels, shown)
        ax.plot(*z[rest].T, ".", color="0.8", markersize=3, label="other digits")
        for colour, c in zip(COLOURS, shown):
            ax.plot(*z[labels == c].T, ".", color=colour, markersize=4, label=f"digit {c}")
        ax.plot(2 * np.cos(turn), 2 * np.sin(turn), color=COLOURS[7], label="86 % of N(0, I)")
        ax.set(xlabel="latent number 1", ylabel="latent number 2", title=name)
        ax.set_aspect("equal", adjustable="datalim")
        inside = (np.linalg.norm(z, axis=1) < 2).mean()
        said.append(f"{name}: {inside:.0%} of the digits lie in the ring, farthest {np.abs(z).max():.1f}")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    return figure, f"Latent numbers of digits. {'; '.join(said)}."


def scrubber(decoders: Mapping[str, Callable], latent: Mapping[str, np.ndarray]) -> Callable:
    """The draw function of the map of digits: draw(model, first, second) -> (figure, alt).

    Args:
        decoders: model -> function from two latent numbers to a picture (8, 8).
        latent: model -> latent numbers of images, (N, 2).

    Raises: ValueError: the two do not name the same models.

    Lesson: 10
    """
    if set(decoders) != set(latent):
        raise ValueError(f"decoders={sorted(decoders)} and latent={sorted(latent)}; name the same models")

    def draw(model: str, first: float, second: float):
        picture, z = decoders[model](first, second), latent[model]
        figure, (left, right) = axes(
            2, 1, width=7.2, height=3.6, title=f"{model}: z = ({first:g}, {second:g})"
        )
        left.plot(*z.T, ".", color="0.7", markersize=3)
        left.plot(first, second, "o", color=COLOURS[1], markersize=9)
        left.set(xlabel="latent number 1", ylabel="latent number 2", title="images (grey) and z")
        right.imshow(picture, cmap="Greys", vmin=0, vmax=1)
        right.set(title="picture of z", xticks=[], yticks=[])
        near = np.linalg.norm(z - (first, second), axis=1).min()
        return figure, (
            f"{model}: map of {len(z)} images, the nearest {near:.2f} away from z = ({first:g}, {second:g}), "
            f"and the picture that z unfolds to, ink {np.mean(picture):.2f} on average."
        )

    return draw


def counts(runs: Mapping[str, Sequence[int]]):
    """How many samples fall into each of ten classes, bars side by side.

    Returns (figure, alt). Lesson: 10
    """
    figure, ax = axes(title="Which digits come out?", height=3.2)
    wide, said = 0.8 / len(runs), []
    for i, (name, values) in enumerate(runs.items()):
        values = np.asarray(values)
        ax.bar(
            np.arange(len(values)) + (i - (len(runs) - 1) / 2) * wide,
            values,
            wide,
            color=COLOURS[i],
            label=name,
        )
        said.append(
            f"{name} {int((values > 0).sum())} classes, most often {int(values.argmax())} ({values.max()})"
        )
    ax.set(xlabel="digit that the classifier reads", ylabel="samples", xticks=range(len(values)))
    ax.legend(frameon=False)
    return figure, f"Samples by class: {'; '.join(said)}."


def judged(table: Mapping[str, Mapping[str, Sequence[float]]], wanted: Mapping[str, float]):
    """One panel a measure, one row a source, a dot a seed, a line at their mean.

    Args:
        table: source -> measure -> one value a seed.
        wanted: measure -> the value that real images have, drawn as a dashed line.

    Returns (figure, alt). Lesson: 10
    """
    figure, panels = axes(
        len(wanted), 1, width=8.4, height=1.0 + 0.36 * len(table), title="Sources of images, judged"
    )
    said = []
    for ax, (measure, real) in zip(np.atleast_1d(panels), wanted.items(), strict=True):
        for row, (source, values) in enumerate(table.items()):
            dots = np.asarray(values[measure])
            ax.plot(dots, np.full(len(dots), row), "o", color=COLOURS[0], alpha=0.5, markersize=4)
            ax.plot([dots.mean()] * 2, [row - 0.3, row + 0.3], color=COLOURS[1])
            said.append(f"{source} {measure} {dots.mean():.2f}")
        ax.axvline(real, color=COLOURS[7], linestyle="--", linewidth=0.8)
        ax.set(xlabel=measure, yticks=range(len(table)))
        ax.set_yticklabels(list(table) if ax is np.atleast_1d(panels)[0] else [])
        ax.invert_yaxis()
    return figure, f"Means of the seeds: {'; '.join(said)}. Dashed: real images."
