"""Mechanisms of differential privacy: one noisy answer, and what it costs.

laplace  gaussian  gaussian_sigma  gaussian_delta  exponential
randomized_response  randomized_response_estimate

A mechanism M is (epsilon, delta)-differentially private when for all neighbouring
data sets D, D' and every set S of answers  P[M(D) in S] <= e^epsilon P[M(D') in S] + delta.
`sensitivity` is the most that the exact answer can differ between neighbours. You choose
what neighbours are (one person more or less, or one person replaced), and nobody but you
can check it. Every call is a release: k calls with epsilon each cost up to k epsilon.

Two things none of these functions can do. Floating-point numbers are no real numbers:
the low bits of a noisy answer can give the exact one away (Mironov 2012, "On significance of
the least significant bits for differential privacy"), so against an adversary who sees all
bits round the answer to a grid much coarser than its precision, or use a library that
draws discrete noise. And torch's generators are not cryptographic: whoever knows or guesses the
seed subtracts the noise. Without `generator` a new one is seeded by the operating system.
"""

import math
import numbers

import torch

from kit import check
from kit.shapes import Tensor

#: Above this epsilon nothing is private, and e^epsilon leaves the range of floats.
LARGEST_EPSILON = 500
#: Below it rounding hides how much a normal distribution moved.
SMALLEST_EPSILON = 1e-6


def laplace(value, *, sensitivity: float, epsilon: float, generator: torch.Generator | None = None):
    """Release `value` with Laplace noise of scale sensitivity / epsilon.

    Pure epsilon-differential privacy, where `sensitivity` bounds the L1 distance (the sum of
    all absolute changes) between the values of neighbours. The noise has mean 0 and
    standard deviation sqrt(2) sensitivity / epsilon in the unit of the value.

    This holds for real numbers. A float has low bits, and those of the answer can give the exact value away
    (Mironov 2012): round what you publish to a grid much coarser than its precision, see the module.

    Shapes: value a number or a tensor of any shape; the result is float64 of that shape (a
    float for a number). Raises: ValueError for an epsilon or sensitivity that is not positive
    and finite, or a value that is not finite.
    Source: Dwork, McSherry, Nissim & Smith 2006; Dwork & Roth 2014, theorem 3.6. Lesson: 19
    """
    check.number("epsilon", epsilon, above=0)
    check.number("sensitivity", sensitivity, above=0)
    exact = _exact(value)
    pair = _exponential((2, *exact.shape), exact.device, generator)
    return _like(value, exact + (sensitivity / epsilon) * (pair[0] - pair[1]))  # never log(0)


def gaussian(value, *, sensitivity: float, epsilon: float, delta: float, generator=None):
    """Release `value` with the least Gaussian noise that gives (epsilon, delta).

    `sensitivity` bounds the L2 distance between the values of neighbours; the standard
    deviation is `gaussian_sigma(...)`. generator: a torch.Generator or None, as in `laplace`. Round what you
    publish: low bits of a float can give the exact value away, see the module.

    Shapes, Raises: as `laplace` and `gaussian_sigma`. Source: Balle & Wang 2018. Lesson: 19
    """
    sigma, exact = gaussian_sigma(sensitivity=sensitivity, epsilon=epsilon, delta=delta), _exact(value)
    noise = torch.empty_like(exact).normal_(generator=noise_generator(generator, exact.device))
    return _like(value, exact + sigma * noise)


def gaussian_sigma(*, epsilon: float, delta: float, sensitivity: float = 1.0, method="analytic") -> float:
    """Standard deviation with which the Gaussian mechanism is (epsilon, delta)-private.

    "analytic": the smallest one, for any epsilon (Balle & Wang 2018, algorithm 1, found here by
    bisection of `gaussian_delta`). "classic": sensitivity sqrt(2 ln(1.25/delta)) / epsilon, which is
    proved for epsilon < 1 only and refused elsewhere (Dwork & Roth 2014, theorem A.1).

    Raises: ValueError for epsilon not in [1e-6, 500], delta not in (0, 1), sensitivity not > 0, or an
    unknown method. Lesson: 19
    """
    check.number("epsilon", epsilon, SMALLEST_EPSILON, LARGEST_EPSILON)
    check.number("delta", delta, above=0, below=1)
    check.number("sensitivity", sensitivity, above=0)
    check.one_of("method", method, ("analytic", "classic"))
    if method == "classic":
        if epsilon >= 1:
            raise ValueError(f"epsilon={epsilon} is outside the classic proof, < 1; use method='analytic'")
        return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / epsilon
    low, high = -60.0, 60.0  # logarithms of the deviation
    for _ in range(100):
        middle = (low + high) / 2
        enough = gaussian_delta(math.exp(middle), epsilon=epsilon) <= delta
        low, high = (low, middle) if enough else (middle, high)
    return sensitivity * math.exp(high)  # the end that keeps the promise


