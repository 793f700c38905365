"""Attribution by changing inputs: no gradient needed, any function will do.

Occlusion  FeatureAblation  permutation_importance  PermutationImportance
partial_dependence  PartialDependence
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from kit import check
from kit.interpret.attribution import Attribution
from kit.interpret.calls import Baselines, Call, Inputs, Method, Target
from kit.metrics.inputs import to_numpy
from kit.shapes import Float, Tensor


class FeatureAblation(Method):
    """f(x) - f(x without one feature), for one feature (or group) after the other.

    Source: Captum's FeatureAblation; Zeiler & Fergus 2014, arXiv:1311.2901, section 4. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args=None,
        feature_mask: Inputs | None = None,
    ) -> Attribution:
        """What the score loses with each feature; a group's loss stands at all its places.

        `delta` tells what the features do together, beyond their sum.

        Args:
            inputs, baselines, target, additional_forward_args: as for `IntegratedGradients`.
            feature_mask: group numbers, (1, ...) or the inputs' shape, equal numbers fall together (also
                across the tensors of a tuple); None takes every entry alone.

        Raises:
            TypeError, ValueError: as `IntegratedGradients`, or a mask of another type or shape.
        """
        call = Call(self.forward_func, inputs, baselines, target, additional_forward_args)
        ids, count = feature_ids(call, feature_mask)
        without = [torch.arange(count, device=i.device).view(-1, *[1] * i.ndim) for i in ids]
        loss = _losses(call, lambda part: [w[part] != i for w, i in zip(without, ids)], count)
        return grouped(call, "FeatureAblation", loss, ids)


class Occlusion(Method):
    """f(x) - f(x with a window hidden), averaged over the windows that cover a place.

    Source: Zeiler & Fergus 2014, arXiv:1311.2901, section 4.1; Captum's Occlusion. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        sliding_window_shapes: tuple,
        strides: int | tuple = 1,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args=None,
    ) -> Attribution:
        """Mean loss of the score over the windows at each place; a gap (`delta`) is no fault here.

        Args:
            inputs, baselines, target, additional_forward_args: as for `IntegratedGradients`.
            sliding_window_shapes: size of the window, (3, 3) for (N, H, W); a tuple of such for a tuple.
            strides: steps of the window, one number or one a dimension; a tuple of such for a tuple.

        Raises:
            TypeError, ValueError: as `IntegratedGradients`, or a window or stride that does not fit.
        """
        call = Call(self.forward_func, inputs, baselines, target, additional_forward_args)
        windows = sliding_window_shapes if call.is_tuple else (sliding_window_shapes,)
        steps = strides if call.is_tuple and isinstance(strides, tuple) else (strides,) * len(call.inputs)
        check.same_length(sliding_window_shapes=windows, strides=steps, inputs=call.inputs)
        values = []
        for i, x in enumerate(call.inputs):
            hidden, count = _windows(x, windows[i], steps[i])
            seen = [torch.ones((1,) * (x.ndim + 1), dtype=torch.bool, device=x.device) for x in call.inputs]

            def keep(part: slice, i=i, hidden=hidden, seen=seen):
                return [*seen[:i], ~hidden(part)[:, None], *seen[i + 1 :]]

            loss = _losses(call, keep, count).flatten(1)  # (W, N · K)
            total = x.new_zeros((loss.shape[1] + 1, x[0].numel()), dtype=loss.dtype)
            for part in (slice(a, a + 64) for a in range(0, count, 64)):  # the last row counts the windows
                total += torch.cat([loss[part], torch.ones_like(loss[part, :1])], 1).T @ hidden(part).flatten(
                    1
                ).to(loss)
            mean = (total[:-1] / total[-1].clamp(min=1)).unflatten(0, (call.N, -1)).transpose(0, 1)
            values.append(mean.unflatten(2, x.shape[1:]))
        with torch.no_grad():
            expected = call.difference()
        return call.attribution("Occlusion", values, baseline=call.given, expected=expected)


def masked_scores(call: Call, keep: Callable, count: int) -> Float[Tensor, "M N K"]:
    """Scores of all samples with parts replaced by the baseline, some 128 rows at a time.

    `keep(slice of 0..count)` returns one mask (m, 1 or N, ...) for each input, True where it stays.

    Lesson: 21
    """
    together, found = max(1, 128 // call.N), []
    for first in range(0, count, together):
        masks = keep(slice(first, min(first + together, count)))
        xs = [torch.where(k, x, b) for k, x, b in zip(masks, call.inputs, call.baselines)]  # (m, N, ...)
        m = max(len(x) for x in xs)
        xs = tuple(x.expand(m, *x.shape[1:]).flatten(0, 1) for x in xs)
        rows = torch.arange(call.N, device=xs[0].device).repeat(m)
        with torch.no_grad():
            found.append(call.scores(xs, rows).unflatten(0, (m, call.N)))
    return torch.cat(found)


def feature_ids(call: Call, feature_mask: Inputs | None) -> tuple[list[Tensor], int]:
    """For each input the number 0..F-1 of every place's feature, (1 or N, ...), and F.

    Raises:
        TypeError, ValueError: a mask is not integer or has another shape.

    Lesson: 21
    """
    if feature_mask is None:
        sizes = [x[0].numel() for x in call.inputs]
        starts = [0, *itertools.accumulate(sizes)]
        ids = [torch.arange(a, b, device=x.device) for x, a, b in zip(call.inputs, starts, starts[1:])]
        return [i.view(1, *x.shape[1:]) for i, x in zip(ids, call.inputs)], starts[-1]
    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    check.same_length(feature_mask=masks, inputs=call.inputs)
    for mask, x in zip(masks, call.inputs):
        check.tensor("feature_mask", mask, kind="integer")
        if mask.shape not in (x.shape, (1, *x.shape[1:])):
            raise ValueError(f"feature_mask has shape {tuple(mask.shape)}; give {(1, *x.shape[1:])}")
    known, ids = torch.cat([mask.flatten() for mask in masks]).unique(return_inverse=True)
    parts = ids.split([mask.numel() for mask in masks])
    return [i.view(mask.shape).to(x.device) for i, mask, x in zip(parts, masks, call.inputs)], len(known)


def spread(call: Call, phi: Float[Tensor, "F N K"], ids: list[Tensor]) -> list[Tensor]:
    """Each feature's value at all its places: (K, N, ...) for each input. Lesson: 21"""
    found = []
    for i in ids:
        sample = torch.arange(call.N, device=i.device).view(-1, *[1] * (i.ndim - 1))
        found.append(phi[i.expand(call.N, *i.shape[1:]), sample].movedim(-1, 0))
    return found


