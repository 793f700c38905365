"""Explanations in other words: a few rules that imitate a model, and "what would change it?"

surrogate_rules  SurrogateRules  Rule  counterfactual  Counterfactual
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kit import check
from kit.interpret.calls import Call, refuse_training
from kit.metrics import Interval, wilson_interval
from kit.metrics.inputs import to_numpy
from kit.shapes import Bool, Float, Tensor


@dataclass(frozen=True)
class Rule:
    """Conditions (column, is_above, threshold), and the label where all hold.

    `share` of its `rows` have that label. Lesson: 21
    """

    conditions: tuple[tuple[int, bool, float], ...]
    label: object
    rows: int
    share: float

    def covers(self, X) -> np.ndarray:
        """Which rows fulfil all conditions, (N,) bool."""
        X, found = to_numpy(X).astype(np.float64), np.ones(len(X), bool)
        for j, above, threshold in self.conditions:
            found &= (X[:, j] > threshold) == above
        return found


@dataclass(frozen=True)
class SurrogateRules:
    """Rules that imitate a model, one for every leaf of a small tree. Lesson: 21

    `fidelity`: share of rows on which the rules say what the model says.
    """

    rules: tuple[Rule, ...]
    fidelity: Interval
    names: tuple[str, ...]

    def predict(self, X) -> np.ndarray:
        """The label of the one rule that covers each row, (N,)."""
        cover = np.stack([rule.covers(X) for rule in self.rules])
        return np.array([rule.label for rule in self.rules])[cover.argmax(0)]

    def __str__(self) -> str:
        lines = []
        for r in self.rules:
            tests = [f"{self.names[j]} {'>' if above else '<='} {t:.4g}" for j, above, t in r.conditions]
            lines.append(f"{' and '.join(tests) or 'always'}: {r.label} ({r.share:.0%} of {r.rows})")
        return "\n".join([*lines, f"fidelity {self.fidelity}"])


def surrogate_rules(
    predict: Callable,
    X,
    *,
    X_test=None,
    max_depth: int = 3,
    min_rows: int = 1,
    names: Sequence[str] | None = None,
) -> SurrogateRules:
    """Fit a small decision tree to what the model predicts and write it down as rules.

    Greedy splits by Gini impurity, as scikit-learn's DecisionTreeClassifier.

    Args:
        predict: function X -> labels (N,).
        X: (N, F), array or tensor, to fit the rules on.
        X_test: other rows for `fidelity`; None measures it on `X`, which flatters.
        max_depth: conditions of a rule at most, 1 to 3.
        min_rows: rows of a leaf at least.
        names: of the columns.

    Raises:
        TypeError, ValueError: X is not (N, F) or holds NaN, a number out of range, as many names as columns.

    Source: Craven & Shavlik 1995 (imitating a network by a tree); Breiman et al. 1984, section 4.3.
    Lesson: 21
    """
    check.tensor("X", X, ndim=2)
    check.integer("max_depth", max_depth, 1, 3)
    check.integer("min_rows", min_rows, 1)
    names = tuple(f"x{j}" for j in range(X.shape[1])) if names is None else tuple(names)
    check.same_length(names=names, **{"X.shape[1]": range(X.shape[1])})
    array = to_numpy(X).astype(np.float64)  # bytes would overflow in the middle between two of them
    check.finite("X", array)
    classes, labels = np.unique(to_numpy(predict(X)), return_inverse=True)
    rules: list[Rule] = []

    def grow(rows: np.ndarray, conditions: tuple) -> None:
        counts = np.bincount(labels[rows], minlength=len(classes))
        split = _best_split(array[rows], np.eye(len(classes))[labels[rows]], min_rows)
        if len(conditions) == max_depth or counts.max() == len(rows) or split is None:
            label = classes.tolist()[counts.argmax()]
            rules.append(Rule(conditions, label, len(rows), counts.max() / len(rows)))
            return
        above = array[rows, split[0]] > split[1]
        for side in (False, True):
            grow(rows[above == side], (*conditions, (split[0], side, split[1])))

    grow(np.arange(len(array)), ())
    test = X if X_test is None else X_test
    made = SurrogateRules(tuple(rules), wilson_interval(0, 1), names)
    agree = int((made.predict(test) == to_numpy(predict(test))).sum())
    return SurrogateRules(made.rules, wilson_interval(agree, len(test)), names)


def _best_split(X: np.ndarray, onehot: np.ndarray, min_rows: int) -> tuple[int, float] | None:
    """Column and threshold with the least Gini impurity, None where all rows are equal."""
    best, n = (np.inf, None), len(X)
    for j in range(X.shape[1]):
        order = X[:, j].argsort(kind="stable")
        x, left = X[order, j], onehot[order].cumsum(0)[:-1]  # counts left of each gap
        size = np.arange(1, n)[:, None]
        right = onehot.sum(0) - left
        impurity = n - (left**2 / size).sum(1) - (right**2 / (n - size)).sum(1)
        impurity[(x[1:] <= x[:-1]) | (np.minimum(size, n - size)[:, 0] < min_rows)] = np.inf
        if n > 1 and impurity.min() < best[0] - 1e-9:
            at = impurity.argmin()
            middle = x[at] / 2 + x[at + 1] / 2
            best = impurity[at], (j, float(middle if middle < x[at + 1] else x[at]))
    return best[1]


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """The nearest inputs found that the model judges as wished.

    values and change (N, D); success (N,): whether the wish was reached; distance (N,): Σ |change| / scale.

    Lesson: 21
    """

    values: Float[Tensor, "N D"]
    change: Float[Tensor, "N D"]
    success: Bool[Tensor, " N"]
    distance: Float[Tensor, " N"]


@torch.no_grad()
def counterfactual(
    model: Callable,
    inputs: Float[Tensor, "N D"],
    target: int,
    *,
    scale: Tensor | float | int = 1.0,
    immutable: Sequence[int] = (),
    bounds: tuple | None = None,
    steps: int = 500,
    lr: float | int = 0.05,
) -> Counterfactual:
    """The smallest change of few features that makes the model answer `target`.

    Minimizes λ · (best other score - score of the target) + Σ |x' - x| / scale by proximal gradient
    steps, which leave most features exactly as they were. λ grows until the answer changes and
    shrinks after it has; the nearest success is kept.

    Args:
        model: scores (N, K), or (N,) with target 1 above 0 and target 0 below.
        inputs: (N, D).
        target: the wished class.
        scale: one unit of change, a number or (D,); the paper: each feature's median absolute deviation.
        immutable: columns that must stay.
        bounds: (lowest, highest) allowed, numbers or (D,).
        steps, lr: of the search; lr in units of `scale`.

    Raises:
        TypeError, ValueError: inputs are not (N, D), a column or the target is out of range, a scale is not
            above 0 (a median absolute deviation can be 0).

    Source: Wachter, Mittelstadt & Russell 2017, arXiv:1711.00399, equations 1-2. Lesson: 21
    """
    refuse_training(model)
    check.tensor("inputs", inputs, ndim=2, kind="float")
    check.integer("steps", steps, 1)
    check.number("lr", lr, above=0)
    scale = torch.as_tensor(scale).to(inputs).expand(inputs.shape[1])
    check.number("min(scale)", float(scale.min()), above=0)
    for j in immutable:
        check.integer("immutable", j, 0, inputs.shape[1] - 1)
    free = torch.tensor([j not in immutable for j in range(inputs.shape[1])], device=inputs.device)
    low, high = (torch.as_tensor(b).to(inputs) for b in bounds or (-torch.inf, torch.inf))
    call, x, best = Call(lambda x: _margin(model(x), target), inputs), inputs.detach(), inputs.detach()
    there = (call.scores((x,))[:, 0] < 0) & ((x >= low) & (x <= high)).all(1)  # nothing need change
    nearest, strength = torch.where(there, 0.0, torch.inf).to(x), torch.ones_like(x[:, 0])
    for _ in range(steps):
        direction = call.gradients((x,))[0][0] * scale
        step = lr * strength[:, None] * direction / direction.norm(dim=1, keepdim=True).clamp(min=1e-12)
        move = (x - inputs) / scale - step
        move = move.sign() * (move.abs() - lr / 4).clamp(min=0)  # the proximal step of the L1 distance
        x = torch.where(free, torch.minimum(torch.maximum(inputs + move * scale, low), high), inputs)
        distance = ((x - inputs).abs() / scale).sum(1)
        reached = call.scores((x,))[:, 0] < 0
        closer = reached & (distance < nearest)
        best, nearest = torch.where(closer[:, None], x, best), torch.where(closer, distance, nearest)
        strength = torch.where(reached, strength * 0.8, strength * 1.05).clamp(0.05, 20)
    change = best - inputs
    return Counterfactual(best, change, nearest.isfinite(), (change.abs() / scale).sum(1))


def _margin(scores: Tensor, target: int) -> Tensor:
    """Best other score minus that of the target, (N,): below 0 the wish is reached."""
    scores = scores.reshape(len(scores), -1)
    scores = torch.cat([-scores, scores], 1) / 2 if scores.shape[1] == 1 else scores
    check.integer("target", target, 0, scores.shape[1] - 1)
    others = scores.index_fill(1, torch.tensor([target], device=scores.device), -torch.inf)
    return others.amax(1) - scores[:, target]
