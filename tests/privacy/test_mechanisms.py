"""Noise: its distribution, its promise, and what is refused."""

import math

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import privacy

N = 20_000


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def test_laplace_noise_has_the_laplace_distribution():
    noise = privacy.laplace(torch.full((N,), 5.0), sensitivity=2, epsilon=0.5, generator=gen()) - 5
    assert scipy.stats.kstest(noise, scipy.stats.laplace(scale=4).cdf).pvalue > 0.01
    assert noise.std().item() == pytest.approx(math.sqrt(2) * 4, rel=0.03)


def test_laplace_keeps_its_promise_on_counts():
    """Histograms of two neighbours differ by at most e^epsilon, up to sampling."""
    outputs = [
        privacy.laplace(torch.full((N,), v), sensitivity=1, epsilon=1, generator=gen(i))
        for i, v in enumerate((0.0, 1.0))
    ]
    for low in torch.arange(-2.0, 3.0, 0.5):
        a, b = (((o >= low) & (o < low + 0.5)).sum().item() for o in outputs)
        assert abs(math.log(a / b)) < 1 + 5 * math.sqrt(1 / a + 1 / b)


def test_a_number_comes_back_as_a_number_and_a_tensor_in_double():
    for number in (3, 3.5, np.int64(3), np.float32(3)):
        assert isinstance(privacy.laplace(number, sensitivity=1, epsilon=1), float)
    assert privacy.gaussian(torch.zeros(2, 3), sensitivity=1, epsilon=1, delta=1e-5).dtype == torch.float64


def test_without_a_generator_noise_is_new_and_global_state_untouched():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, second = (privacy.laplace(0.0, sensitivity=1, epsilon=1) for _ in range(2))
    assert first != second
    assert torch.equal(torch.get_rng_state(), state)


