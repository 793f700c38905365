"""Schedules equal torch's, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from kit import optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def rates(make, steps, lr=0.3):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=lr)
    scheduler, seen = make(optimizer), []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def assert_same(factor, theirs, steps):
    ours = rates(lambda o: lr_scheduler.LambdaLR(o, factor), steps)
    assert ours == pytest.approx(rates(theirs, steps), abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(every=st.integers(1, 9), gamma=st.floats(0.05, 1.5))
def test_step_decay_equals_torch(every, gamma):
    assert_same(optim.step_decay(every, gamma), lambda o: lr_scheduler.StepLR(o, every, gamma), 20)


@settings(max_examples=10, deadline=None)
@given(gamma=st.floats(0.5, 1.1))
def test_exponential_equals_torch(gamma):
    assert_same(optim.exponential(gamma), lambda o: lr_scheduler.ExponentialLR(o, gamma), 20)


@settings(max_examples=15, deadline=None)
@given(total=st.integers(2, 30), floor=st.floats(0, 1))
def test_cosine_equals_torch(total, floor):
    assert_same(
        optim.cosine(total, floor),
        lambda o: lr_scheduler.CosineAnnealingLR(o, total, eta_min=0.3 * floor),
        total + 1,
    )


@settings(max_examples=15, deadline=None)
@given(steps=st.integers(1, 12), start=st.floats(0.01, 1))
def test_warmup_equals_torch(steps, start):
    assert_same(
        optim.linear_warmup(steps, start),
        lambda o: lr_scheduler.LinearLR(o, start_factor=start, total_iters=steps),
        20,
    )


@settings(max_examples=20, deadline=None)
@given(total=st.integers(10, 40), warmup=st.floats(0.2, 0.8))
def test_one_cycle_equals_torch(total, warmup):
    assert_same(
        optim.one_cycle(total, warmup=warmup),
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=0.3, total_steps=total, pct_start=warmup, cycle_momentum=False
        ),
        total - 1,
    )


def test_one_cycle_options_equal_torch():
    assert_same(
        optim.one_cycle(20, warmup=0.5, start=0.1, end=0.01),
        lambda o: lr_scheduler.OneCycleLR(
            o,
            max_lr=0.3,
            total_steps=20,
            pct_start=0.5,
            div_factor=10,
            final_div_factor=10,
            cycle_momentum=False,
        ),
        19,
    )


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # torch 2.6, about its own call
def test_then_equals_torchs_sequence():
    assert_same(
        optim.then(optim.linear_warmup(4, 0.1), 4, optim.cosine(6)),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.CosineAnnealingLR(o, 6)],
            milestones=[4],
        ),
        10,
    )


def test_ends_hold():
    assert optim.cosine(10, 0.2)(10) == optim.cosine(10, 0.2)(99) == pytest.approx(0.2)
    assert optim.linear_warmup(5)(0) == 0
    assert optim.linear_warmup(5)(99) == 1
    assert optim.one_cycle(10)(9) == optim.one_cycle(10)(99) == pytest.approx(4e-6)
    assert optim.one_cycle(2, warmup=0.5)(0) == 1
    assert optim.one_cycle(5, warmup=1.0)(4) == 1
    assert optim.one_cycle(5, warmup=0.0)(4) == pytest.approx(4e-6)
    assert optim.constant(0.5)(7) == 0.5


@own_checks
def test_bad_arguments_are_named():
    for call, text in [
        (lambda: optim.constant(-1.0), "factor=-1.0 is out of range; give a float >= 0"),
        (lambda: optim.step_decay(0), "every=0 is out of range; give an int >= 1"),
        (lambda: optim.step_decay(2, 0.0), "gamma=0.0 is out of range; give a float > 0"),
        (lambda: optim.exponential(-0.5), "gamma=-0.5 is out of range; give a float > 0"),
        (lambda: optim.cosine(0), "total=0 is out of range; give an int >= 1"),
        (lambda: optim.cosine(5, 2.0), "floor=2.0 is out of range; give a float >= 0 and <= 1"),
        (lambda: optim.linear_warmup(0), "steps=0 is out of range; give an int >= 1"),
        (lambda: optim.one_cycle(1), "total=1 is out of range; give an int >= 2"),
        (lambda: optim.one_cycle(9, start=0.0), "start=0.0 is out of range; give a float > 0"),
        (
            lambda: optim.then(optim.constant(), -1, optim.constant()),
            "steps=-1 is out of range; give an int >= 0",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
