"""Adversarial examples: the worst small change of an input, searched by gradients.

result = PGD(eps=8 / 255)(model, x, y, generator=generator)
result.x, result.success, result.accuracy

    FGSM  PGD  DeepFool  AttackResult

An attack is made from its settings and called on a model, as in torchattacks and Foolbox.
`model` maps inputs (N, ...) to logits (N, C); it takes inputs in `bounds`, so what
normalizes them belongs inside it; eps has the unit of the inputs. The whole of x is one batch:
split it where memory is short, or use `evaluate_attack`. Weights get no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kit import check
from kit.shapes import Bool, Float, Tensor

Model = Callable[[Tensor], Tensor]
Generator = torch.Generator | None
Attack = Callable[..., object]
Bounds = tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult:
    """Changed inputs and how the model judges them: computed from `x`, not by the search.

    Shapes: x (N, ...) in bounds; success (N,) bool, true where the prediction is not y
    (or is y, for a targeted attack); distance (N,) from the inputs in the
    attack's norm. Lesson: 17.
    """

    x: Float[Tensor, "N ..."]
    success: Bool[Tensor, " N"]
    distance: Float[Tensor, " N"]

    @property
    def accuracy(self) -> float:
        """Share of samples that the attack did not get through."""
        return 1 - self.success.double().mean().item()

    def __repr__(self) -> str:
        through = f"{int(self.success.sum())} of {len(self.success)} got through"
        return f"AttackResult({through}, median distance {self.distance.median().item():.4g})"


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent: many small steps uphill on the loss, kept near x.

    x ← Π(x + step_size · sign ∇ cross-entropy), Π the projection on {‖x' - x‖ <= eps} and
    on `bounds`; for norm="l2" the gradient divided by its length instead of its sign.
    Starts at a random point of the ball. step_size: eps / 30 (linf) or eps / 40 (l2) if None,
    Foolbox's; choose it larger for few steps. steps=0: the random start alone. restarts:
    starts in all, the later ones for samples that still stand. targeted: y is the class to reach.

    Raises: ValueError for eps or step_size <= 0 or an unknown norm; when called, for inputs outside
    `bounds`, a model in training mode (a model that is random on purpose: give a function that calls
    it), outputs that autograd cannot trace back, a gradient that is not finite.
    Source: Madry et al. (2018), eq. 2.2 ff.; l2 start: Voelker et al. (2017). Lesson: 17.
    """

    eps: float
    norm: str = "linf"
    steps: int = 40
    step_size: float | None = None
    random_start: bool = True
    restarts: int = 1
    targeted: bool = False
    bounds: Bounds = (0.0, 1.0)

    def __post_init__(self):
        check.number("eps", self.eps, above=0)
        if self.step_size is not None:
            check.number("step_size", self.step_size, above=0)
        check_settings(self, steps=0, restarts=1)
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"restarts={self.restarts} repeats one search without random_start; set random_start=True"
            )

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, generator: Generator = None) -> AttackResult:
        """Attack x (N, ...) with classes y (N,). `generator`, on x's device, draws the starts."""
        check_inputs(model, x, y, self.bounds)
        found = self.perturb(model, x, y, generator=generator)
        result = judge(model, found, x, y, self)
        for _ in range(1, self.restarts):
            if (left := ~result.success).any():
                found[left] = self.perturb(model, x[left], y[left], generator=generator)
                result = judge(model, found, x, y, self)
        return result

    @torch.enable_grad()
    def perturb(self, model: Model, x: Tensor, y: Tensor, *, generator: Generator = None) -> Tensor:
        """The search alone (N, ...), without judging its end: for training loops."""
        size = self.step_size or self.eps / (30 if self.norm == "linf" else 40)
        uphill = -size if self.targeted else size
        moved = x = x.detach().clone()
        low, high = (x - self.eps).clamp(*self.bounds), (x + self.eps).clamp(*self.bounds)
        if self.random_start:
            moved = (x + self.eps * _in_ball(x, self.norm, generator)).clamp(low, high)
        for step in range(self.steps):
            leaf = moved.detach().requires_grad_()
            logits = model(leaf)
            if step == 0:
                check_logits(logits, y)
            gradient = _gradient(F.cross_entropy(logits, y.long(), reduction="sum"), leaf)
            way = gradient.sign() if self.norm == "linf" else gradient / _length(gradient)
            moved = moved.add(way, alpha=uphill)
            if self.norm == "l2":
                away = moved - x
                moved = x + away * (self.eps / _length(away)).clamp(max=1)
            moved = moved.clamp(low, high)
        return moved


