"""torchvision beside a CPU-only torch: its published wheel needs CUDA libraries.

There its import fails with "operator torchvision::nms does not exist", although
models, transforms, datasets and utils are plain Python.

    ensure_torchvision
"""

import importlib.util
import sys
from pathlib import Path

import torch

#: Registered operators disappear with the object that registered them.
_KEPT: list[torch.library.Library] = []


def ensure_torchvision() -> str:
    """Make `import torchvision` work, also where its compiled part cannot be loaded.

    There only the names of two operators are registered, so box suppression
    (`torchvision.ops.nms`) raises NotImplementedError and everything in plain Python works.
    Call it before the first import of torchvision, or of a library that imports it.

    Returns:
        "absent" (not installed), "native" (nothing to do) or "names" (registered here).

    Lesson: 06
    """
    if _KEPT:
        return "names"
    if "torchvision" in sys.modules:
        return "native"
    spec = importlib.util.find_spec("torchvision")
    if spec is None:
        return "absent"
    for compiled in Path(spec.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(str(compiled))  # the call torchvision itself makes
            return "native"
        except Exception:  # OSError today; whatever it is, the plain Python part is left
            continue
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)
    return "names"
