"""Linear probes: is a property written in a layer, and is the probe too clever to tell?

LinearProbe  selectivity  Selectivity
"""

from dataclasses import dataclass

import torch

from kit import check
from kit.metrics import Interval, wilson_interval
from kit.shapes import Float, Int, Tensor


class LinearProbe:
    """A linear classifier on frozen features, in closed form: ridge on labels of -1 and 1.

    Equal to scikit-learn's RidgeClassifier.

    Args:
        alpha: weight of the squared norm, > 0.

    Raises:
        TypeError, ValueError: `alpha` is not a number above 0.

    Source: Alain & Bengio 2016, arXiv:1610.01644. Lesson: 21
    """

    def __init__(self, alpha: float | int = 1.0):
        check.number("alpha", alpha, above=0)
        self.alpha = alpha

    def fit(self, X: Float[Tensor, "N D"], y: Int[Tensor, " N"]) -> "LinearProbe":
        """Fit `weight` (C, D) and `bias` (C,) of the `classes` (C,) and return the probe.

        Raises:
            TypeError, ValueError: shapes that do not fit, or fewer than two classes.
        """
        X, y = torch.as_tensor(X), torch.as_tensor(y)
        check.tensor("X", X, ndim=2, kind="float")
        check.same_length(X=X, y=y)
        check.finite("X", X)
        self.classes, labels = y.unique(return_inverse=True)
        check.integer("the number of classes in y", len(self.classes), 2)
        signs = 2 * torch.nn.functional.one_hot(labels).to(X.device, torch.float64) - 1
        mean, centre = X.double().mean(0), signs.mean(0)
        x = X.double() - mean
        A = x.T @ x + self.alpha * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        self.weight = torch.linalg.solve(A, x.T @ (signs - centre)).T
        self.bias = centre - self.weight @ mean
        return self

    def predict(self, X: Float[Tensor, "N D"]) -> Int[Tensor, " N"]:
        """The likeliest class of each row."""
        X = torch.as_tensor(X)
        return self.classes[(X.double() @ self.weight.T + self.bias).argmax(1)]

    def score(self, X: Float[Tensor, "N D"], y: Int[Tensor, " N"]) -> Interval:
        """Accuracy with Wilson's 95% interval."""
        check.same_length(X=X, y=y)
        return wilson_interval(int((self.predict(X) == torch.as_tensor(y)).sum()), len(y))


@dataclass(frozen=True)
class Selectivity:
    """Test accuracies of a probe on the task and on its control task. Lesson: 21"""

    task: Interval
    control: Interval

    @property
    def selectivity(self) -> float:
        """Accuracy on the task minus that on the control; near 0 the probe only memorizes."""
        return self.task.estimate - self.control.estimate


def selectivity(
    X: Float[Tensor, "N D"],
    y: Int[Tensor, " N"],
    types: Int[Tensor, " N"],
    train: Int[Tensor, " M"],
    *,
    alpha: float | int = 1.0,
    generator: torch.Generator | None = None,
) -> Selectivity:
    """Compare a probe with one for random labels, drawn once for each type (word).

    Args:
        X: features (N, D).
        y: labels (N,).
        types: what the random labels are tied to, (N,), token ids say.
        train: rows to fit on; the others test.
        alpha: of the probes.
        generator: source of the random labels, which have the distribution of `y`.

    Raises:
        TypeError, ValueError: lengths differ, no test rows, or fewer than two classes.

    Source: Hewitt & Liang 2019, arXiv:1909.03368, section 2. Lesson: 21
    """
    check.same_length(X=X, y=y, types=types)
    test = torch.ones(len(X), dtype=torch.bool)
    test[train] = False
    check.nonempty("the rows outside train", test.nonzero())
    known, place = types.unique(return_inverse=True)
    control = y[torch.randint(len(y), (len(known),), generator=generator)][place]
    scores = [LinearProbe(alpha).fit(X[train], z[train]).score(X[test], z[test]) for z in (y, control)]
    return Selectivity(*scores)
