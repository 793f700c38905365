"""Each optimizer of `kit.optim` beside torch.optim's, on the parameters of the small MLP.

torch's own defaults are what most people run; `fused=True` is the best it has.
"""

import sys
from collections.abc import Callable

import torch

from benchmarks.harness import Session
from benchmarks.workloads import small_mlp
from kit import optim

STEPS = 200

#: Name, options, and whether torch offers a fused kernel.
CASES = (
    ("SGD", {"lr": 1e-3, "momentum": 0.9}, True),
    ("RMSprop", {"lr": 1e-3}, False),
    ("Adam", {"lr": 1e-3}, True),
    ("AdamW", {"lr": 1e-3}, True),
)


def steps(build: Callable[..., torch.optim.Optimizer], matrices: bool = False, **options) -> Callable:
    """Prepare `STEPS` steps on fixed gradients."""
    parameters = [p for p in small_mlp().model().parameters() if p.dim() == 2 or not matrices]
    g = torch.Generator().manual_seed(0)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=g)
    optimizer = build(parameters, **options)

    def run():
        for _ in range(STEPS):
            optimizer.step()

    return run


def measure(session: Session) -> None:
    """kit's default against torch's default and torch's fused kernel; the formula against torch's default."""
    for name, options, has_fused in CASES:
        ours, theirs = getattr(optim, name), getattr(torch.optim, name)
        mine = lambda o=ours, k=options: steps(o, **k)  # noqa: E731
        session.compare(
            f"kit {name}", mine, "torch, default", lambda t=theirs, k=options: steps(t, **k), target=1.0
        )
        if has_fused:
            session.compare(
                f"kit {name}",
                mine,
                "torch, fused=True",
                lambda t=theirs, k=options: steps(t, fused=True, **k),
            )
        session.compare(
            f"kit {name}, fused=False",
            lambda o=ours, k=options: steps(o, fused=False, **k),
            "torch, default",
            lambda t=theirs, k=options: steps(t, **k),
        )
    if hasattr(torch.optim, "Muon"):
        session.compare(
            "kit Muon",
            lambda: steps(optim.Muon, matrices=True, lr=1e-3),
            "torch, default",
            lambda: steps(torch.optim.Muon, matrices=True, lr=1e-3),
        )
    else:
        session.note("kit Muon", f"torch {torch.__version__} has no Muon")


if __name__ == "__main__":
    with Session("optimizers", threads=int(sys.argv[1]) if sys.argv[1:] else 1) as session:
        measure(session)
