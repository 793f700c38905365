"""Is somebody sitting in front of this session?

    is_static   is_strict

A static session (papermill, nbval, a script, CI) draws no widgets and no live
progress, so that its outputs can be compared. Nothing of kit is imported here.
"""

import os
from pathlib import PurePath

_DRIVERS = {"papermill", "pytest", "py.test", "nbconvert", "jupyter-nbconvert", "jupyter-execute"}


def is_static() -> bool:
    """True when nobody sits in front of the notebook.

    `KIT_STATIC=1` (or `0`) decides; without it, a notebook whose kernel was
    started by papermill, nbval or nbconvert is static, and so is a plain script.
    """
    forced = os.environ.get("KIT_STATIC")
    if forced is not None:
        return forced not in ("", "0")
    return not in_kernel() or _driven()


def is_strict() -> bool:
    """True when a claim that does not hold must stop the run (`KIT_STRICT=1`)."""
    return os.environ.get("KIT_STRICT", "") not in ("", "0")


def in_kernel() -> bool:
    """True inside a Jupyter kernel, where outputs can be rich."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def _driven() -> bool:
    try:
        import psutil

        parent = psutil.Process().parent()
        words = parent.cmdline()[:4] if parent else []  # python -m papermill ..., /usr/bin/papermill ...
    except Exception:  # no psutil, or a parent we may not look at: then somebody opened it by hand
        return False
    return bool(_DRIVERS & {PurePath(word).name.removesuffix(".exe") for word in words})
