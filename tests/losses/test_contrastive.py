"""Losses of embeddings equal torch's and a naive double loop, also where distances vanish."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers, losses

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
both = pytest.mark.parametrize("on", [True, False])


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


@both
@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from([(4,), (1, 3), (5, 2)]),
    margin=st.sampled_from([0.2, 1.0, 5.0]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_triplet_equals_torch(on, shape, margin, reduction):
    theirs = nn.TripletMarginLoss(margin, reduction=reduction)
    found = []
    for loss in (lambda *x: losses.triplet(*x, margin=margin, reduction=reduction), theirs):
        x = [random(*shape, seed=i).requires_grad_() for i in range(3)]
        with layers.fused(on):
            value = loss(*x)
        value.sum().backward()
        found.append((value.detach(), *(leaf.grad for leaf in x)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@both
def test_a_triplet_far_enough_apart_costs_and_moves_nothing(on):
    x = torch.tensor([[0.0, 0.0]], requires_grad=True)
    near, far = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    with layers.fused(on):
        met = losses.triplet(x, near, far, margin=4.9)
        missed = losses.triplet(x, near, far, margin=7.0)
    assert met.item() == 0
    assert missed.item() == pytest.approx(2, abs=1e-5)
    met.backward()
    assert x.grad.tolist() == [[0, 0]]
    missed.backward()
    assert x.grad.isfinite().all()  # the distance to `near` is 0, where a root has no slope


@both
@settings(max_examples=15, deadline=None)
@given(batch=st.integers(2, 5), temperature=st.sampled_from([0.05, 0.5, 2.0]), seed=st.integers(0, 99))
def test_nt_xent_equals_a_double_loop(on, batch, temperature, seed):
    first, second = random(batch, 3, seed=seed), random(batch, 3, seed=seed + 100)
    views = [*first.tolist(), *second.tolist()]
    total = 0.0
    for i in range(2 * batch):
        score = [math.exp(cosine(views[i], views[k]) / temperature) for k in range(2 * batch)]
        others = sum(value for k, value in enumerate(score) if k != i)
        total -= math.log(score[(i + batch) % (2 * batch)] / others)
    with layers.fused(on):
        ours = losses.nt_xent(first, second, temperature=temperature)
    assert ours.item() == pytest.approx(total / (2 * batch), rel=1e-10)


@both
@settings(max_examples=15, deadline=None)
@given(batch=st.integers(2, 5), temperature=st.sampled_from([0.07, 1.0]), seed=st.integers(0, 99))
def test_info_nce_equals_a_double_loop(on, batch, temperature, seed):
    first, second = random(batch, 3, seed=seed), random(batch, 3, seed=seed + 100)
    score = [[math.exp(cosine(a, b) / temperature) for b in second.tolist()] for a in first.tolist()]
    rows = [-math.log(score[i][i] / sum(score[i])) for i in range(batch)]
    columns = [-math.log(score[i][i] / sum(row[i] for row in score)) for i in range(batch)]
    with layers.fused(on):
        ours = losses.info_nce(first, second, temperature=temperature)
    assert ours.item() == pytest.approx((sum(rows) + sum(columns)) / (2 * batch), rel=1e-10)


@both
@pytest.mark.parametrize("loss", [losses.nt_xent, losses.info_nce])
def test_gradients_are_those_of_finite_differences(on, loss):
    x = [random(3, 2, seed=i).requires_grad_() for i in range(2)]
    with layers.fused(on):
        assert torch.autograd.gradcheck(loss, x)
        t = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        losses.info_nce(*x, temperature=t).backward()
    assert t.grad.isfinite()
    assert t.grad != 0


@both
def test_length_does_not_matter_and_guessing_costs_the_logarithm(on):
    first, second = random(4, 3), random(4, 3, seed=1)
    same = torch.ones(4, 3)
    with layers.fused(on):
        for loss, guess in ((losses.nt_xent, math.log(7)), (losses.info_nce, math.log(4))):
            scaled = loss(1e6 * first, 1e-6 * second)
            torch.testing.assert_close(scaled, loss(first, second), rtol=1e-10, atol=0)
            assert loss(same, same).item() == pytest.approx(guess, rel=1e-6)


@both
@pytest.mark.parametrize("loss", [losses.nt_xent, losses.info_nce])
def test_extreme_input_stays_finite(on, loss):
    for x in (torch.zeros(3, 2), torch.full((3, 2), 1e15), torch.eye(3, 2) * 1e-8):
        leaf = x.clone().requires_grad_()
        with layers.fused(on):
            value = loss(leaf, x, temperature=1e-3)
        value.backward()
        assert value.isfinite()
        assert leaf.grad.isfinite().all()


def message(call, kind=ValueError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@own_checks
def test_bad_input_is_named():
    x = torch.ones(2, 3)
    for loss in (losses.nt_xent, losses.info_nce):
        for call, text in [
            (
                lambda loss=loss: loss(x, torch.ones(2, 2)),
                "first has shape (2, 3) and second (2, 2); they must be the same, reshape one of them",
            ),
            (
                lambda loss=loss: loss(x[:1], x[:1]),
                "first has 1 rows, there is nothing to tell apart; give two or more",
            ),
            (
                lambda loss=loss: loss(x[0], x[0]),
                "first has shape (3,), 2 dimensions are needed; reshape it",
            ),
            (
                lambda loss=loss: loss(x, x, temperature=0.0),
                "temperature=0.0 is out of range; give a float > 0",
            ),
        ]:
            assert message(call) == text
        assert message(lambda loss=loss: loss(x.long(), x), TypeError) == (
            "first has dtype torch.int64, a floating one is needed; use first.float()"
        )
    assert message(lambda: losses.triplet(x, x, x[:1])) == (
        "anchor has shape (2, 3) and negative (1, 3); they must be the same, reshape one of them"
    )
    assert message(lambda: losses.triplet(x, x, x, margin=0.0)) == (
        "margin=0.0 is out of range; give a float > 0"
    )
    assert message(lambda: losses.triplet(x, x, x, reduction="men")) == (
        "reduction='men' is not known; did you mean 'mean'? choose from mean, sum, none"
    )
    assert message(lambda: losses.triplet(x, x.long(), x), TypeError) == (
        "positive has dtype torch.int64, a floating one is needed; use positive.float()"
    )