def FGSM(eps: float, norm: str = "linf", *, targeted: bool = False, bounds: Bounds = (0.0, 1.0)) -> PGD:
    """Fast gradient sign method: x + eps · sign ∇ cross-entropy, PGD of one full step.

    On a linear model no attack within eps (linf) does more. Arguments and errors as `PGD`.
    Source: Goodfellow et al. (2015), section 4. Lesson: 17.
    """
    return PGD(eps, norm, 1, eps, False, 1, targeted, bounds)


@dataclass(frozen=True)
class DeepFool:
    """The nearest class border, as if the model were linear, again and again.

    Has no eps: read the size of the smallest change found off `distance`. Only the
    `candidates` likeliest classes are tried; `overshoot` carries x over the border. The change is
    cut to `bounds`, after which the border may not be reached: look at `success`.

    Raises: as `PGD`. Source: Moosavi-Dezfooli et al. (2016), algorithm 2. Lesson: 17.
    """

    norm: str = "l2"
    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02
    bounds: Bounds = (0.0, 1.0)
    targeted = False  # what `judge` asks an attack

    def __post_init__(self):
        check_settings(self, steps=1, candidates=2)
        check.number("overshoot", self.overshoot, 0)

    @torch.enable_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, *, generator: Generator = None) -> AttackResult:
        """Attack x (N, ...) with classes y (N,); nothing is random."""
        check_inputs(model, x, y, self.bounds)
        moved = x = x.detach().clone()
        classes = classify(model, x, y).argsort(dim=1).flip(1)[:, : self.candidates]  # (N, K)
        total = torch.zeros_like(x)
        for _ in range(self.steps):
            leaf = moved.detach().requires_grad_()
            logits = model(leaf)
            over = logits.argmax(1) != y
            if over.all():
                break
            top = logits.gather(1, classes)
            total = total + self._step(top[:, 1:] - top[:, :1], leaf)
            further = (x + (1 + self.overshoot) * total).clamp(*self.bounds)
            moved = moved.index_put((~over,), further[~over])
        return judge(model, moved, x, y, self)

    def _step(self, gaps: Tensor, leaf: Tensor) -> Float[Tensor, "N ..."]:
        """The shortest of the moves to where one of the gaps (N, K-1) closes."""
        slopes = [_gradient(gap.sum(), leaf, again=True).flatten(1) for gap in gaps.unbind(1)]
        slopes = torch.stack(slopes, 1)  # (N, K-1, D)
        slant = slopes.norm(p=2 if self.norm == "l2" else 1, dim=2) + 1e-8
        distance, best = (gaps.detach().abs() / slant).min(1)
        rows = torch.arange(len(best), device=best.device)
        slope = slopes[rows, best]
        unit = slope / slant[rows, best, None] if self.norm == "l2" else slope.sign()
        return ((distance + 1e-4)[:, None] * unit).reshape(leaf.shape)


def check_settings(attack, **lowest: int) -> None:
    """Raise unless the attack's norm, bounds and whole numbers can be used. Lesson: 17."""
    check.one_of("norm", attack.norm, ("linf", "l2"))
    check.number("bounds[0]", attack.bounds[0])
    check.number("bounds[1]", attack.bounds[1], above=attack.bounds[0])
    for name, low in lowest.items():
        check.integer(name, getattr(attack, name), low)


def check_inputs(model: Model, x: Tensor, y: Tensor, bounds: Bounds, *, name: str = "x") -> None:
    """Raise unless the model can be attacked on (x, y); does not call it. Lesson: 17."""
    for label, value in ((name, x), ("y", y)):
        if not isinstance(value, torch.Tensor):  # an array has a shape and dtype, too
            raise TypeError(
                f"{label}={check.show(value)} is not a tensor; convert it with torch.as_tensor({label})"
            )
    check.tensor(name, x, kind="float")
    check.tensor("y", y, ndim=1, kind="integer")
    check.same_length(x=x, y=y)
    check_bounds(x, bounds, name=name)
    check_mode(model)


