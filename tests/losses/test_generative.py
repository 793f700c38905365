"""GAN losses equal binary cross-entropy; distillation, KL and token losses equal torch's."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions
from torch.nn import functional as F

from kit import layers, losses

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
both = pytest.mark.parametrize("on", [True, False])


def random(*shape, seed=0, scale=1.0):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (x * scale).requires_grad_()


def gradients(value, *leaves):
    return torch.autograd.grad(value, leaves)


@both
@settings(max_examples=20, deadline=None)
@given(real=st.integers(1, 5), fake=st.integers(1, 5), seed=st.integers(0, 99))
def test_gan_losses_equal_binary_cross_entropy_of_probabilities(on, real, fake, seed):
    a, b = random(real, seed=seed), random(fake, 1, seed=seed + 100)
    ones, zeros = torch.ones_like(b), torch.zeros_like(b)
    bce = F.binary_cross_entropy
    with layers.fused(on):
        pairs = [
            (losses.gan_discriminator(a, b), bce(a.sigmoid(), torch.ones_like(a)) + bce(b.sigmoid(), zeros)),
            (losses.gan_generator(b), bce(b.sigmoid(), ones)),
            (losses.gan_generator(b, saturating=True), (1 - b.sigmoid()).log().mean()),
        ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients(ours, b), gradients(theirs, b), rtol=1e-9, atol=1e-12)


@both
def test_the_saturating_form_has_no_gradient_where_the_discriminator_is_sure(on):
    x = torch.tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
    with layers.fused(on):
        plain, minimax = losses.gan_generator(x), losses.gan_generator(x, saturating=True)
    torch.testing.assert_close(gradients(3 * plain, x)[0], torch.tensor([-1.0, -0.5, 0.0]))
    torch.testing.assert_close(gradients(3 * minimax, x)[0], torch.tensor([0.0, -0.5, -1.0]))


@both
@pytest.mark.parametrize("real", [-1000.0, 0.0, 1000.0])
@pytest.mark.parametrize("fake", [-1000.0, 0.0, 1000.0])
def test_gan_losses_at_extreme_logits(on, real, fake):
    a, b = torch.tensor([real], requires_grad=True), torch.tensor([fake], requires_grad=True)
    cost = {-1000.0: 0.0, 0.0: math.log(2), 1000.0: 1000.0}
    with layers.fused(on):
        loss = losses.gan_discriminator(a, b)
        plain, minimax = losses.gan_generator(b), losses.gan_generator(b, saturating=True)
    assert loss.item() == pytest.approx(cost[-real] + cost[fake], rel=1e-6)
    assert plain.item() == pytest.approx(cost[-fake], rel=1e-6)
    assert minimax.item() == pytest.approx(-cost[fake], rel=1e-6)
    assert all(g.isfinite().all() for g in gradients(loss, a, b))


def test_an_undecided_discriminator_pays_log_four():
    assert losses.gan_discriminator(torch.zeros(3), torch.zeros(5)).item() == pytest.approx(math.log(4))


@settings(max_examples=20, deadline=None)
@given(shape=st.sampled_from([(3,), (2, 4), (2, 1, 3)]), seed=st.integers(0, 99))
def test_kl_normal_equals_torch(shape, seed):
    mean, log_variance = random(*shape, seed=seed), random(*shape, seed=seed + 100)
    ours = losses.kl_normal(mean, log_variance)
    theirs = distributions.kl_divergence(
        distributions.Normal(mean, (log_variance / 2).exp()),
        distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean)),
    ).sum(-1)
    assert ours.shape == shape[:-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    leaves = (mean, log_variance)
    torch.testing.assert_close(gradients(ours.sum(), *leaves), gradients(theirs.sum(), *leaves))


def test_kl_normal_near_and_far_from_the_prior():
    zero, tiny = torch.zeros(1, 1), torch.full((1, 1), 1e-4)
    assert losses.kl_normal(zero, zero).item() == 0
    assert losses.kl_normal(zero, tiny).item() == pytest.approx(2.5e-9, rel=1e-3)  # x²/4, in float32
    assert losses.kl_normal(zero, torch.full((1, 1), -1000.0)).item() == pytest.approx(499.5)
    assert losses.kl_normal(torch.full((1, 1), 1000.0), zero).item() == pytest.approx(5e5)


@both
@settings(max_examples=20, deadline=None)
@given(
    temperature=st.sampled_from([0.5, 1.0, 4.0]),
    scale=st.sampled_from([1.0, 1000.0]),
    seed=st.integers(0, 99),
)
def test_distillation_equals_torch(on, temperature, scale, seed):
    student, teacher = random(3, 4, seed=seed, scale=scale), random(3, 4, seed=seed + 100, scale=scale)
    theirs = temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, 1), F.softmax(teacher / temperature, 1), reduction="batchmean"
    )
    with layers.fused(on):
        ours = losses.distillation(student, teacher, temperature=temperature)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients(ours, student), gradients(theirs, student), rtol=1e-9, atol=1e-10)
    assert not torch.autograd.grad(ours, teacher, allow_unused=True, materialize_grads=True)[0].any()


@both
def test_distillation_gradients_do_not_fade_with_the_temperature(on):
    student, teacher = random(5, 10), random(5, 10, seed=1)
    with layers.fused(on):
        sizes = [
            gradients(losses.distillation(student, teacher, temperature=t), student)[0].norm().item()
            for t in (10.0, 100.0)
        ]
        assert losses.distillation(student, student).item() == pytest.approx(0, abs=1e-12)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)


@both
@settings(max_examples=20, deadline=None)
@given(ignore=st.sampled_from([-100, 0, 3]), scale=st.sampled_from([1.0, 1000.0]), seed=st.integers(0, 99))
def test_sequence_cross_entropy_is_that_of_the_flat_tokens(on, ignore, scale, seed):
    logits = random(2, 5, 4, seed=seed, scale=scale)
    target = torch.randint(0, 4, (2, 5), generator=torch.Generator().manual_seed(seed))
    target[1, 2:] = ignore
    with layers.fused(on):
        ours = losses.sequence_cross_entropy(logits, target, ignore_index=ignore)
    theirs = F.cross_entropy(logits.reshape(10, 4), target.reshape(10), ignore_index=ignore)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True)
    if theirs.isfinite():
        torch.testing.assert_close(gradients(ours, logits), gradients(theirs, logits))


@both
def test_each_token_weighs_the_same(on):
    logits = torch.zeros(2, 3, 2)
    logits[0, 0] = torch.tensor([0.0, 1000.0])  # one token of the short text is wrong by 1000
    target = torch.tensor([[0, -100, -100], [0, 1, 0]])
    with layers.fused(on):
        loss = losses.sequence_cross_entropy(logits, target)
        nothing = losses.sequence_cross_entropy(logits, torch.full((2, 3), -100))
    assert loss.item() == pytest.approx((1000 + 3 * math.log(2)) / 4)
    assert nothing.isnan()


def message(call, kind=ValueError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@own_checks
def test_bad_input_is_named():
    x, text = torch.ones(2, 3), torch.ones(2, 3, 4)
    tokens = torch.zeros(2, 3, dtype=torch.long)
    for call, told in [
        (
            lambda: losses.kl_normal(x, x[:, :1]),
            "mean has shape (2, 3) and log_variance (2, 1); they must be the same, reshape one of them",
        ),
        (
            lambda: losses.distillation(x, x[:1]),
            "student has shape (2, 3) and teacher (1, 3); they must be the same, reshape one of them",
        ),
        (
            lambda: losses.distillation(x[0], x[0]),
            "student has shape (3,), 2 dimensions are needed; reshape it",
        ),
        (
            lambda: losses.distillation(x, x, temperature=-1.0),
            "temperature=-1.0 is out of range; give a float > 0",
        ),
        (
            lambda: losses.sequence_cross_entropy(x, tokens),
            "logits has shape (2, 3), 3 dimensions are needed; reshape it",
        ),
        (
            lambda: losses.sequence_cross_entropy(text, tokens[:, :2]),
            "target has shape (2, 2), (2, 3) is needed for logits of shape (2, 3, 4); "
            "give one token per position",
        ),
        (
            lambda: losses.sequence_cross_entropy(text, tokens + 4),
            "target has class numbers from 4 to 4, logits has 4 classes; "
            "number them from 0 or widen the last layer",
        ),
    ]:
        assert message(call) == told
    for call, told in [
        (lambda: losses.gan_discriminator(tokens, x), "real_logits"),
        (lambda: losses.gan_discriminator(x, tokens), "fake_logits"),
        (lambda: losses.gan_generator(tokens), "fake_logits"),
        (lambda: losses.kl_normal(tokens, x), "mean"),
        (lambda: losses.kl_normal(x, tokens), "log_variance"),
        (lambda: losses.distillation(tokens, x), "student"),
        (lambda: losses.distillation(x, tokens), "teacher"),
    ]:
        assert message(call, TypeError) == (
            f"{told} has dtype torch.int64, a floating one is needed; use {told}.float()"
        )
    assert message(lambda: losses.sequence_cross_entropy(text, x), TypeError) == (
        "target has dtype torch.float32, whole numbers are needed; use target.long()"
    )
