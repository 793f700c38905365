"""Attributions beside Captum's, on the same inputs: time in pairs, and peak memory.

Memory is measured in a process of its own for each side: the highest resident size after the call minus
the highest before it (Linux: VmHWM, which a child does not inherit, as it does ru_maxrss).
"""

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.harness import Session, version
from kit import interpret

#: name, arguments of attribute, least speed-up over Captum.
CASES = {
    "IntegratedGradients": ({"n_steps": 50, "target": 3}, 1.5),
    "Occlusion": ({"sliding_window_shapes": (1, 5, 5), "strides": (1, 2, 2), "target": 3}, 1.0),
    "KernelShap": ({"n_samples": 512, "target": 3}, 3.0),
}


def inputs(name: str) -> tuple[nn.Module, torch.Tensor, dict]:
    """A small network for digits, 64 images (8 for kernel Shapley), and further arguments."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        parts += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        model = nn.Sequential(*parts, nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
    images = torch.rand(8 if name == "KernelShap" else 64, 1, 28, 28, generator=generator)
    more = {}
    if name == "KernelShap":  # 49 patches of 4 x 4 pixels are the players
        row = torch.arange(28) // 4
        more["feature_mask"] = (7 * row[:, None] + row).view(1, 1, 28, 28)
    return model, images, more


def call(library, name: str) -> Callable[[], object]:
    """The call that is measured."""
    model, images, more = inputs(name)
    options = CASES[name][0] | more
    return lambda: getattr(library, name)(model).attribute(images, **options)


def highest() -> int:
    """Highest resident size of this process so far, in kB."""
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text()).group(1))


def peak(library: str, name: str) -> float:
    """Extra memory of one call in MB, in a fresh process."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.interpret", library, name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)


def measure(session: Session) -> None:
    """kit against Captum with its defaults."""
    if version("captum") is None:
        session.note("Captum", "not installed, nothing to compare with")
        return
    import captum.attr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (_, speedup) in CASES.items():
            session.compare(
                f"kit {name}",
                lambda name=name: call(interpret, name),
                f"captum {name}",
                lambda name=name: call(captum.attr, name),
                target=speedup and 1 / speedup,
            )
    if not Path("/proc/self/status").exists():
        session.note("IntegratedGradients, memory", "not measured: this system has no /proc")
        return
    ours, theirs = (peak(library, "IntegratedGradients") for library in ("kit.interpret", "captum.attr"))
    session.note(
        "IntegratedGradients, memory",
        f"{ours:.1f} MB against {theirs:.1f} MB: {ours / theirs:.2f}, target <= 0.25",
        megabytes=ours,
        against_megabytes=theirs,
    )


if __name__ == "__main__":
    import importlib

    torch.set_num_threads(1)
    run = call(importlib.import_module(sys.argv[1]), sys.argv[2])
    model, images, _ = inputs(sys.argv[2])
    with torch.no_grad():
        model(images)  # what torch allocates once does not count
    before = highest()
    run()
    print((highest() - before) / 1024)
