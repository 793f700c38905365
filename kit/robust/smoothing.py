"""Randomized smoothing: a vote under noise, and a radius within which it cannot change.

smoothed = SmoothedClassifier(model, sigma=0.25)
certificate = smoothed.certify(x, n=1000, generator=generator)
certificate.accuracy(y, radius=0.5)

SmoothedClassifier  Certificate  ABSTAIN
"""

from dataclasses import dataclass
from statistics import NormalDist

import torch

from kit import check
from kit.metrics import clopper_pearson_interval
from kit.robust.attacks import Generator, Model, check_logits, check_mode
from kit.shapes import Float, Int, Tensor

#: Class number of "too close to say".
ABSTAIN = -1


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """Classes (N,), ABSTAIN where none is certain, and l2 radii (N,) in units of the inputs.

    Each one alone is wrong with probability at most `alpha`. Lesson: 17.
    """

    classes: Int[Tensor, " N"]
    radius: Float[Tensor, " N"]
    alpha: float

    def accuracy(self, y: Tensor, *, radius: float) -> float:
        """Share of samples certified as y (N,) against every change up to `radius`."""
        check.same_length(classes=self.classes, y=y)
        check.number("radius", radius, 0)
        return ((self.classes == y) & (self.radius >= radius)).double().mean().item()

    def __repr__(self) -> str:
        away = int((self.classes == ABSTAIN).sum())
        rest = f"median radius {self.radius.median().item():.4g}, alpha={self.alpha:g}"
        return f"Certificate({len(self.classes)} samples, {away} abstained, {rest})"


@dataclass(frozen=True)
class SmoothedClassifier:
    """g(x) = the class most likely under model(x + N(0, sigma² I)).

    A majority of probability p >= 1/2 is safe within sigma Φ⁻¹(p) in l2, whatever the model
    is; so train it on such noise. sigma: in units of the inputs. alpha: chance of a wrong answer.
    batch_size: noisy copies at once. The noisy copies leave the bounds of x: clip nothing inside.

    Raises: ValueError for sigma <= 0, alpha outside (0, 0.5), a model in training mode.
    Source: Cohen et al. (2019), theorem 1 and section 3.2. Lesson: 17.
    """

    model: Model
    sigma: float
    alpha: float = 0.001
    batch_size: int = 1000

    def __post_init__(self):
        check.number("sigma", self.sigma, above=0)
        check.number("alpha", self.alpha, above=0, below=0.5)
        check.integer("batch_size", self.batch_size, 1)

    def predict(self, x: Tensor, *, n: int = 100, generator: Generator = None) -> Int[Tensor, " N"]:
        """Classes (N,) of x (N, ...) from n votes each; ABSTAIN unless the first of two leads surely."""
        votes, order = self._votes(x, n, generator).topk(2, dim=1)
        # the interval lies above 1/2 exactly where the two-sided binomial test rejects 1/2
        sure = [_share(a, a + b, self.alpha) > 0.5 for a, b in votes.tolist()]
        return torch.where(torch.tensor(sure, device=x.device), order[:, 0], ABSTAIN)

    def certify(self, x: Tensor, *, n0: int = 100, n: int = 1000, generator: Generator = None) -> Certificate:
        """Classes and radii of x (N, ...): n0 votes choose the class, n new ones bound its share.

        n votes certify at most sigma Φ⁻¹(alpha^(1/n)), 2.46 sigma for n = 1,000 and alpha = 0.001.
        """
        check.integer("n0", n0, 1)
        best = self._votes(x, n0, generator).argmax(1, keepdim=True)
        votes = self._votes(x, n, generator).gather(1, best)[:, 0]
        # one-sided, as the theorem asks: all of alpha is spent below
        shares = [_share(k, n, 2 * self.alpha) for k in votes.tolist()]
        radii = [NormalDist(0, self.sigma).inv_cdf(max(share, 0.5)) for share in shares]
        radii = torch.tensor(radii, device=x.device)
        return Certificate(torch.where(radii > 0, best[:, 0], ABSTAIN), radii, self.alpha)

    @torch.no_grad()
    def _votes(self, x: Tensor, n: int, generator: Generator) -> Int[Tensor, "N C"]:
        """How often the model names each class for each sample under noise."""
        check.integer("n", n, 1)
        check.tensor("x", x, kind="float")
        check.nonempty("x", x)
        check.finite("x", x)
        check_mode(self.model)
        check_logits(first := self.model(x[:1]))
        rows = []
        for sample in x:
            copies = sample.expand(n, *sample.shape).split(self.batch_size)
            noisy = (torch.normal(part, self.sigma, generator=generator) for part in copies)
            named = torch.cat([self.model(part).argmax(1) for part in noisy])
            rows.append(named.bincount(minlength=first.shape[1]))
        return torch.stack(rows)


def _share(votes: int, n: int, alpha: float) -> float:
    return clopper_pearson_interval(votes, n, confidence=1 - alpha).low
