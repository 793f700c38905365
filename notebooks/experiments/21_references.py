"""Lesson 21, frozen: what Captum says about one small network, and how long it takes.

    python notebooks/experiments/21_references.py

Needs `captum`, which the course does not. Writes 21_references.safetensors: weights.*, the network's
(64 inputs, 32 hidden, 10 classes; trained here on the digits), x (16, 64) and target (16,);
values.NAME (16, 64), Captum's attributions; seconds.NAME (2,), medians of Captum's and kit's time for
the 16 pictures, taken in turns; groups (64,), the eight features (rows) of the grouped methods.
"""

import json
import platform
import time
import warnings
from pathlib import Path

import torch
from captum import attr
from safetensors.torch import save_file
from torch import nn

from kit import data, interpret
from kit.course.experiments import code_hash

CONFIGURATION = {"hidden": 32, "epochs": 200, "pictures": 16, "n_steps": 50, "coalitions": 254, "repeats": 7}


def network():
    """Digits (N, 64) in double precision, their labels, and a network trained on them."""
    digits = data.load("digits")
    x, y = (digits.x / 16).double(), digits.y
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, CONFIGURATION["hidden"]), nn.ReLU(), nn.Linear(CONFIGURATION["hidden"], 10)
    )
    model = model.double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(CONFIGURATION["epochs"]):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval(), x[: CONFIGURATION["pictures"]].contiguous(), y[: CONFIGURATION["pictures"]]


def calls(library, model, x, target, groups):
    """Name -> one attribution of the 16 pictures, with the arguments that both libraries share."""
    grouped = {"target": target, "feature_mask": groups}
    options = {
        "Saliency": {"target": target},
        "InputXGradient": {"target": target},
        "IntegratedGradients": {"target": target, "n_steps": CONFIGURATION["n_steps"]},
        "DeepLift": {"target": target},
        "FeatureAblation": {"target": target},
        "Occlusion": {"target": target, "sliding_window_shapes": (8,), "strides": 4},
        "KernelShap": {**grouped, "n_samples": CONFIGURATION["coalitions"]},
    }
    return {
        name: lambda name=name, o=o: getattr(library, name)(model).attribute(x, **o)
        for name, o in options.items()
    }


def main():
    """Ask both, write result and card."""
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    model, x, target = network()
    groups = (torch.arange(64) // 8)[None]
    parts = {"x": x, "target": target, "groups": groups[0].contiguous()}
    parts |= {f"weights.{name}": tensor.detach() for name, tensor in model.state_dict().items()}
    theirs, ours = (calls(library, model, x, target, groups) for library in (attr, interpret))
    for name in theirs:
        times = torch.empty(CONFIGURATION["repeats"], 2, dtype=torch.float64)
        for i in range(CONFIGURATION["repeats"]):
            for j, call in enumerate((theirs[name], ours[name])):
                torch.manual_seed(i)
                start = time.perf_counter()
                values = call()
                times[i, j] = time.perf_counter() - start
                if j == 0:
                    parts[f"values.{name}"] = values.detach().contiguous()
        parts[f"seconds.{name}"] = times.median(0).values
    save_file(parts, str(here.with_suffix(".safetensors")))
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = [0]\nminutes = {(time.time() - began) / 60:.1f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="Setting forward, backward hooks|Input Tensor")
    main()
