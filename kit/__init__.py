"""kit: the small, readable package behind the course on large AI models.

Rooms are imported on first use (PEP 562), so `import kit` costs milliseconds
and loads no torch:

    import kit
    kit.layers.Linear(4, 2)        # torch is imported here, not before
"""

import importlib

__version__ = "0.1.0"

#: The rooms, line by line: a room imports only rooms to its left and lines above.
LINES = (
    ("paths", "session", "check", "shapes", "autograd", "layers", "losses", "optim", "models"),
    ("data", "metrics", "train", "generate"),
    ("interpret", "fairness", "privacy", "robust"),
    ("planning", "governance"),
    ("plot", "widgets", "course", "cli"),
)
_ROOMS = tuple(room for line in LINES for room in line)


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"kit.{name}")
    raise AttributeError(f"module 'kit' has no room {name!r}; its rooms are {', '.join(_ROOMS)}")


def __dir__() -> list[str]:
    return sorted((*globals(), *_ROOMS))
