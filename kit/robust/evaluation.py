"""A robustness number one may believe: recomputed, and checked for masked gradients.

report = evaluate_attack(model, x, y, PGD(eps=8 / 255))
print(report)

evaluate_attack  RobustnessReport
"""

import math
from dataclasses import dataclass, replace

import torch

from kit import check
from kit.metrics import Interval, wilson_interval
from kit.robust.attacks import (
    FGSM,
    PGD,
    Attack,
    AttackResult,
    Generator,
    Model,
    check_inputs,
    check_settings,
    classify,
    judge,
)
from kit.shapes import Float, Tensor


@dataclass(frozen=True, eq=False, repr=False)
class RobustnessReport:
    """Accuracy on clean and on attacked inputs, and what speaks against the second.

    accuracy, robust_accuracy: shares with Wilson intervals. x: the attacked inputs (N, ...).
    doubts: one sentence per failed check; a robust accuracy with doubts is an upper
    bound at best, for some attack within the same eps does more. probed: on how many
    samples the checks were made; with 0, no doubts says nothing. Lesson: 17.
    """

    attack: Attack
    accuracy: Interval
    robust_accuracy: Interval
    x: Float[Tensor, "N ..."]
    doubts: tuple[str, ...]
    probed: int

    def __repr__(self) -> str:
        low, high = self.attack.bounds
        head = f"{self.attack}\ninputs in [{low:g}, {high:g}], normalized inside the model if at all"
        rows = [head, f"accuracy         {self.accuracy}", f"robust accuracy  {self.robust_accuracy}"]
        rows += [f"doubt: {doubt}" for doubt in self.doubts]
        rows += [f"no sign of masked gradients in a probe of {self.probed}"] * (
            self.probed > 0 and not self.doubts
        )
        return "\n".join(rows + ["not probed for masked gradients"] * (self.probed == 0))


def evaluate_attack(
    model: Model, x: Tensor, y: Tensor, attack: Attack, *, batch_size: int = 256, probe: int = 100, seed=0
) -> RobustnessReport:
    """Attack a model, believe only the returned inputs, and look for masked gradients.

    attack: called as attack(model, x, y, generator=...) with copies, returns a tensor or an object
    with `x`; it has `norm`, `bounds`, `targeted` and, where there is one, `eps`, as those of this room.
    What it returns must lie in bounds and within eps, up to rounding. For an untargeted `PGD` the
    first `probe` samples (0: none; shuffle sorted data) also go through stronger attacks, which must
    not do worse, and weaker ones, which must not do better, by more than 2 of 100; failures become
    `doubts`. No check finds every masked gradient: attack a defence through what it does, too.

    Raises: as the attack; ValueError where it leaves its ball or the bounds.
    Source: Carlini et al. (2019), On Evaluating Adversarial Robustness, section 3; Athalye et
    al. (2018), section 3.1. Lesson: 17.
    """
    check.integer("batch_size", batch_size, 1)
    check.integer("probe", probe, 0)
    check_settings(attack)
    check_inputs(model, x, y, attack.bounds)
    generator, right, results = torch.Generator(x.device).manual_seed(seed), [], []
    for part, classes in zip(x.split(batch_size), y.split(batch_size)):
        right.append(classify(model, part, classes).argmax(1) == classes)
        results.append(_run(attack, model, part, classes, generator))
    stood = ~torch.cat([result.success for result in results])
    accuracy, robust = (wilson_interval(int(rows.sum()), len(y)) for rows in (torch.cat(right), stood))
    doubts, probed = (), 0
    if probe and isinstance(attack, PGD) and not attack.targeted:
        probed = min(probe, len(y))
        doubts = tuple(_doubts(attack, model, x[:probe], y[:probe], stood[:probe], generator))
    found = torch.cat([result.x for result in results])
    return RobustnessReport(attack, accuracy, robust, found, doubts, probed)


def _run(attack: Attack, model: Model, x: Tensor, y: Tensor, generator: Generator) -> AttackResult:
    found = attack(model, x.clone(), y.clone(), generator=generator)
    found = (found if isinstance(found, Tensor) else found.x).detach()
    check.same_shape("attack(model, x, y)", found, "x", x)
    check_inputs(model, found, y, attack.bounds, name="attack(model, x, y)")
    result = judge(model, found, x, y, attack)
    eps, far = getattr(attack, "eps", math.inf), result.distance.max().item()
    slip = torch.finfo(x.dtype).eps * max(map(abs, attack.bounds))  # what storing one entry may cost
    if far > eps * (1 + 1e-4) + slip * (1 if attack.norm == "linf" else x[0].numel() ** 0.5):
        raise ValueError(f"attack went {far:.4g} away from x, eps={eps:.4g} is allowed; project onto it")
    return result


def _doubts(attack: PGD, model: Model, x: Tensor, y: Tensor, held: Tensor, generator: Generator):
    """One sentence for each thing that cannot be when gradients tell the truth."""
    low, high = attack.bounds
    width = (high - low) * (1 if attack.norm == "linf" else x[0].numel() ** 0.5)
    mine, slack = held.double().mean().item(), max(0.02, 1 / len(y))
    anywhere = replace(attack, eps=width, step_size=width / 30, steps=50)
    far = anywhere(model, x, y, generator=generator).accuracy
    if far > slack:
        yield f"at eps={width:.4g}, enough for any input, {far:.0%} of the probe stand: the search fails"
    others = {
        "twice the steps leave": replace(attack, steps=2 * attack.steps),
        "one step (FGSM) leaves": FGSM(attack.eps, attack.norm, bounds=attack.bounds),
        "20 random points leave": replace(attack, steps=0, random_start=True, restarts=20),
    }
    for name, other in others.items():
        if (share := other(model, x, y, generator=generator).accuracy) < mine - slack:
            yield f"{name} {share:.0%} of the probe standing, this attack {mine:.0%}: it misses what is there"
