"""What has been spent: the privacy account of noisy, subsampled training.

compute_rdp  epsilon_of  PrivacySpent  RDPAccountant  get_noise_multiplier

An epsilon means nothing without what it was computed with, so every result says it:
the accountant (Renyi differential privacy of the Poisson-subsampled Gaussian), the
conversion to (epsilon, delta), the neighbour relation (one record added or removed) and the
sampling. The account is an upper bound and holds if, and only if: each step draws every
record independently with probability `sample_rate`; each record's contribution is clipped
before it is summed; the noise has standard deviation noise_multiplier times the clip norm;
steps that draw nobody are taken, too; and nothing else of the data is released. One
record is one row: a person with m rows is protected by much less.
"""

import math
from dataclasses import dataclass

import numpy as np

from kit import check

#: Orders at which the divergence is computed; more of them find a slightly smaller epsilon.
ORDERS = (*(1 + i / 10 for i in range(1, 100)), *range(11, 65), 128, 256, 512, 1024)
#: Below it a sampled Gaussian costs an epsilon of thousands, and quadrature millions of points.
LEAST_NOISE = 0.01


def compute_rdp(*, q: float, noise_multiplier: float, orders=ORDERS, steps: int = 1) -> np.ndarray:
    """Renyi divergence of each order after `steps` of the subsampled Gaussian.

    With w = 1 - q + q exp((2z - 1)/(2 sigma^2)) and z ~ N(0, sigma^2):  RDP = steps log E[w^a] / (a - 1).
    Integer orders a by the binomial sum, others by quadrature on the line, both to about 1e-10 of their
    value, however small; q = 1 is the Gaussian itself, a / (2 sigma^2). A sampled noise multiplier under 0.01
    protects nobody and is given as infinity, a bound, too.

    Shapes: orders (K,) -> (K,). Raises: ValueError for q not in (0, 1], noise_multiplier not > 0, no order,
    an order <= 1 or infinite, or steps < 0.
    Source: Mironov, Talwar & Zhang 2019, section 3.3 (which direction is the worse: theorem 5). Lesson: 19
    """
    check.number("q", q, above=0, high=1)
    check.number("noise_multiplier", noise_multiplier, above=0)
    check.integer("steps", steps, 0)
    _check_orders(orders)
    one_step = [_one_order(float(q), float(noise_multiplier), float(a)) for a in orders] if steps else 0.0
    return steps * np.full(len(orders), one_step)


def _check_orders(orders) -> None:
    check.nonempty("orders", orders)
    for order in (min(orders), max(orders)):
        check.number("order", order, above=1)


def _one_order(q: float, sigma: float, order: float) -> float:
    if q == 1:
        return order / 2 / sigma / sigma
    if sigma < LEAST_NOISE:
        return math.inf
    sigma = min(sigma, 1e100)  # its square stays in range
    log_rest = (_log_rest_sum if order.is_integer() else _log_rest_quadrature)(q, sigma, order)
    return float(np.logaddexp(0, log_rest)) / (order - 1)  # log(1 + rest)


def _log_rest_sum(q: float, sigma: float, order: float) -> float:
    """log(E[w^a] - 1) = log sum_k C(a,k) (1-q)^(a-k) q^k (e^((k^2-k)/(2 sigma^2)) - 1): no term cancels."""
    k = np.arange(2, order + 1)
    factorials = np.array([math.lgamma(i + 1) for i in range(int(order) + 1)])
    combinations = factorials[-1] - factorials[2:] - factorials[-3::-1]
    grow = (k * k - k) / (2 * sigma**2)
    return _log_sum_exp(
        combinations + k * math.log(q) + (order - k) * math.log1p(-q) + grow + np.log(-np.expm1(-grow))
    )


def _log_rest_quadrature(q: float, sigma: float, order: float) -> float:
    """log(E[w^a] - 1) by the trapezoidal rule, which for analytic integrands is exponentially exact.

    As E[w] = 1, it is E[g] with g = w^a - 1 - a (w - 1) >= 0: a small rest is no difference of large
    numbers. w vanishes at a distance pi sigma^2 from the real line, and the normal density asks for steps
    below sigma; the mass lies from about 0 to `order` or 2.
    """
    step = min(sigma, sigma**2) / 4
    z = np.arange(-12 * sigma, max(order, 2) + 12 * sigma + step, step)
    t = (2 * z - 1) / (2 * sigma**2)
    log_w = np.logaddexp(math.log1p(-q), math.log(q) + t)
    u = q * np.expm1(np.minimum(t, 700))  # w - 1, where that is no large number
    log_g, large, small = np.empty_like(z), log_w > 1, np.abs(u) * order < 2e-3
    a, v, log_v = order, u[small], log_w[large]
    series = 1 + (a - 2) / 3 * v * (1 + (a - 3) / 4 * v * (1 + (a - 4) / 5 * v))
    log_g[small] = np.log(np.maximum(a * (a - 1) / 2 * v**2 * series, 1e-300))
    log_g[large] = a * log_v + np.log1p((a - 1) * np.exp(-a * log_v) - a * np.exp((1 - a) * log_v))
    rest = u[~(large | small)]
    log_g[~(large | small)] = np.log(np.maximum(np.expm1(a * np.log1p(rest)) - a * rest, 1e-300))
    return _log_sum_exp(log_g - z**2 / (2 * sigma**2)) + math.log(step / (sigma * math.sqrt(2 * math.pi)))


def _log_sum_exp(terms: np.ndarray) -> float:
    largest = terms.max()
    return float(largest + np.log(np.exp(terms - largest).sum()))


