"""Is the explanation any good? Tests that an attribution can fail.

completeness_gap  sensitivity_max  infidelity  deletion_curve  Curve
randomization_test  Randomization
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from kit import check
from kit.interpret.attribution import Attribution
from kit.interpret.calls import Baselines, Call, Inputs, Target
from kit.shapes import Float, Tensor


def completeness_gap(
    forward_func: Callable, inputs: Inputs, attributions, baselines: Baselines = None, target: Target = None
) -> Float[Tensor, " N"]:
    """Sum of the values minus (f(x) - f(baseline)), per sample, for values of any origin.

    Args:
        forward_func, inputs, baselines, target: as for `IntegratedGradients`.
        attributions: an `Attribution`, a tensor or a tuple of tensors.

    Raises:
        TypeError, ValueError: as `IntegratedGradients`, or shapes that differ.

    Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365, proposition 1. Lesson: 21
    """
    call = _one_output(forward_func, inputs, baselines, target)
    return _flat(attributions, call).sum(1) - call.difference()[0][0]


def sensitivity_max(
    explanation_func: Callable,
    inputs: Inputs,
    *,
    perturb_func: Callable | None = None,
    perturb_radius: float | int = 0.02,
    n_perturb_samples: int = 10,
    generator: torch.Generator | None = None,
) -> Float[Tensor, " N"]:
    """How much the explanation moves when the input hardly does.

        max over x' near x of ‖Φ(x') - Φ(x)‖ / ‖Φ(x)‖

    Args:
        explanation_func: function of inputs that returns an `Attribution` or values.
        inputs: (N, ...) or a tuple.
        perturb_func: function of inputs that returns perturbed ones; None draws uniform noise.
        perturb_radius: half width of that noise.
        n_perturb_samples: perturbations, of which the worst counts.
        generator: source of the noise.

    Raises:
        TypeError, ValueError: a number is out of range.

    Source: Yeh et al. 2019, arXiv:1901.09392, definition 2; Captum's sensitivity_max. Lesson: 21
    """
    check.integer("n_perturb_samples", n_perturb_samples, 1)
    check.number("perturb_radius", perturb_radius, 0)

    def noisy(x):
        if isinstance(x, tuple):
            return tuple(noisy(part) for part in x)
        return x + perturb_radius * (
            2 * torch.rand(x.shape, generator=generator, dtype=x.dtype).to(x.device) - 1
        )

    base = _flat(explanation_func(inputs))
    size = base.norm(dim=1)
    moved = [_flat(explanation_func((perturb_func or noisy)(inputs))) for _ in range(n_perturb_samples)]
    worst = torch.stack([(m - base).norm(dim=1) for m in moved]).amax(0)
    return worst / torch.where(size == 0, 1, size)


@torch.no_grad()
def infidelity(
    forward_func: Callable,
    perturb_func: Callable,
    inputs: Inputs,
    attributions,
    *,
    target: Target = None,
    n_perturb_samples: int = 10,
) -> Float[Tensor, " N"]:
    """Mean of (Σ I · Φ - (f(x) - f(x - I)))² over perturbations I; 0 is perfect.

    Args:
        forward_func, inputs, target: as for `Saliency`.
        perturb_func: function of inputs that returns (I, perturbed inputs), shaped as the inputs.
        attributions: an `Attribution` or values; of a local method (Saliency), or of one that
            multiplies by the inputs if I is 0 or 1 for what is removed.
        n_perturb_samples: perturbations.

    Raises:
        TypeError, ValueError: as `Saliency`, or shapes that differ.

    Source: Yeh et al. 2019, arXiv:1901.09392, definition 1; Captum's infidelity. Lesson: 21
    """
    check.integer("n_perturb_samples", n_perturb_samples, 1)
    call = _one_output(forward_func, inputs, None, target)
    values, top, total = _flat(attributions, call), call.scores(call.inputs)[:, 0], 0
    for _ in range(n_perturb_samples):
        change, perturbed = perturb_func(inputs)
        xs = perturbed if isinstance(perturbed, tuple) else (perturbed,)
        total = total + ((_flat(change, call) * values).sum(1) - (top - call.scores(xs)[:, 0])) ** 2
    return total / n_perturb_samples


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores (S, N) with the given shares (S,) of the features changed. Lesson: 21"""

    shares: Float[Tensor, " S"]
    scores: Float[Tensor, "S N"]

    @property
    def auc(self) -> Float[Tensor, " N"]:
        """Area under each sample's curve, in units of the score."""
        return torch.trapezoid(self.scores, self.shares.to(self.scores), dim=0)


