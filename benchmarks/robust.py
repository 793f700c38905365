"""PGD beside Foolbox's and torchattacks' on one small convolutional network; DeepFool beside Foolbox's.

The same model, pictures, eps, steps and random start on both sides. torchattacks is no dependency
of anything here (it pins an old requests) and is compared where it can be imported, for instance after
`pip install --no-deps --target DIR torchattacks` with DIR on PYTHONPATH. It returns pictures and does not
ask the model about them, so it is compared twice: with our search alone, and judged by one more call.
"""

import importlib.util
import warnings
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.harness import Session
from kit.robust import PGD, DeepFool

EPS, STEPS = 0.1, 20


def workload() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A network on 64 pictures of 28x28, with the classes it gives them."""
    torch.manual_seed(0)
    first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(32 * 49, 10)).eval()
    x = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model, x, model(x).argmax(1)


def mine(attack, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], Callable]:
    """Prepare one attack of ours."""
    return lambda: lambda: attack(model, x, y, generator=torch.Generator().manual_seed(0))


def measure(session: Session) -> None:
    """kit against Foolbox and torchattacks; the ratio of times is to be at most one."""
    model, x, y = workload()
    if importlib.util.find_spec("foolbox") is None:
        session.note("foolbox", "is not installed")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import foolbox as fb
        wrapped = fb.PyTorchModel(model, bounds=(0, 1))
        for norm, kind, eps in (("linf", fb.attacks.LinfPGD, EPS), ("l2", fb.attacks.L2PGD, 1.0)):
            theirs = kind(steps=STEPS, rel_stepsize=0.1)
            ours = PGD(eps, norm, STEPS, step_size=0.1 * eps)
            against = lambda a=theirs, e=eps: lambda: a(wrapped, x, y, epsilons=e)  # noqa: E731
            session.compare(f"kit PGD {norm}", mine(ours, model, x, y), "foolbox PGD", against, target=1.0)
        theirs = fb.attacks.L2DeepFoolAttack()
        against = lambda: lambda: theirs(wrapped, x, y, epsilons=None)  # noqa: E731
        session.compare(
            "kit DeepFool", mine(DeepFool(), model, x, y), "foolbox DeepFool", against, target=1.0
        )
    if importlib.util.find_spec("torchattacks") is None:
        session.note("torchattacks", "is not installed")
        return
    import torchattacks

    theirs = torchattacks.PGD(model, eps=EPS, alpha=EPS / 10, steps=STEPS, random_start=True)
    ours = PGD(EPS, steps=STEPS, step_size=EPS / 10)
    found = lambda: theirs(x, y)  # noqa: E731
    alone = mine(ours.perturb, model, x, y)
    session.compare("kit PGD linf, search alone", alone, "torchattacks PGD", lambda: found, target=1.0)

    def judged() -> torch.Tensor:
        adversarial = found()
        with torch.no_grad():
            return model(adversarial).argmax(1) != y

    whole = mine(ours, model, x, y)
    session.compare("kit PGD linf", whole, "torchattacks PGD, judged", lambda: judged, target=1.0)