def gaussian_delta(sigma: float, *, epsilon: float, sensitivity: float = 1.0) -> float:
    """The exact delta of Gaussian noise of standard deviation `sigma` at `epsilon`.

    delta = Phi(s/(2 sigma) - epsilon sigma/s) - e^epsilon Phi(-s/(2 sigma) - epsilon sigma/s), with s the L2
    sensitivity and Phi the normal distribution function.

    Raises: ValueError for sigma or sensitivity not > 0, epsilon not in [0, 500].
    Source: Balle & Wang 2018, theorem 8. Lesson: 19
    """
    check.number("sigma", sigma, above=0)
    check.number("epsilon", epsilon, 0, LARGEST_EPSILON)
    check.number("sensitivity", sensitivity, above=0)
    half, shift = sensitivity / (2 * sigma), epsilon * sigma / sensitivity
    normal_cdf = lambda x: 0.5 * math.erfc(-x / math.sqrt(2))  # noqa: E731
    return max(0.0, normal_cdf(half - shift) - math.exp(epsilon) * normal_cdf(-half - shift))


def exponential(scores: Tensor, *, sensitivity: float, epsilon: float, generator=None) -> Tensor:
    """Choose one of K candidates, better ones more often: P[k] ~ exp(epsilon u_k / (2 s)).

    Pure epsilon-differential privacy, where neighbours change each score by at most
    `sensitivity`. Drawn by the Gumbel trick: the largest of epsilon u/(2 s) + Gumbel noise, which
    needs no normalizing and cannot overflow.

    Shapes: scores (..., K) -> index (...); every row is a release of its own.
    Raises: ValueError as `laplace`, or for scores that are not finite.
    Source: McSherry & Talwar 2007, definition 2. Lesson: 19
    """
    check.number("epsilon", epsilon, above=0)
    check.number("sensitivity", sensitivity, above=0)
    check.tensor("scores", scores, kind="float", ndim=range(1, 9))
    check.finite("scores", scores)
    check.nonempty("scores", scores.flatten())
    waiting = _exponential(scores.shape, scores.device, generator)
    return (scores.double() * (epsilon / (2 * sensitivity)) - waiting.log()).argmax(dim=-1)  # -log is Gumbel


def randomized_response(values, *, epsilon: float, categories: int = 2, generator=None) -> Tensor:
    """Each answers for himself: the truth with P = e^eps / (e^eps + K - 1), else another.

    Local epsilon-differential privacy of each answer: neither the collector nor the
    network need be trusted. With epsilon = ln 3 and two categories that is the coin of 1965:
    three in four answers are true.

    Shapes: values, a tensor or array of any shape, 0 ... K-1 -> a tensor of that shape.
    Raises: ValueError for epsilon not > 0 and finite, fewer than two categories, or a value out of range.
    Source: Warner 1965; Kairouz, Bonawitz & Ramage 2016, section 3. Lesson: 19
    """
    values = torch.as_tensor(values)
    truth = _chance_of_truth(values, epsilon, categories)
    options = {"generator": noise_generator(generator, values.device), "device": values.device}
    lie = torch.rand(values.shape, dtype=torch.float64, **options) >= truth
    shift = torch.randint(1, categories, values.shape, **options)
    return torch.where(lie, (values + shift) % categories, values)


def randomized_response_estimate(reports, *, epsilon: float, categories: int = 2) -> tuple:
    """Shares of the categories behind randomized answers, and their standard errors.

    With p the chance of the truth and q = (1-p)/(K-1) of each other answer,
    share = (reported - q) / (p - q), without bias; so a rare category's may fall below 0. The
    standard error is that of the reports, sqrt(r (1-r)/N) / (p - q).

    Shapes: reports (N,) -> shares (K,), errors (K,), float64. Raises: as `randomized_response`.
    Source: Warner 1965 (two categories); Kairouz, Bonawitz & Ramage 2016. Lesson: 19
    """
    reports = torch.as_tensor(reports)
    p = _chance_of_truth(reports, epsilon, categories)
    q = (1 - p) / (categories - 1)
    reported = torch.bincount(reports.flatten(), minlength=categories).double() / reports.numel()
    return (reported - q) / (p - q), (reported * (1 - reported) / reports.numel()).sqrt() / (p - q)


def noise_generator(generator: torch.Generator | None, device: torch.device) -> torch.Generator:
    """`generator`, or a new one seeded by the operating system. Lesson: 19"""
    if generator is None:
        generator = torch.Generator(device)
        generator.seed()
    return generator


def _chance_of_truth(codes: Tensor, epsilon: float, categories: int) -> float:
    check.number("epsilon", epsilon, above=0)
    check.integer("categories", categories, 2)
    check.tensor("values", codes, kind="integer")
    check.nonempty("values", codes.flatten())
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= categories:
        raise ValueError(f"values reach from {low} to {high}; give 0 to categories - 1 = {categories - 1}")
    return 1 / (1 + (categories - 1) * math.exp(-epsilon))


def _exact(value) -> Tensor:
    exact = torch.as_tensor(value, dtype=torch.float64)
    check.finite("value", exact)
    return exact


def _like(value, noisy: Tensor):
    return noisy.item() if isinstance(value, numbers.Real) else noisy


def _exponential(shape, device, generator) -> Tensor:
    noise = torch.empty(shape, dtype=torch.float64, device=device)
    return noise.exponential_(generator=noise_generator(generator, device))