@dataclass(frozen=True)
class PrivacySpent:
    """An epsilon with everything it depends on; `print` it, or quote it whole.

    epsilon, order: by the tight conversion, and the Renyi order that gave it.
    epsilon_classic: by the classic one; never smaller, and what older papers quote.
    Lesson: 19
    """

    epsilon: float
    delta: float
    order: float
    epsilon_classic: float
    sampling: str
    neighbours: str = "add or remove one record"
    accountant: str = "RDP (Mironov, Talwar & Zhang 2019)"
    conversion: str = "tight (Canonne, Kamath & Steinke 2020)"

    def __str__(self) -> str:
        first = f"epsilon <= {self.epsilon:.3f} at delta={self.delta:g}, conversion {self.conversion}"
        rest = f"accountant {self.accountant}; neighbours: {self.neighbours}; sampling: {self.sampling}"
        return f"{first} ({self.epsilon_classic:.3f} by the classic one); {rest}"


def epsilon_of(rdp, delta: float, *, orders=ORDERS, conversion: str = "tight") -> tuple[float, float]:
    """(epsilon, order): Renyi divergences turned into an epsilon at `delta`.

    classic: r + log(1/delta)/(a - 1)                         (Mironov 2017, proposition 3)
    tight:   r + log((a - 1)/a) - log(delta a)/(a - 1)  (Canonne et al. 2020, proposition 12;
    Balle et al. 2020, theorem 21), and 0 where sqrt(1 - e^-r) <= delta already bounds the
    total variation (Bretagnolle & Huber).

    Both are valid at each order, so the smallest counts.
    Shapes: rdp (K,), orders (K,). Raises: ValueError for delta not in (0, 1), an unknown conversion, orders
    as in `compute_rdp`, or a divergence that is negative or NaN.
    Lesson: 19
    """
    check.number("delta", delta, above=0, below=1)
    check.one_of("conversion", conversion, ("tight", "classic"))
    check.same_length(rdp=rdp, orders=orders)
    _check_orders(orders)
    r, a = np.asarray(rdp, np.float64), np.asarray(orders, np.float64)
    if not (r >= 0).all():
        raise ValueError("rdp holds a negative or NaN value; give divergences >= 0, as of compute_rdp")
    if conversion == "classic":
        values = r - math.log(delta) / (a - 1)
    else:
        tight = r + np.log1p(-1 / a) - np.log(delta * a) / (a - 1)
        values = np.where(delta**2 + np.expm1(-r) > 0, 0.0, tight)
    best = int(np.argmin(values))
    return max(0.0, float(values[best])), float(a[best])


class RDPAccountant:
    """Adds up the steps of a training run; `step(...)`, then `spent(delta)`.

    Runs on the same data with other noise or another rate add up in the same account.

        accountant = RDPAccountant()
        accountant.step(noise_multiplier=1.1, sample_rate=256 / 60_000, steps=14_062)
        print(accountant.spent(delta=1e-5))

    Names as Opacus': `step`, `get_epsilon(delta)`, `history`. Lesson: 19
    """

    def __init__(self):
        self.history: list[tuple[float, float, int]] = []  # (noise multiplier, sample rate, steps)

    def step(self, *, noise_multiplier: float, sample_rate: float, steps: int = 1) -> None:
        """Enter `steps` steps. Raises: ValueError out of range, see `compute_rdp`."""
        check.number("noise_multiplier", noise_multiplier, 0)
        check.number("sample_rate", sample_rate, above=0, high=1)
        check.integer("steps", steps, 0)
        if self.history and self.history[-1][:2] == (noise_multiplier, sample_rate):
            steps += self.history.pop()[2]
        self.history.append((noise_multiplier, sample_rate, steps))

    def spent(self, delta: float) -> PrivacySpent:
        """What all steps so far cost at `delta`; infinity once a step had no noise.

        `delta` is the chance that the bound fails outright: keep it far below 1/records.
        """
        check.number("delta", delta, above=0, below=1)
        taken = [row for row in self.history if row[2]]
        sampling = "; ".join(f"{n} steps, Poisson of rate {q:.6g}, noise {noise:g}" for noise, q, n in taken)
        if not taken or min(taken)[0] == 0:
            epsilon = math.inf if taken else 0.0
            return PrivacySpent(epsilon, delta, math.nan, epsilon, sampling or "no step yet")
        rdp = sum(compute_rdp(q=q, noise_multiplier=noise, steps=n) for noise, q, n in taken)
        classic, _ = epsilon_of(rdp, delta, conversion="classic")
        epsilon, order = epsilon_of(rdp, delta)
        return PrivacySpent(epsilon, delta, order, classic, sampling)

    def get_epsilon(self, delta: float) -> float:
        """`spent(delta).epsilon`, the tight one."""
        return self.spent(delta).epsilon


def get_noise_multiplier(*, target_epsilon: float, target_delta: float, sample_rate: float, steps: int):
    """The least noise multiplier whose epsilon after `steps` is at most the target.

    Within 0.01% above the least, and never below 0.05; the result always keeps the target
    (tight conversion, Poisson sampling, one record added or removed).

    Raises: ValueError for an epsilon of zero or infinity, a delta not in (0, 1), a rate not in
    (0, 1], steps < 1, or a target that not even a noise multiplier of 10^6 reaches. Lesson: 19
    """
    check.number("target_epsilon", target_epsilon, above=0)
    check.number("sample_rate", sample_rate, above=0, high=1)
    check.integer("steps", steps, 1)

    def keeps(noise: float) -> bool:
        rdp = compute_rdp(q=sample_rate, noise_multiplier=noise, steps=steps)
        return epsilon_of(rdp, target_delta)[0] <= target_epsilon

    low, high = 0.05, 1e6
    if not keeps(high):
        raise ValueError(f"target_epsilon={target_epsilon} is out of reach; raise it, or take fewer steps")
    while high > low * 1.0001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high
