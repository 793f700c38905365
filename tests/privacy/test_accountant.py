"""The account against dp-accounting, Opacus and quadrature."""

import math
import warnings

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from kit import privacy
from kit.privacy.accountant import ORDERS

CASES = [(q, sigma) for q in (1e-4, 0.01, 0.3, 0.9) for sigma in (0.5, 1.1, 5.0)] + [
    (0.999, 0.2),
    (1e-6, 0.3),
]


@pytest.mark.parametrize("q, sigma", CASES)
def test_integer_orders_equal_dp_accounting(q, sigma):
    from dp_accounting.rdp import rdp_privacy_accountant as reference

    orders = [2, 3, 5, 10, 32, 64, 256]
    theirs = reference._compute_rdp_poisson_subsampled_gaussian(q, sigma, orders)
    ours = privacy.compute_rdp(q=q, noise_multiplier=sigma, orders=orders)
    assert ours == pytest.approx(theirs, rel=1e-8)


@pytest.mark.parametrize("q, sigma", CASES)
def test_fractional_orders_equal_quadrature(q, sigma):
    orders = (1.1, 1.5, 2.5, 7.3, 10.9)
    for order, ours in zip(orders, privacy.compute_rdp(q=q, noise_multiplier=sigma, orders=orders)):

        def log_integrand(z, order=order):
            w = np.logaddexp(math.log1p(-q), math.log(q) + (2 * z - 1) / (2 * sigma**2))
            return scipy.stats.norm.logpdf(z, 0, sigma) + order * w

        low, high = -14 * sigma, order + 14 * sigma
        top = log_integrand(np.linspace(low, high, 3001)).max()
        options = {"points": [0, order], "limit": 400, "epsabs": 0, "epsrel": 1e-12}
        value, _ = scipy.integrate.quad(
            lambda z, top=top: math.exp(log_integrand(z) - top), low, high, **options
        )
        assert ours == pytest.approx((math.log(value) + top) / (order - 1), rel=1e-8, abs=1e-13)


def test_fractional_orders_lie_below_the_series_that_only_bounds_them():
    from dp_accounting.rdp import rdp_privacy_accountant as reference

    theirs = reference._compute_rdp_poisson_subsampled_gaussian(0.01, 1.1, [1.5])[0]
    ours = privacy.compute_rdp(q=0.01, noise_multiplier=1.1, orders=[1.5])[0]
    assert ours < 0.98 * theirs


def test_divergence_grows_with_the_order():
    orders = [1.3, 1.9, 2, 2.1, 2.9, 3, 3.1, 63, 64]
    rdp = privacy.compute_rdp(q=0.05, noise_multiplier=0.8, orders=orders)
    assert (np.diff(rdp) > 0).all()


@pytest.mark.parametrize("q, sigma", [(1e-8, 1.0), (1e-5, 30.0), (1e-4, 1e4), (1e-12, 0.5)])
def test_the_smallest_divergences_are_not_lost_in_rounding(q, sigma):
    """Where w is near 1, log E[w^a] is its second moment, a (a - 1) / 2 q^2 (e^(1/sigma^2) - 1)."""
    orders = np.array([1.1, 1.5, 2, 2.5, 3, 10.9])
    expected = orders / 2 * q**2 * math.expm1(1 / sigma**2)
    assert privacy.compute_rdp(q=q, noise_multiplier=sigma, orders=orders) == pytest.approx(
        expected, rel=1e-3
    )


def test_many_steps_at_a_tiny_rate_cost_something():
    accountant = privacy.RDPAccountant()
    accountant.step(noise_multiplier=1.0, sample_rate=1e-8, steps=10**9)
    assert 0.1 < accountant.get_epsilon(1e-5) < 0.3


def test_next_to_no_noise_is_no_protection():
    assert (privacy.compute_rdp(q=0.01, noise_multiplier=0.009) == math.inf).all()
    assert (privacy.compute_rdp(q=0.01, noise_multiplier=0.009, steps=0) == 0).all()
    assert (privacy.compute_rdp(q=0.01, noise_multiplier=1e200) < 1e-100).all()
    assert (privacy.compute_rdp(q=1, noise_multiplier=1e200) == 0).all()
    accountant = privacy.RDPAccountant()
    accountant.step(noise_multiplier=1e-9, sample_rate=0.5)
    assert accountant.get_epsilon(1e-5) == math.inf
    little = privacy.compute_rdp(q=0.5, noise_multiplier=0.011, orders=[1.5, 2])
    assert (little > 1000).all() and (little < math.inf).all()


def test_everybody_in_every_batch_is_the_plain_gaussian():
    assert privacy.compute_rdp(q=1, noise_multiplier=2, orders=[3, 4.5], steps=2) == pytest.approx(
        [0.75, 1.125]
    )