def grouped(call: Call, method: str, phi: Float[Tensor, "F N K"], ids: list[Tensor]) -> Attribution:
    """Values at their places; `delta` sums feature by feature, not place by place. Lesson: 21"""
    top, _ = call.difference()
    made = call.attribution(method, spread(call, phi, ids), baseline=call.given)
    delta = phi.sum(0).T - top
    return replace(made, delta=delta if isinstance(call.target, str) else delta[0])


def _losses(call: Call, keep: Callable, count: int) -> Tensor:
    with torch.no_grad():
        return call.scores(call.inputs) - masked_scores(call, keep, count)  # (F, N, K)


def _windows(x: Tensor, window, stride) -> tuple[Callable, int]:
    """A function from a slice of windows to what they hide (m, ...), and their number."""
    check.tensor("inputs", x, ndim=tuple(range(2, 9)))
    sizes = tuple(x.shape[1:])
    window = window if isinstance(window, tuple) else (window,)
    stride = stride if isinstance(stride, tuple) else (stride,) * len(sizes)
    check.same_length(sliding_window_shapes=window, strides=stride, **{"inputs.shape[1:]": sizes})
    for size, w, s in zip(sizes, window, stride):
        check.integer("sliding_window_shapes", w, 1, size)
        check.integer("strides", s, 1, w if w < size else None)
    axes = [torch.arange(math.ceil((n - w) / s) + 1) * s for n, w, s in zip(sizes, window, stride)]
    starts = torch.cartesian_prod(*axes).view(-1, len(sizes)).to(x.device)  # (W, D)

    def hidden(part: slice) -> Tensor:
        found = torch.ones((1,) * x.ndim, dtype=torch.bool, device=x.device)
        for d, (size, w) in enumerate(zip(sizes, window)):
            first, at = starts[part, d, None], torch.arange(size, device=x.device)
            inside = (at >= first) & (at < first + w)  # (m, size)
            found = found & inside.view(-1, *[1] * d, size, *[1] * (len(sizes) - d - 1))
        return found

    return hidden, len(starts)


