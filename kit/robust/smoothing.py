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
from kit.robust.attacks import Generator, Model, check_mode
from kit.shapes import Float, Int, Tensor

#: Class number of "too close to say".
ABSTAIN = -1


@dataclass(frozen=True, eq=False)
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
        return ((self.classes == y) & (self.radius >= radius)).double().mean().item()


@dataclass(frozen=True)
class SmoothedClassifier:
    """g(x) = the class most likely under model(x + N(0, sigma² I)).

    A majority of probability p >= 1/2 is safe within sigma Φ⁻¹(p) in l2, whatever the model
    is; so train it on such noise. sigma: in units of the inputs. alpha: chance of a wrong answer.
    batch_size: noisy copies at once.

    Raises: ValueError for sigma <= 0 or alpha outside (0, 1).
    Source: Cohen et al. (2019), theorem 1 and section 3.2. Lesson: 17.
    """

    model: Model
    sigma: float
    alpha: float = 0.001
    batch_size: int = 1000

    def __post_init__(self):
        check.number("sigma", self.sigma, above=0)
        check.number("alpha", self.alpha, above=0, below=1)
        check.integer("batch_size", self.batch_size, 1)

    def predict(self, x: Tensor, *, n: int = 100, generator: Generator = None) -> Int[Tensor, " N"]:
        """Classes (N,) of x (N, ...) from n votes each; ABSTAIN unless the first of two leads surely."""
        votes, order = self._votes(x, n, generator).topk(2, dim=1)
        # the interval lies above 1/2 exactly where the two-sided binomial test rejects 1/2
        sure = [_lower(a, a + b, 1 - self.alpha) > 0.5 for a, b in votes.tolist()]
        return torch.where(torch.tensor(sure, device=x.device), order[:, 0], ABSTAIN)

    def certify(self, x: Tensor, *, n0: int = 100, n: int = 1000, generator: Generator = None) -> Certificate:
        """Classes and radii of x (N, ...): n0 votes choose the class, n new ones bound its share.

        n votes certify at most sigma Φ⁻¹(alpha^(1/n)), 2.46 sigma for n = 1,000 and alpha = 0.001.
        """
        chosen = self._votes(x, n0, generator).argmax(1, keepdim=True)
        votes = self._votes(x, n, generator).gather(1, chosen)[:, 0]
        # one-sided, as the theorem asks: all of alpha is spent below
        shares = [_lower(k, n, 1 - 2 * self.alpha) for k in votes.tolist()]
        radius = [self.sigma * NormalDist().inv_cdf(max(share, 0.5)) for share in shares]
        radius = torch.tensor(radius, device=x.device)
        return Certificate(torch.where(radius > 0, chosen[:, 0], ABSTAIN), radius, self.alpha)

    @torch.no_grad()
    def _votes(self, x: Tensor, n: int, generator: Generator) -> Int[Tensor, "N C"]:
        check.tensor("x", x, kind="float")
        check.integer("n", n, 1)
        check_mode(self.model)
        counts = []
        for sample in x:
            votes = []
            for start in range(0, n, self.batch_size):
                noise = sample.new_empty(min(self.batch_size, n - start), *sample.shape)
                logits = self.model(sample + noise.normal_(std=self.sigma, generator=generator))
                votes.append(logits.argmax(1))
            counts.append(torch.cat(votes).bincount(minlength=logits.shape[1]))
        return torch.stack(counts)


def _lower(votes: int, n: int, confidence: float) -> float:
    return clopper_pearson_interval(votes, n, confidence=confidence).low