@given(st.floats(0.01, 50), st.floats(1e-12, 0.3), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_analytic_sigma_is_the_least_that_keeps_delta(epsilon, delta, sensitivity):
    sigma = privacy.gaussian_sigma(epsilon=epsilon, delta=delta, sensitivity=sensitivity)
    assert privacy.gaussian_delta(sigma, epsilon=epsilon, sensitivity=sensitivity) <= delta * (1 + 1e-9)
    assert privacy.gaussian_delta(sigma * 0.999, epsilon=epsilon, sensitivity=sensitivity) > delta


@pytest.mark.parametrize("epsilon, delta", [(0.1, 1e-5), (1.0, 1e-6), (5.0, 1e-5)])
def test_gaussian_sigma_equals_dp_accounting(epsilon, delta):
    from dp_accounting.pld import privacy_loss_mechanism as reference

    theirs = reference.GaussianPrivacyLoss.from_privacy_guarantee(
        reference.common.DifferentialPrivacyParameters(epsilon, delta)
    )
    ours = privacy.gaussian_sigma(epsilon=epsilon, delta=delta)
    assert ours == pytest.approx(theirs.standard_deviation, rel=1e-4)


def test_delta_equals_scipy():
    cdf = scipy.stats.norm.cdf
    theirs = cdf(0.5 / 1.3 - 0.7 * 1.3) - math.exp(0.7) * cdf(-0.5 / 1.3 - 0.7 * 1.3)
    assert privacy.gaussian_delta(1.3, epsilon=0.7) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(
    "epsilon, delta",
    [(1e-6, 1e-9), (1e-6, 0.3), (1e-3, 1e-30), (0.1, 1e-100), (30, 1e-12), (500, 1e-5), (500, 0.9)],
)
def test_extreme_sigmas_keep_their_promise_in_exact_arithmetic(epsilon, delta):
    def exact_delta(sigma):
        with mpmath.workdps(80):
            half, shift = 1 / (2 * mpmath.mpf(sigma)), epsilon * mpmath.mpf(sigma)
            return mpmath.ncdf(half - shift) - mpmath.exp(epsilon) * mpmath.ncdf(-half - shift)

    sigma = privacy.gaussian_sigma(epsilon=epsilon, delta=delta)
    assert exact_delta(sigma) <= delta * (1 + 1e-4)
    assert exact_delta(sigma * 0.999) > delta


def test_the_classic_gaussian_needs_more_noise():
    classic = privacy.gaussian_sigma(epsilon=0.5, delta=1e-5, method="classic")
    assert classic == pytest.approx(math.sqrt(2 * math.log(1.25e5)) / 0.5)
    assert privacy.gaussian_sigma(epsilon=0.5, delta=1e-5) < classic


def test_gaussian_noise_has_the_deviation_asked_for():
    noise = privacy.gaussian(torch.zeros(N), sensitivity=3, epsilon=1, delta=1e-5, generator=gen())
    sigma = privacy.gaussian_sigma(sensitivity=3, epsilon=1, delta=1e-5)
    assert scipy.stats.kstest(noise / sigma, "norm").pvalue > 0.01


def test_exponential_mechanism_has_the_stated_probabilities():
    scores = torch.tensor([0.0, 1.0, 3.0])
    picks = privacy.exponential(scores.expand(N, 3), sensitivity=1, epsilon=1.5, generator=gen())
    expected = torch.softmax(scores.double() * 0.75, 0) * N
    assert scipy.stats.chisquare(torch.bincount(picks), expected).pvalue > 0.01


def test_exponential_mechanism_does_not_overflow():
    assert privacy.exponential(torch.tensor([0.0, 1e6]), sensitivity=1, epsilon=100).item() == 1


@pytest.mark.parametrize("categories, truth", [(2, 0.75), (5, 3 / 7)])
def test_randomized_response_tells_the_truth_as_often_as_stated(categories, truth):
    values = torch.zeros(N, dtype=torch.long)
    options = {"epsilon": math.log(3), "categories": categories}
    reports = privacy.randomized_response(values.numpy(), **options, generator=gen())
    observed = torch.bincount(reports, minlength=categories)
    expected = [truth * N] + [(1 - truth) / (categories - 1) * N] * (categories - 1)
    assert scipy.stats.chisquare(observed, expected).pvalue > 0.01


def test_the_estimate_is_unbiased_and_its_error_right():
    values = (torch.arange(2000) < 600).long()
    estimates = []
    for seed in range(200):
        reports = privacy.randomized_response(values, epsilon=1.0, generator=gen(seed))
        share, error = privacy.randomized_response_estimate(reports, epsilon=1.0)
        estimates.append(share[1].item())
    estimates = torch.tensor(estimates)
    assert estimates.mean().item() == pytest.approx(0.3, abs=4 * error[1].item() / math.sqrt(200))
    # The truth is fixed here, so the estimate varies a little less than over new people.
    assert estimates.std().item() == pytest.approx(error[1].item(), rel=0.2)


LAPLACE = {"sensitivity": 1, "epsilon": 1}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: privacy.laplace(0, sensitivity=1, epsilon=0), "epsilon=0 is out of range; give a float > 0"),
        (
            lambda: privacy.laplace(0, sensitivity=1, epsilon=math.inf),
            "epsilon=inf is out of range; give a float > 0",
        ),
        (
            lambda: privacy.laplace(0, sensitivity=0, epsilon=1),
            "sensitivity=0 is out of range; give a float > 0",
        ),
        (
            lambda: privacy.laplace(math.nan, **LAPLACE),
            "value holds 1 NaN or infinite values of 1; remove or replace them",
        ),
        (
            lambda: privacy.gaussian_sigma(epsilon=math.inf, delta=0.1),
            "epsilon=inf is out of range; give a float >= 1e-06 and <= 500",
        ),
        (
            lambda: privacy.gaussian(0, sensitivity=1, epsilon=0, delta=1e-5),
            "epsilon=0 is out of range; give a float >= 1e-06 and <= 500",
        ),
        (
            lambda: privacy.exponential(torch.zeros(3, 0), **LAPLACE),
            "scores is empty; give at least one item",
        ),
        (
            lambda: privacy.gaussian_sigma(epsilon=1, delta=0),
            "delta=0 is out of range; give a float > 0 and < 1",
        ),
        (
            lambda: privacy.gaussian_sigma(epsilon=2, delta=0.1, method="classic"),
            "epsilon=2 is outside the classic proof, < 1; use method='analytic'",
        ),
        (
            lambda: privacy.exponential(torch.zeros(0), **LAPLACE),
            "scores is empty; give at least one item",
        ),
        (
            lambda: privacy.randomized_response(torch.tensor([0, 2]), epsilon=1),
            "values reach from 0 to 2; give 0 to categories - 1 = 1",
        ),
        (
            lambda: privacy.randomized_response(torch.tensor([0]), epsilon=0),
            "epsilon=0 is out of range; give a float > 0",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
