"""Optimizers equal torch.optim's over 1,000 steps, as kernel and as formula."""

import copy
import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers, optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

CASES = {
    "sgd": ("SGD", {"lr": 0.05}),
    "sgd_decay": ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "dampening": ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    "nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop_momentum": ("RMSprop", {"lr": 0.001, "momentum": 0.9, "alpha": 0.9, "weight_decay": 0.01}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam_decay": ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw_decay": ("AdamW", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.3}),
}
every_case = pytest.mark.parametrize("case", CASES)
both = pytest.mark.parametrize("on", [True, False])
SHAPES = ((3, 4), (5,), (), (2, 2, 2))


def parameters(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype)) for s in SHAPES]


def pull(params, step, scale=1.0):
    """Gradients of a noisy quadratic with a different curvature per coordinate."""
    generator = torch.Generator().manual_seed(step)
    for p in params:
        noise = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        curvature = torch.linspace(0.1, 2, p.numel(), dtype=torch.float64).view(p.shape)
        p.grad = (scale * (curvature * (p.detach().double() - 1) + noise)).to(p.dtype)


def walk(optimizer, params, steps, start=0, scale=1.0):
    for step in range(start, start + steps):
        pull(params, step, scale)
        optimizer.step()


def pair(case, dtype=torch.float64, **options):
    name, arguments = CASES[case]
    ours, theirs = parameters(dtype), parameters(dtype)
    fast = {} if name == "RMSprop" else {"fused": True}
    return (
        (getattr(optim, name)(ours, **arguments, **options), ours),
        (getattr(torch.optim, name)(theirs, **arguments, **fast), theirs),
    )


def assert_equal(ours, theirs, tolerance):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@every_case
def test_formula_and_kernel_equal_torch_over_1000_steps(case, dtype):
    kernel, torchs = pair(case, dtype)
    formula, _ = pair(case, dtype, fused=False)
    for optimizer, params in (kernel, formula, torchs):
        walk(optimizer, params, 1000)
    tolerance = 1e-6 if dtype == torch.float64 else 1e-5
    assert_equal(kernel[1], torchs[1], 1e-6)
    assert_equal(formula[1], torchs[1], tolerance)


@every_case
@settings(max_examples=8, deadline=None)
@given(scale=st.sampled_from([1e-4, 1.0, 1e4]), steps=st.integers(1, 6), on=st.booleans())
def test_first_steps_equal_torch_at_any_gradient_scale(case, scale, steps, on):
    ours, theirs = pair(case, fused=on)
    for optimizer, params in (ours, theirs):
        walk(optimizer, params, steps, scale=scale)
    assert_equal(ours[1], theirs[1], 1e-10)


@pytest.mark.parametrize("on", [True, False])
@every_case
def test_bfloat16_parameters_follow_torch(case, on):
    ours, theirs = pair(case, torch.bfloat16, fused=on)
    for optimizer, params in (ours, theirs):
        walk(optimizer, params, 5)
    assert_equal(ours[1], theirs[1], 6e-2)


@every_case
def test_state_moves_from_torch_and_back(case):
    name, _ = CASES[case]
    ours, theirs = pair(case)
    walk(*theirs, 7)
    params = copy.deepcopy(theirs[1])
    follower = getattr(optim, name)(params, lr=99.0)
    follower.load_state_dict(copy.deepcopy(theirs[0].state_dict()))  # a load does not copy
    for optimizer, values in ((follower, params), theirs):
        walk(optimizer, values, 7, start=7)
    assert_equal(params, theirs[1], 1e-10)

    walk(*ours, 7)
    params = copy.deepcopy(ours[1])
    follower = getattr(torch.optim, name)(params, lr=99.0)
    follower.load_state_dict(copy.deepcopy(ours[0].state_dict()))
    for optimizer, values in ((follower, params), ours):
        walk(optimizer, values, 7, start=7)
    assert_equal(params, ours[1], 1e-10)
    for key in theirs[0].state_dict()["state"]:
        assert ours[0].state_dict()["state"][key].keys() == theirs[0].state_dict()["state"][key].keys()


@every_case
def test_resuming_from_a_state_dict_is_bit_identical(case):
    (optimizer, params), _ = pair(case, torch.float32)
    walk(optimizer, params, 5)
    saved, values = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(params)
    walk(optimizer, params, 5, start=5)
    (fresh, _), _ = pair(case, torch.float32)
    fresh = type(fresh)(values, lr=1.0)
    fresh.load_state_dict(saved)
    walk(fresh, values, 5, start=5)
    assert all(torch.equal(a, b) for a, b in zip(params, values, strict=True))


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_switch_of_the_layers_reaches_the_optimizer(name, monkeypatch):
    kind = getattr(optim, name)
    called = []
    monkeypatch.setattr(kind, "_formula", staticmethod(lambda *a: called.append("formula")))
    monkeypatch.setattr(kind, "_kernel", staticmethod(lambda *a: called.append("kernel")))
    params = parameters()[:1]
    optimizer = kind(params, lr=0.1)
    pull(params, 0)
    optimizer.step()
    with layers.fused(False):
        optimizer.step()
    optimizer.param_groups[0]["fused"] = False
    optimizer.step()
    assert called == ["kernel", "formula", "formula"]


