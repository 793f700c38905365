"""Shapley values: each player's fair share of what all reach together.

shapley_values  ShapleyValues  ShapleyValueSampling  KernelShap  linear_shap
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch

from kit import check
from kit.interpret.attribution import Attribution
from kit.interpret.calls import Baselines, Call, Inputs, Method, Target
from kit.interpret.perturbation import feature_ids, grouped, masked_scores
from kit.shapes import Float, Tensor


def shapley_values(value: Callable, players: int) -> Float[Tensor, "P *K"]:
    """Exact Shapley values of any game, from all 2^P coalitions.

        φ_i = Σ_{S without i} |S|! (P - |S| - 1)! / P! · (v(S + i) - v(S))

    Args:
        value: function of coalitions (M, P), bool, that returns their worths (M, ...).
        players: P, 1 to 16.

    Returns:
        (P, ...): they sum to v(all) - v(none).

    Raises:
        TypeError, ValueError: `players` is out of range, or `value` returns another number of worths.

    Source: Shapley 1953. Lesson: 21
    """
    check.integer("players", players, 1, 16)
    table = torch.tensor(list(itertools.product([False, True], repeat=players)))
    worth = torch.as_tensor(value(table))
    if worth.ndim == 0 or len(worth) != len(table):
        raise ValueError(f"value returns {check.show(worth)} for {len(table)} coalitions; return one each")
    size, n = table.sum(1), players
    weight = torch.tensor([1 / (n * math.comb(n - 1, s)) for s in range(n)], dtype=torch.float64)
    gain = torch.where(table, weight[size - 1, None], -weight[size.clamp(max=n - 1), None])  # (2^P, P)
    phi = gain.T.to(worth.device) @ worth.double().reshape(len(table), -1)
    return phi.to(worth.dtype if worth.is_floating_point() else phi.dtype).view(n, *worth.shape[1:])


class ShapleyValues(Method):
    """Exact Shapley values of the features (or groups), at most 16 of them.

    A feature outside the coalition is set to its baseline. Captum's ShapleyValues.

    Source: Shapley 1953; Strumbelj & Kononenko 2010. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args=None,
        feature_mask: Inputs | None = None,
    ) -> Attribution:
        """Shapley values; those of a group stand at all its places. Arguments as `FeatureAblation`.

        Raises:
            TypeError, ValueError: as `FeatureAblation`, or more than 16 features.
        """
        game = _Game(self.forward_func, (inputs, baselines, target, additional_forward_args), feature_mask)
        return grouped(game.call, "ShapleyValues", shapley_values(game, game.players), game.ids)


class _Sampled(Method):
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args=None,
        feature_mask: Inputs | None = None,
        n_samples: int | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Attribution:
        """Estimated Shapley values; all samples share the coalitions, and the values are complete.

        Args:
            inputs, baselines, target, additional_forward_args, feature_mask: as for `FeatureAblation`.
            n_samples: see the class.
            generator: source of the coalitions; None uses torch's global one.

        Raises:
            TypeError, ValueError: as `FeatureAblation`, or too few `n_samples`.
        """
        game = _Game(self.forward_func, (inputs, baselines, target, additional_forward_args), feature_mask)
        phi = self._solve(game, n_samples, generator)
        return grouped(game.call, type(self).__name__, phi, game.ids)


class ShapleyValueSampling(_Sampled):
    """Shapley values from random orders: a feature's mean gain when it joins those before it.

    `n_samples` orders, each of F + 1 evaluations; 25 where None is given.

    Source: Castro, Gomez & Tejada 2009; Captum's ShapleyValueSampling. Lesson: 21
    """

    def _solve(self, game: "_Game", n_samples: int | None, generator) -> Float[Tensor, "F N K"]:
        n_samples = 25 if n_samples is None else n_samples
        check.integer("n_samples", n_samples, 1)
        F = game.players
        orders = torch.stack([torch.randperm(F, generator=generator) for _ in range(n_samples)]).cpu()
        table = orders.argsort(1)[:, None] < torch.arange(F + 1)[:, None]  # (S, F + 1, F)
        gains = game(table.flatten(0, 1)).unflatten(0, table.shape[:2]).diff(dim=1).flatten(0, 1)
        phi = gains.new_zeros(F, *gains.shape[1:]).index_add_(0, orders.flatten().to(gains.device), gains)
        return phi / n_samples