def check_bounds(x: Tensor, bounds: Bounds, *, name: str = "x") -> None:
    """Raise ValueError unless x is not empty, finite and in bounds. Lesson: 17."""
    check.nonempty(name, x)
    check.finite(name, x)
    low, high = x.aminmax()
    if low < bounds[0] or high > bounds[1]:
        raise ValueError(
            f"{name} holds values from {low:.4g} to {high:.4g}, outside bounds={tuple(bounds)}; "
            "give inputs or bounds that agree, and normalize inside the model"
        )


def check_mode(model: Model) -> None:
    """Raise ValueError for a module of which any part is in training mode. Lesson: 17."""
    parts = getattr(model, "named_modules", dict)()
    loud = next((name for name, part in parts if part.training), None)
    if loud is not None:
        where = f" at {loud!r}" if loud else ""
        raise ValueError(f"model={type(model).__name__} is in training mode{where}; call model.eval()")


def check_logits(logits: Tensor, y: Tensor | None = None) -> None:
    """Raise unless logits are (N, C) with C >= 2, and the y below C. Lesson: 17."""
    check.tensor("model(x)", logits, ndim=2, kind="float")
    if logits.shape[1] < 2:
        raise ValueError(
            "model(x) has 1 column, one logit per class is needed; for a single logit z "
            "return torch.cat([torch.zeros_like(z), z], 1)"
        )
    if y is not None:
        check.same_length(**{"model(x)": logits, "y": y})
        check.integer("y.min()", int(y.min()), 0)
        check.integer("y.max()", int(y.max()), 0, logits.shape[1] - 1)


@torch.no_grad()
def classify(model: Model, x: Tensor, y: Tensor) -> Float[Tensor, "N C"]:
    """The checked logits of x, without a graph. Lesson: 17."""
    logits = model(x)
    check_logits(logits, y)
    return logits


def judge(model: Model, found: Tensor, x: Tensor, y: Tensor, attack) -> AttackResult:
    """Ask the model about `found`, whatever the search believes of it. Lesson: 17."""
    hit = (classify(model, found, y).argmax(1) == y) == attack.targeted
    away = (found.double() - x.double()).flatten(1)
    return AttackResult(found, hit, away.norm(p=float("inf") if attack.norm == "linf" else 2, dim=1))


def _gradient(value: Tensor, x: Tensor, *, again: bool = False) -> Float[Tensor, "N ..."]:
    found = None
    if value.requires_grad:
        found = torch.autograd.grad(value, x, retain_graph=again, allow_unused=True)[0]
    if found is None:
        raise ValueError(
            "model(x) cannot be traced back to x by autograd; keep to torch operations that have a "
            "gradient, without detach, no_grad or inference_mode"
        )
    if not found.sum(dtype=torch.float32).isfinite():  # the sign of NaN is 0: a search that stands still
        raise ValueError(
            "the gradient of model(x) holds NaN or infinity; look for 0 / 0, log(0) or sqrt(0) in the model"
        )
    return found


def _in_ball(x: Tensor, norm: str, generator: Generator) -> Float[Tensor, "N ..."]:
    """A uniformly drawn point (N, ...) of the unit ball for each sample."""
    like = {"generator": generator, "dtype": x.dtype, "device": x.device}
    if norm == "linf":
        return torch.rand(x.shape, **like) * 2 - 1
    # The first n coordinates of a point on the sphere in n + 2 dimensions are uniform in the ball.
    return F.normalize(torch.randn(len(x), x[0].numel() + 2, **like))[:, :-2].reshape(x.shape)


def _length(v: Tensor) -> Float[Tensor, "N ..."]:
    """Length of each sample, shaped (N, 1, ..., 1) to be used beside v."""
    return v.flatten(1).norm(dim=1).clamp(min=1e-12).reshape(-1, *[1] * (v.dim() - 1))