@torch.no_grad()
def deletion_curve(
    forward_func: Callable,
    inputs: Tensor,
    attributions,
    baselines: Baselines = None,
    target: Target = None,
    *,
    steps: int = 20,
    insert: bool = False,
) -> Curve:
    """Scores while features go to the baseline, most important first; a low area is good.

    Args:
        forward_func, inputs, baselines, target: as for `IntegratedGradients`, a single tensor.
        attributions: an `Attribution` or values, shaped as the inputs or 1 where they hold for all.
        steps: points of the curve after the first.
        insert: start from the baseline and bring features in; a high area is then good.

    Raises:
        TypeError, ValueError: as `IntegratedGradients`, or shapes that differ.

    Source: Petsiuk, Das & Saenko 2018, arXiv:1806.07421, section 4.2. Lesson: 21
    """
    check.integer("steps", steps, 1)
    call = _one_output(forward_func, inputs, baselines, target)
    (x,), (b,) = call.inputs, call.baselines
    values = attributions.values if isinstance(attributions, Attribution) else attributions
    if values.ndim == x.ndim and all(size in (1, full) for size, full in zip(values.shape, x.shape)):
        values = values.expand(x.shape)  # a map (N, 1, H, W) holds for every channel
    rank = _flat(values, call).argsort(dim=1, descending=True, stable=True).argsort(1).view(x.shape)
    shares, scores = torch.linspace(0, 1, steps + 1), []
    for share in shares.tolist():
        changed = rank < round(share * x[0].numel())
        scores.append(call.scores((torch.where(changed != insert, b, x),))[:, 0])
    return Curve(shares, torch.stack(scores))


@dataclass(frozen=True, eq=False)
class Randomization:
    """Rank correlations (L, N) with the true explanation.

    In row l the modules `names[: l + 1]` are random. Lesson: 21
    """

    names: tuple[str, ...]
    correlations: Float[Tensor, "L N"]


def randomization_test(
    model: nn.Module, explain: Callable, *, generator: torch.Generator | None = None
) -> Randomization:
    """Shuffle the weights from the last layer to the first: does the explanation notice?

    An explanation that still looks alike (Spearman's correlation near 1) does not depend on what
    the model has learned. The model itself is left alone; entries of each parameter are
    permuted, so that their sizes stay.

    Args:
        model: any module.
        explain: function of a model that returns an `Attribution` or values (N, ...).
        generator: source of the permutations, on the CPU; None uses torch's global one.

    Raises:
        TypeError, ValueError: the model is no module or has no parameters.

    Source: Adebayo et al. 2018, arXiv:1810.03292, section 3. Lesson: 21
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model={check.show(model)} is not a torch.nn.Module; it has no weights to shuffle")
    truth, changed = _ranks(_flat(explain(model))), copy.deepcopy(model)
    names = [n for n, m in changed.named_modules() if any(True for _ in m.parameters(recurse=False))][::-1]
    check.nonempty("model.parameters()", names)
    rows = []
    for name in names:
        for p in changed.get_submodule(name).parameters(recurse=False):
            order = torch.randperm(p.numel(), generator=generator).to(p.device)
            p.data = p.data.flatten()[order].view_as(p)
        rows.append((truth * _ranks(_flat(explain(changed)))).sum(1))
    return Randomization(tuple(names), torch.stack(rows))


def _one_output(*arguments) -> Call:
    call = Call(*arguments)
    if isinstance(call.target, str):
        raise ValueError("target='all' asks for every output; judge one at a time")
    return call


def _ranks(values: Tensor) -> Tensor:
    """Mean ranks of each row, centred and of length 1: their product is Spearman's correlation."""
    rows = []
    for row in values.double():
        _, place, count = row.unique(return_inverse=True, return_counts=True)
        rows.append((count.cumsum(0) - (count - 1) / 2)[place].double())
    ranks = torch.stack(rows)
    return torch.nn.functional.normalize(ranks - ranks.mean(1, keepdim=True))


def _flat(attributions, call: Call | None = None) -> Tensor:
    """All values of a sample in one row, (N, F)."""
    values = attributions.values if isinstance(attributions, Attribution) else attributions
    values = values if isinstance(values, tuple) else (values,)
    for i, (v, x) in enumerate(zip(values, call.inputs if call else values)):
        check.same_shape(f"attributions[{i}]", v, f"inputs[{i}]", x)
    return torch.cat([v.detach().flatten(1) for v in values], 1)