class KernelShap(_Sampled):
    """Shapley values as the weighted least squares fit of an additive game to coalitions.

    Coalitions are taken in pairs with their complements, whole sizes first, and the fit is
    solved exactly under the constraint that the values sum to f(x) - f(baseline). `n_samples`
    evaluations per sample, at least 2 F (None: 2 F + 2048), and more where those drawn do not determine
    the values; with 2^F - 2 or more all coalitions are used and the result is exact.

    Source: Lundberg & Lee 2017, arXiv:1705.07874, theorem 2; Covert & Lee 2021, arXiv:2012.01536,
    equation 7 and section 4.2. Lesson: 21
    """

    def _solve(self, game: "_Game", n_samples: int | None, generator) -> Float[Tensor, "F N K"]:
        F = game.players
        n_samples = 2 * F + 2048 if n_samples is None else n_samples
        check.integer("n_samples", n_samples, 2 * F)
        table, weights = _coalitions(F, n_samples, generator)
        ends = torch.tensor([[False], [True]]).expand(2, F)
        worth = game(torch.cat([ends, table]))
        flat = worth.double().flatten(1)  # (M + 2, N · K)
        whole, gain = flat[1] - flat[0], flat[2:] - flat[0]
        Z = table.to(flat)
        A = (Z.T * weights.to(flat)) @ Z + 1  # + 1: the constraint itself, so that A is regular for F = 1
        b = (Z.T * weights.to(flat)) @ gain + whole
        ones = torch.ones_like(A[:, :1])
        root, failed = torch.linalg.cholesky_ex(A)
        pivots = root.diagonal().square()
        if failed or bool(pivots.min() < 1e-9 * pivots.max()):
            raise ValueError(f"n_samples={n_samples} coalitions do not determine {F} values; draw more")
        p, u = torch.cholesky_solve(torch.cat([b, ones], 1), root).split([b.shape[1], 1], 1)
        phi = p - u * (p.sum(0) - whole) / u.sum()
        return phi.to(worth).view(F, *worth.shape[1:])


def linear_shap(
    weight: Float[Tensor, "*K D"], inputs: Float[Tensor, "N D"], background: Float[Tensor, "M D"]
) -> Attribution:
    """Shapley values of a linear score with independent features: w_i (x_i - mean_i).

    Args:
        weight: (D,), or (K, D) for K outputs.
        inputs: (N, D).
        background: rows whose mean is the baseline, (M, D).

    Returns:
        Values (N, D) or (K, N, D); the method sums to the score's distance from its mean.

    Raises:
        ValueError: the number of features differs.

    Source: Lundberg & Lee 2017, arXiv:1705.07874, corollary 1. Lesson: 21
    """
    check.tensor("inputs", inputs, ndim=2)
    check.tensor("weight", weight, ndim=(1, 2), last=inputs.shape[1])
    check.tensor("background", background, ndim=2, last=inputs.shape[1])
    mean = background.mean(0, keepdim=True)
    target = "all" if weight.ndim == 2 else None
    call = Call(lambda x: x @ weight.T if target else x @ weight, inputs, mean, target)
    values = [(inputs - mean) * torch.atleast_2d(weight)[:, None]]
    return call.attribution("LinearShap", values, baseline=mean, expected=call.difference())


class _Game:
    """The model as a game: the worth of a coalition is the score with all others at the baseline."""

    def __init__(self, forward: Callable, arguments: tuple, feature_mask: Inputs | None):
        self.call = Call(forward, *arguments)
        self.ids, self.players = feature_ids(self.call, feature_mask)

    def __call__(self, table: Tensor) -> Float[Tensor, "M N K"]:
        table = table.to(self.ids[0].device)
        return masked_scores(self.call, lambda part: [table[part][:, i] for i in self.ids], len(table))


def _coalitions(F: int, budget: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """At most `budget` coalitions (M, F) with Shapley kernel weights (M,), complements in pairs."""
    half = range(1, F // 2 + 1)
    mass = np.array([(F - 1) / (k * (F - k)) * (2 if 2 * k < F else 1) for k in half])
    rows, weights = [torch.zeros(0, F, dtype=torch.bool)], [torch.zeros(0)]
    everything = budget >= 2**F - 2
    for k in half:
        count = math.comb(F, k) * (2 if 2 * k < F else 1)
        if not everything and count > budget * mass[k - 1] / mass[k - 1 :].sum():
            pairs = budget // 2
            size = torch.multinomial(torch.from_numpy(mass[k - 1 :]), pairs, True, generator=generator) + k
            drawn = torch.rand(pairs, F, generator=generator).argsort(1).argsort(1) < size[:, None]
            rows += [drawn, ~drawn]
            weights.append(torch.full((2 * pairs,), mass[k - 1 :].sum() / (2 * pairs)))
            break
        chosen = torch.tensor(list(itertools.combinations(range(F), k)))
        some = torch.zeros(len(chosen), F, dtype=torch.bool).scatter_(1, chosen, True)
        rows += [some, ~some] if 2 * k < F else [some]
        weights.append(torch.full((count,), mass[k - 1] / count))
        budget -= count
    return torch.cat(rows), torch.cat(weights)