@dataclass(frozen=True, eq=False)
class PermutationImportance:
    """Loss of the score for each feature and shuffle, (F, R); scikit-learn's field names.

    `baseline` is the score without a shuffle. Lesson: 21
    """

    importances: np.ndarray
    baseline: float

    @property
    def importances_mean(self) -> np.ndarray:
        """Mean over the shuffles, (F,)."""
        return self.importances.mean(1)

    @property
    def importances_std(self) -> np.ndarray:
        """Standard deviation over the shuffles, (F,)."""
        return self.importances.std(1)


def permutation_importance(
    score: Callable, X, y, *, n_repeats: int = 5, permutations: Sequence | None = None, seed: int = 0
) -> PermutationImportance:
    """How much the score falls when one column is shuffled.

    Args:
        score: function (X, y) -> number, larger is better, for example the accuracy on X.
        X: (N, F), array or tensor; y: (N,). Take data the model was not trained on.
        n_repeats: shuffles of each column.
        permutations: (R, N) row orders to use instead of drawing them.
        seed: of the shuffles.

    Raises:
        TypeError, ValueError: X is not (N, F), lengths differ, `n_repeats` < 1.

    Source: Breiman 2001, section 10; Fisher, Rudin & Dominici 2019; scikit-learn's function. Lesson: 21
    """
    check.tensor("X", X, ndim=2)
    check.same_length(X=X, y=y)
    check.integer("n_repeats", n_repeats, 1)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(X)) for _ in range(n_repeats)] if permutations is None else permutations
    baseline, losses = float(score(X, y)), np.empty((X.shape[1], len(orders)))
    for j, r in np.ndindex(losses.shape):
        losses[j, r] = baseline - float(score(_with(X, [j], [X[orders[r], j]]), y))
    return PermutationImportance(losses, baseline)


@dataclass(frozen=True, eq=False)
class PartialDependence:
    """Predictions with some columns set to grid values; scikit-learn's field names.

    average: (K, G) or (K, G1, G2); individual: (K, N, G...), one curve a sample; grid_values: one array
    a feature. Lesson: 21
    """

    average: np.ndarray
    individual: np.ndarray
    grid_values: tuple[np.ndarray, ...]


def partial_dependence(
    predict: Callable,
    X,
    features: int | Sequence[int],
    *,
    grid_resolution: int = 100,
    percentiles=(0.05, 0.95),
) -> PartialDependence:
    """The mean prediction as a function of one or two features, all else as in the data.

    Args:
        predict: function X -> (N,) or (N, K).
        X: (N, F), array or tensor.
        features: columns, usually one or two.
        grid_resolution: grid points between the percentiles; a column with fewer values uses those.
        percentiles: ends of the grid.

    Raises:
        TypeError, ValueError: X is not (N, F), a column is out of range, X holds whole numbers where the
            grid does not.

    Source: Friedman 2001, section 8.2; scikit-learn's method="brute". Lesson: 21
    """
    check.tensor("X", X, ndim=2)
    check.integer("grid_resolution", grid_resolution, 2)
    grid, whole = [], "int" in str(X.dtype)
    features = [features] if isinstance(features, int) else list(features)
    for j in features:
        check.integer("features", j, 0, X.shape[1] - 1)
        values = np.unique(to_numpy(X[:, j]))
        if len(values) >= grid_resolution:
            if whole:
                raise TypeError(f"X has dtype {X.dtype}, which cuts the grid; convert it to floating numbers")
            low, high = (_quantile(np.sort(to_numpy(X[:, j])), p) for p in percentiles)
            values = np.linspace(low, high, grid_resolution)
        grid.append(values)
    rows = [to_numpy(predict(_with(X, features, point))) for point in itertools.product(*grid)]
    curves = np.stack(rows, -1)  # (N, G) or (N, K, G)
    curves = curves.reshape(len(X), -1, *map(len, grid)).swapaxes(0, 1)
    return PartialDependence(curves.mean(1), curves, tuple(grid))


def _with(X, columns, values):
    """A copy of X with other columns."""
    X = X.clone() if isinstance(X, Tensor) else np.array(X)
    for j, value in zip(columns, values):
        X[:, j] = value
    return X


def _quantile(ordered: np.ndarray, p: float) -> float:
    """SciPy's mquantiles (plotting positions 0.4, 0.4), which scikit-learn uses for the grid."""
    at = np.clip(len(ordered) * p + 0.4 + 0.2 * p, 1, len(ordered)) - 1
    return float(np.interp(at, np.arange(len(ordered)), ordered))