@both
def test_groups_and_missing_gradients(on):
    a, b, c = (nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer = optim.SGD([{"params": [a, c], "lr": 1.0}, {"params": [b]}], lr=0.1, momentum=0.9, fused=on)
    for gradient_of_c in (None, torch.ones(2)):
        a.grad, b.grad, c.grad = torch.ones(2), torch.ones(2), gradient_of_c
        optimizer.step()
    assert a.tolist() == pytest.approx([1 - 1 - 1.9] * 2, rel=1e-6)
    assert b.tolist() == pytest.approx([1 - 0.1 - 0.19] * 2, rel=1e-6)
    assert c.tolist() == [0, 0]  # its first step is undamped momentum, whenever it comes


def test_a_closure_is_evaluated_with_gradients():
    p = nn.Parameter(torch.tensor(2.0))
    optimizer = optim.Adam([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = p**2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4
    assert p.item() == pytest.approx(1.5)


@both
def test_ema_momentum_is_a_moving_average(on):
    ours = parameters()
    optimizer = optim.EMAMomentum(ours, lr=0.1, momentum=0.8, weight_decay=0.05, fused=on)
    expected = [p.detach().clone() for p in ours]
    averages = [torch.zeros_like(p) for p in expected]
    for step in range(50):
        pull(ours, step)
        grads = [p.grad + 0.05 * q for p, q in zip(ours, expected, strict=True)]
        averages = [0.8 * v + 0.2 * g for v, g in zip(averages, grads, strict=True)]
        expected = [q - 0.1 * v for q, v in zip(expected, averages, strict=True)]
        optimizer.step()
    assert_equal([p.detach() for p in ours], expected, 1e-12)


@both
def test_torchs_momentum_moves_ten_times_as_far_as_the_average(on):
    distance = {}
    for kind in (optim.SGD, optim.EMAMomentum):
        p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = kind([p], lr=1.0, momentum=0.9, fused=on)
        for _ in range(400):
            before = p.item()
            p.grad = torch.ones_like(p)
            optimizer.step()
        distance[kind] = before - p.item()
    assert distance[optim.SGD] / distance[optim.EMAMomentum] == pytest.approx(10, rel=1e-6)


@both
def test_adams_first_step_has_the_size_of_the_learning_rate(on):
    p = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    p.grad = torch.tensor([1e-3, 1.0, -1e3], dtype=torch.float64)
    optim.Adam([p], lr=0.01, fused=on).step()
    assert p.tolist() == pytest.approx([-0.01, -0.01, 0.01], rel=1e-4)


@both
def test_decoupled_decay_ignores_the_gradients_scale(on):
    moved = {}
    for kind in (optim.Adam, optim.AdamW):
        p = nn.Parameter(torch.full((1,), 2.0, dtype=torch.float64))
        p.grad = torch.zeros_like(p)
        kind([p], lr=0.1, weight_decay=0.5, fused=on).step()
        moved[kind] = 2 - p.item()
    assert moved[optim.AdamW] == pytest.approx(0.1 * 0.5 * 2)
    assert moved[optim.Adam] == pytest.approx(0.1, rel=1e-6)  # the penalty is normalized away


def test_works_with_torchs_schedulers_and_copies():
    p = nn.Parameter(torch.ones(1))
    optimizer = optim.AdamW([p], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, optim.cosine(2))
    p.grad = torch.ones(1)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5)
    assert copy.deepcopy(optimizer).param_groups[0]["fused"] is True


@own_checks
def test_bad_arguments_are_named():
    p = [nn.Parameter(torch.ones(1))]
    for call, text in [
        (lambda: optim.SGD(p, lr=-1.0), "lr=-1.0 is out of range; give a float >= 0"),
        (lambda: optim.SGD(p, momentum=-0.1), "momentum=-0.1 is out of range; give a float >= 0"),
        (
            lambda: optim.SGD(p, nesterov=True),
            "nesterov=True with momentum=0.0 and dampening=0.0, it needs momentum and no dampening; "
            "set momentum=0.9, dampening=0",
        ),
        (
            lambda: optim.EMAMomentum(p, momentum=1.0),
            "momentum=1.0 is out of range; give a float >= 0 and < 1",
        ),
        (lambda: optim.RMSprop(p, alpha=1.0), "alpha=1.0 is out of range; give a float >= 0 and < 1"),
        (
            lambda: optim.Adam(p, betas=(0.9, 1.0)),
            "betas[1]=1.0 is out of range; give a float >= 0 and < 1",
        ),
        (lambda: optim.Adam(p, betas=(0.9,)), "betas=(0.9,) must be a pair; give (0.9, 0.999), say"),
        (lambda: optim.AdamW(p, eps=math.nan), "eps=nan is out of range; give a float >= 0"),
        (
            lambda: optim.AdamW(p, weight_decay=-1.0),
            "weight_decay=-1.0 is out of range; give a float >= 0",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


def test_a_state_with_options_kit_lacks_is_refused():
    p = [nn.Parameter(torch.ones(1))]
    for name, option in [
        ("Adam", "amsgrad"),
        ("AdamW", "amsgrad"),
        ("SGD", "maximize"),
        ("RMSprop", "centered"),
        ("Adam", "decoupled_weight_decay"),
    ]:
        if option not in inspect.signature(getattr(torch.optim, name)).parameters:
            continue  # newer than this torch
        state = getattr(torch.optim, name)(p, **{option: True}).state_dict()
        with pytest.raises(ValueError) as error:
            getattr(optim, name)(p).load_state_dict(state)
        assert str(error.value) == (
            f"{option}=True is not known to kit.optim.{name}; load this state into torch.optim.{name}"
        )
