"""Figures of lesson 06: kernels on a photograph, receptive fields, what networks see and confuse.

kernel_lab   KERNELS   field_lab   STACKS   receptive_field
pictures   slopes   depths   budgets   confusions   heat   hits
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from kit import check, data
from kit.plot.figure import COLOURS, axes

#: name -> nine weights, row by row; "by hand" takes those of the sliders.
KERNELS = {
    "by hand": None,
    "blur": (1 / 9,) * 9,
    "sharpen": (0, -1, 0, -1, 5, -1, 0, -1, 0),
    "edges, all directions": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "emboss": (-2, -1, 0, -1, 1, 1, 0, 1, 2),
}

#: name -> (kernel, stride) of each layer.
STACKS = {
    "3x3 convolutions": ((3, 1),) * 18,
    "5x5 convolutions": ((5, 1),) * 18,
    "3x3, pooling after every third": ((3, 1), (3, 1), (3, 1), (2, 2)) * 4,
    "article 001's network": ((3, 1), (2, 2)),
    "ResNet-18": ((7, 2), (3, 2), *((3, 1),) * 4, *((3, 2), *((3, 1),) * 3) * 3),
}


def receptive_field(stack: Sequence[tuple[int, int]]) -> int:
    """Pixels (a side) of the input that one output of the stack can see.

    `stack` lists (kernel, stride) from the input on; padding and dilation play no part.
    Lesson: 06
    """
    field, jump = 1, 1
    for kernel, stride in stack:
        field, jump = field + (kernel - 1) * jump, jump * stride
    return field


@functools.cache
def grey(name: str) -> torch.Tensor:
    """A photograph (1, 1, H, W) in grey, at most 240 pixels high.

    Lesson: 06
    """
    photo = data.load("photos")[name].mean(0, keepdim=True)[None]
    scale = min(1.0, 240 / photo.shape[-2])
    return F.interpolate(photo, scale_factor=scale, mode="area", recompute_scale_factor=True)


def kernel_lab(photo: str = "temple", named: str = "by hand", strength: float = 1.0, **weights: float):
    """A photograph, a 3x3 kernel, and the map the kernel makes of it.

    `weights` are w11 to w33 (row, column), used when `named` is "by hand", 0 where not
    given; all are multiplied by `strength`. The title also says what the kernel answers to a flat wall of
    brightness 1 and how strongly to upright and to lying stripes. Returns (figure, alt).
    Lesson: 06
    """
    check.one_of("named", named, KERNELS)
    chosen = KERNELS[named] or [weights.get(f"w{i}{j}", 0.0) for i in (1, 2, 3) for j in (1, 2, 3)]
    kernel = strength * torch.tensor(chosen, dtype=torch.float32).view(1, 1, 3, 3)
    x = grey(photo)
    seen = F.conv2d(x, kernel)[0, 0]
    flat, upright, lying = answers(kernel)
    figure, (left, middle, right) = axes(3, width=9.6, height=3.2)
    figure.get_layout_engine().set(wspace=0.05)
    _bare(left, f"{photo}, grey").imshow(x[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
    top = max(float(kernel.abs().max()), 1e-6)
    _bare(middle, "kernel").imshow(kernel[0, 0].numpy(), cmap="PuOr", vmin=-top, vmax=top)
    for i, j in np.ndindex(3, 3):
        value = float(kernel[0, 0, i, j])
        ink = "white" if abs(value) > 0.7 * top else "black"
        middle.text(j, i, f"{value:.2g}", ha="center", va="center", color=ink)
    edge = max(float(seen.abs().max()), 1e-6)
    low = -edge if float(seen.min()) < 0 else 0
    _bare(right, f"feature map, {float(seen.min()):.2g} to {float(seen.max()):.2g}")
    right.imshow(seen.numpy(), cmap="gray", vmin=low, vmax=edge)
    said = f"flat wall {flat:.2f}, upright stripes {upright:.2f}, lying stripes {lying:.2f}"
    figure.suptitle(f"answer to: {said}")
    return figure, f"Kernel {named} on the photograph {photo}: answers {said}."


def answers(kernel: torch.Tensor) -> tuple[float, float, float]:
    """What a kernel (1, 1, 3, 3) gives on a flat wall, and its mean size on stripes.

    The stripes are 4 pixels wide, upright and lying. Lesson: 06
    """
    stripes = (torch.arange(40) // 4 % 2).float().expand(1, 1, 40, 40)
    flat = float(kernel.sum())
    upright, lying = (F.conv2d(x, kernel).abs().mean().item() for x in (stripes, stripes.mT))
    return flat, upright, lying


def field_lab(stack: str = "3x3 convolutions", layer: int = 1, photo: str = "cat"):
    """The square of a photograph that one number of a layer can see.

    A layer beyond the last one is the last one. Returns (figure, alt). Lesson: 06
    """
    layers = STACKS[stack][:layer]
    side, jump = receptive_field(layers), int(np.prod([stride for _, stride in layers]))
    x = grey(photo)[0, 0]
    height, width = x.shape
    figure, ax = axes(width=5.6, height=3.9)
    _bare(ax, f"{stack}, after layer {len(layers)}: {side} x {side} pixels, one number every {jump}")
    ax.imshow(x.numpy(), cmap="gray", vmin=0, vmax=1)
    top, left = (height - side) / 2, (width - side) / 2
    ax.add_patch(_square(left, top, side))
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    covered = min(side, height) * min(side, width) / (height * width)
    said = f"one number sees {side} x {side} of {height} x {width} pixels, {covered:.1%} of the photograph"
    ax.set_xlabel(said)
    return figure, f"{stack} after layer {len(layers)}: {said}; neighbours are {jump} pixels apart."


def _square(left: float, top: float, side: float):
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), side, side, fill=False, edgecolor=COLOURS[1], linewidth=2)


def _bare(ax, title: str = ""):
    """An axes for a picture: no ticks, no frame."""
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    ax.title.set_fontsize(9)
    return ax


def pictures(shown: Mapping[str, torch.Tensor], *, title: str = "", columns: int = 5, size: float = 1.5):
    """Pictures (H, W) or (3, H, W) in a grid, each under its name. Negative values: grey is 0.

    Returns (figure, alt). Lesson: 06
    """
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    figure, made = axes(columns, rows, width=columns * size, height=rows * (size + 0.25) + 0.3, title=title)
    places = np.atleast_1d(made).flat
    for ax in places:
        _bare(ax)
    for ax, (name, x) in zip(np.atleast_1d(made).flat, shown.items()):
        x = torch.as_tensor(x).detach().cpu()
        top = float(x.abs().max()) or 1.0
        low = -top if float(x.min()) < 0 else 0.0
        ax.imshow(
            (x.permute(1, 2, 0) if x.ndim == 3 else x).numpy(), cmap="gray", vmin=low, vmax=max(top, 1e-6)
        )
        ax.set_title(name.split("#")[0], fontsize=9)
    return figure, f"{title or 'Pictures'}: {', '.join(name.split('#')[0] for name in shown)}."


def slopes(results: Mapping[str, Sequence[float]]):
    """Size of the gradient at each convolution of untrained networks, first layer on the left.

    Returns (figure, alt). Lesson: 06
    """
    figure, ax = axes(title="Before training: the gradient at each convolution", height=3.2)
    for style, (name, values) in zip(("o-", "s--", "^:"), results.items()):
        ax.plot(np.arange(1, len(values) + 1), values, style, label=name, markersize=3)
    ax.set(xlabel="convolution, from the picture to the answer", ylabel="gradient norm", yscale="log")
    ax.legend(frameon=False)
    said = "; ".join(f"{n} {v[0]:.2g} at the first, {v[-1]:.2g} at the last" for n, v in results.items())
    return figure, f"Gradient norms: {said}."


def depths(layers: Sequence[int], results: Mapping[str, np.ndarray], **labels: str):
    """Test accuracy by depth: mean of the seeds as a line, their range as a band.

    `results` maps a name to (seeds, depths). `labels` may hold title and xlabel. Returns (figure, alt).
    Lesson: 06
    """
    figure, ax = axes(title=labels.get("title", "Deeper, with and without shortcuts"), height=3.6)
    said = []
    for i, (name, values) in enumerate(results.items()):
        values = np.asarray(values)
        ax.fill_between(layers, values.min(0), values.max(0), color=COLOURS[i], alpha=0.15)
        ax.plot(layers, values.mean(0), ("o-", "s--", "^:", "d-.")[i % 4], color=COLOURS[i], label=name)
        said.append(f"{name} from {values[:, 0].mean():.2f} to {values[:, -1].mean():.2f}")
    ax.set(xlabel=labels.get("xlabel", "layers"), ylabel="test accuracy")
    ax.set_xticks(layers)
    ax.legend(frameon=False)
    return figure, f"Mean test accuracy for {layers[0]} to {layers[-1]} {ax.get_xlabel()}: {'; '.join(said)}."


def budgets(labels: Sequence[int], results: Mapping[str, np.ndarray]):
    """Test accuracy by labels a class, on a logarithmic axis. As `depths`. Lesson: 06"""
    words = {"title": "Few labels: start from nothing, or from ImageNet", "xlabel": "labels a class"}
    figure, alt = depths(labels, results, **words)
    ax = figure.axes[0]
    ax.set_xscale("log")
    ax.set_xticks(labels, [str(n) for n in labels])
    ax.minorticks_off()
    return figure, alt


def confusions(table: np.ndarray, names: Sequence[str]):
    """How often each class (row) was called each other one (column), in % of the row.

    Returns (figure, alt). Lesson: 06
    """
    share = 100 * np.asarray(table, dtype=float) / np.asarray(table).sum(1, keepdims=True)
    figure, ax = axes(width=6.4, height=5.6, title="What it is (row), what the network says (column), in %")
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(share.shape):
        if share[i, j] >= 1:
            ink = "white" if share[i, j] > 60 else "black"
            ax.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color=ink, fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    apart = share - np.diag(np.diag(share))
    i, j = np.unravel_index(apart.argmax(), apart.shape)
    worst = int(np.diag(share).argmin())
    return figure, (
        f"Right least often: {names[worst]}, {share[worst, worst]:.0f} %. Most frequent confusion: "
        f"{names[i]} called {names[j]}, {share[i, j]:.0f} %."
    )


def heat(photo: torch.Tensor, maps: Mapping[str, torch.Tensor]):
    """A photograph (3, H, W) and the same under heat maps (h, w) of values from 0.

    Returns (figure, alt). Lesson: 06
    """
    figure, made = axes(1 + len(maps), width=2.8 * (1 + len(maps)), height=3.1)
    _bare(made[0], "photograph").imshow(photo.permute(1, 2, 0).numpy())
    said = []
    for ax, (name, values) in zip(made[1:], maps.items()):
        large = F.interpolate(values[None, None], size=photo.shape[1:], mode="bilinear")[0, 0]
        _bare(ax, name).imshow(photo.mean(0).numpy(), cmap="gray", vmin=0, vmax=1)
        ax.imshow(large.numpy(), cmap="inferno", alpha=0.55)
        y, x = divmod(int(large.argmax()), large.shape[1])
        said.append(f"{name}: hottest {x / large.shape[1]:.0%} from the left, {y / large.shape[0]:.0%} down")
    return figure, f"Where the evidence is. {'; '.join(said)}."


def hits(query: Sequence, found: Mapping[str, Sequence], names: Sequence[str]):
    """Queries (left column) and, to their right, the nearest pictures; orange names are wrong.

    `query` is (pictures (Q, H, W), labels (Q,)); `found` maps a method to the (pictures
    (Q, K, H, W), labels (Q, K)) it found. Returns (figure, alt). Lesson: 06
    """
    columns = 1 + sum(x.shape[1] for x, _ in found.values())
    figure, made = axes(columns, len(query[1]), width=1.0 * columns, height=1.2 * len(query[1]) + 0.3)
    right = dict.fromkeys(found, 0)
    for row, (x, label) in enumerate(zip(*query)):
        shown = [("", x, label)]
        shown += [(how, a, b) for how, (xs, ys) in found.items() for a, b in zip(xs[row], ys[row])]
        for ax, (how, a, b) in zip(made[row], shown):
            _bare(ax, names[int(b)]).imshow(a.numpy(), cmap="gray", vmin=0, vmax=1)
            ax.title.set_color(COLOURS[7] if b == label else COLOURS[1])
            ax.title.set_fontsize(7)
            if how:
                right[how] += int(b == label)
    figure.suptitle("asked | " + " | ".join(f"nearest by {how}" for how in found), fontsize=10)
    counts = ", ".join(f"{n} of {found[how][1].numel()} by {how}" for how, n in right.items())
    return figure, f"Nearest pictures of {len(query[1])} queries; of the asked class are {counts}."