def mnist():
    accountant = privacy.RDPAccountant()
    accountant.step(noise_multiplier=1.1, sample_rate=256 / 60_000, steps=60 * 60_000 // 256)
    return accountant


def test_the_mnist_example():
    """Noise 1.1, batch 256 of 60,000, 60 epochs: 3.01 in TensorFlow Privacy's tutorial, 2.60 tight."""
    spent = mnist().spent(1e-5)
    assert round(spent.epsilon_classic, 2) == 3.01
    assert round(spent.epsilon, 2) == 2.60
    assert str(spent) == (
        "epsilon <= 2.597 at delta=1e-05, conversion tight (Canonne, Kamath & Steinke 2020) (3.008 by the "
        "classic one); accountant RDP (Mironov, Talwar & Zhang 2019); neighbours: add or remove one record; "
        "sampling: 14062 steps, Poisson of rate 0.00426667, noise 1.1"
    )


def test_epsilon_equals_dp_accounting_and_opacus():
    import dp_accounting
    from opacus.accountants import RDPAccountant as Opacus

    event = dp_accounting.PoissonSampledDpEvent(256 / 60_000, dp_accounting.GaussianDpEvent(1.1))
    theirs = dp_accounting.rdp.RdpAccountant(orders=ORDERS).compose(event, 14_062).get_epsilon(1e-5)
    assert mnist().get_epsilon(1e-5) == pytest.approx(theirs, rel=1e-8)
    opacus = Opacus()
    opacus.history = [(1.1, 256 / 60_000, 14_062)]
    assert mnist().get_epsilon(1e-5) == pytest.approx(opacus.get_epsilon(1e-5), rel=2e-3)


@pytest.mark.parametrize("delta", [1e-9, 1e-5, 1e-2, 0.5])
def test_conversion_equals_dp_accounting(delta):
    from dp_accounting.rdp import rdp_privacy_accountant as reference

    orders = [1.5, 2.5, 4, 16, 64]
    rdp = privacy.compute_rdp(q=0.02, noise_multiplier=1.0, orders=orders, steps=200)
    theirs = reference.compute_epsilon(orders, rdp, delta)
    assert privacy.epsilon_of(rdp, delta, orders=orders) == pytest.approx(theirs, rel=1e-12)
    assert privacy.epsilon_of(rdp, delta, orders=orders, conversion="classic")[0] >= theirs[0]


def test_the_account_bounds_the_exact_epsilon_of_one_gaussian():
    """Where the truth is known (no sampling, one step) the bound lies above it, and not far."""
    exact = privacy.gaussian_delta(2.0, epsilon=1.5)
    bound, _ = privacy.epsilon_of(privacy.compute_rdp(q=1, noise_multiplier=2.0), exact)
    assert 1.5 <= bound < 1.8


def test_steps_of_one_kind_are_one_entry_and_kinds_add_up():
    accountant = privacy.RDPAccountant()
    for _ in range(3):
        accountant.step(noise_multiplier=1.0, sample_rate=0.01)
    accountant.step(noise_multiplier=2.0, sample_rate=0.01, steps=5)
    assert accountant.history == [(1.0, 0.01, 3), (2.0, 0.01, 5)]
    rdp = sum(
        privacy.compute_rdp(q=0.01, noise_multiplier=noise, steps=n) for noise, n in ((1.0, 3), (2.0, 5))
    )
    assert accountant.get_epsilon(1e-5) == privacy.epsilon_of(rdp, 1e-5)[0]


def test_no_step_costs_nothing_and_no_noise_everything():
    accountant = privacy.RDPAccountant()
    assert accountant.get_epsilon(1e-5) == 0
    accountant.step(noise_multiplier=0, sample_rate=0.1)
    assert accountant.get_epsilon(1e-5) == math.inf


@pytest.mark.parametrize("target", [0.1, 1.0, 8.0])
def test_the_solver_keeps_the_target_and_wastes_little(target):
    noise = privacy.get_noise_multiplier(
        target_epsilon=target, target_delta=1e-5, sample_rate=0.01, steps=1000
    )
    epsilon = [
        privacy.epsilon_of(privacy.compute_rdp(q=0.01, noise_multiplier=s, steps=1000), 1e-5)[0]
        for s in (noise, noise / 1.001)
    ]
    assert epsilon[0] <= target < epsilon[1]


def test_the_solver_agrees_with_opacus():
    from opacus.accountants.utils import get_noise_multiplier

    options = {"target_epsilon": 2.0, "target_delta": 1e-5, "sample_rate": 0.01, "steps": 500}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about orders that it tries on the way
        theirs = get_noise_multiplier(**options, accountant="rdp")
    assert privacy.get_noise_multiplier(**options) == pytest.approx(theirs, rel=0.02)


SOLVE = {"target_delta": 1e-5, "sample_rate": 0.01, "steps": 10}


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: privacy.compute_rdp(q=0, noise_multiplier=1),
            "q=0 is out of range; give a float > 0 and <= 1",
        ),
        (
            lambda: privacy.compute_rdp(q=0.1, noise_multiplier=0),
            "noise_multiplier=0 is out of range; give a float > 0",
        ),
        (
            lambda: privacy.compute_rdp(q=0.1, noise_multiplier=1, orders=[2, 1]),
            "order=1 is out of range; give a float > 1",
        ),
        (
            lambda: privacy.compute_rdp(q=0.1, noise_multiplier=1, orders=[2, math.inf]),
            "order=inf is out of range; give a float > 1",
        ),
        (
            lambda: privacy.compute_rdp(q=0.1, noise_multiplier=1, orders=[]),
            "orders is empty; give at least one item",
        ),
        (
            lambda: privacy.epsilon_of([0.1, math.nan], 1e-5, orders=[2, 3]),
            "rdp holds a negative or NaN value; give divergences >= 0, as of compute_rdp",
        ),
        (
            lambda: privacy.epsilon_of([0.1, 0.2], 1e-5, orders=[1, 3]),
            "order=1 is out of range; give a float > 1",
        ),
        (lambda: mnist().spent(0), "delta=0 is out of range; give a float > 0 and < 1"),
        (
            lambda: privacy.get_noise_multiplier(target_epsilon=0, **SOLVE),
            "target_epsilon=0 is out of range; give a float > 0",
        ),
        (
            lambda: privacy.get_noise_multiplier(target_epsilon=math.inf, **SOLVE),
            "target_epsilon=inf is out of range; give a float > 0",
        ),
        (
            lambda: privacy.get_noise_multiplier(target_epsilon=1e-9, **SOLVE | {"target_delta": 1e-300}),
            "target_epsilon=1e-09 is out of reach; raise it, or take fewer steps",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
